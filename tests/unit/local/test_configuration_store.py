"""Values are in range, stored before they are answered, taken by whom they are for, and back after a restart."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from gateway.local.answers import EntityRef, ItemAnswer, ResourceError
from gateway.local.bindings import Apply, Configuration, Refusal
from gateway.local.configuration_rows import ALL_ROWS
from gateway.local.configuration_store import ConfigurationStore, FailedReset, ResetReport
from gateway.local.origins import FileTarget
from gateway.local.storage import Statement, Storage, StorageFailure, Stored
from gateway.local.value_range import ValueRange
from gateway.local.values import DataType
from tests.federation.eventually import eventually
from tests.unit.local.conftest import HandClock, app

PUMP = app("pump")


class Device:
    """Whoever a value is for: notes what it is told, refuses what it does not like, waits while it is busy."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.refused: dict[Any, Refusal] = {}
        self.free = asyncio.Event()
        self.free.set()

    async def apply(self, value: Any) -> Refusal | None:
        self.told.append(value)
        await self.free.wait()
        return self.refused.get(value)


class Disk:
    """A `Keep` that is told to fail."""

    def __init__(self) -> None:
        self.failure: StorageFailure | None = None

    def keep(self, statements: Any, stored: Any) -> None:
        stored(self.failure)


def limit(apply: Apply | None = None, allowed: ValueRange = ValueRange(0, 10)) -> Configuration:  # noqa: B008 -- it is a frozen value
    return Configuration("limit", 4.0, DataType.DOUBLE, unit="bar", range=allowed, apply=apply)


def store_of(*items: Configuration, disk: Disk | None = None) -> ConfigurationStore:
    store = ConfigurationStore(clock=HandClock(), keep=(disk or Disk()).keep)
    store.declare({PUMP: items}, {})
    return store


@asynccontextmanager
async def running(folder: Path, *items: Configuration, ref: EntityRef = PUMP) -> AsyncIterator[ConfigurationStore]:
    """Configurations with a file."""
    storage = Storage(folder, clock=HandClock())
    store = ConfigurationStore(clock=HandClock(), keep=storage.keep)
    store.declare({ref: items}, {})

    async def restore() -> StorageFailure | None:
        rows = await storage.read(ALL_ROWS)
        assert not isinstance(rows, StorageFailure)
        store.restore(rows)
        return None

    storage.opened = restore
    await storage.open()
    tasks = [asyncio.create_task(storage.run()), asyncio.create_task(store.run())]
    try:
        yield store
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await storage.close()


def value_of(store: ConfigurationStore, item: str = "limit") -> Any:
    answer = store.item(PUMP, item)
    assert isinstance(answer, ItemAnswer)
    assert answer.body is not None
    assert answer.body["data"] == answer.body["value"] == answer.body["x-medkit"]["parameter"]["value"]
    return answer.body["data"]


async def write(store: ConfigurationStore, value: Any) -> int:
    return (await store.write(PUMP, "limit", {"value": value})).status


async def test_a_parameter_tells_its_unit_and_range() -> None:
    (parameter,) = store_of(limit()).items(PUMP).parameters
    assert {"min": 0, "max": 10, "unit": "bar"}.items() <= parameter.items()
    assert "step" not in parameter


@pytest.mark.parametrize("value", [-0.1, 10.1])
async def test_a_value_out_of_range_is_refused_and_changes_nothing(value: float) -> None:
    device = Device()
    store = store_of(limit(device.apply))
    answer = await store.write(PUMP, "limit", {"data": value})
    assert isinstance(answer, ResourceError)
    assert (answer.status, answer.code) == (400, "invalid-parameter")
    assert answer.parameters["details"] == f"found {value}, allowed are values from 0 up to 10"
    assert value_of(store) == 4.0
    assert device.told == []


async def test_whoever_it_is_for_is_told_before_the_value_counts() -> None:
    device = Device()
    device.free.clear()
    store = store_of(limit(device.apply))
    writing = asyncio.create_task(write(store, 5))
    await eventually(lambda: device.told == [5.0])
    assert value_of(store) == 4.0
    device.free.set()
    assert await writing == 200
    assert value_of(store) == 5.0


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (Refusal("the pump runs"), 409, "precondition-not-fulfilled"),
        (Refusal("it is not there", failed=True), 503, "service-unavailable"),
    ],
)
async def test_what_is_refused_is_not_stored_and_the_reason_told(refusal: Refusal, status: int, code: str) -> None:
    device = Device()
    device.refused[5.0] = refusal
    store = store_of(limit(device.apply))
    answer = await store.write(PUMP, "limit", {"data": 5})
    assert isinstance(answer, ResourceError)
    assert (answer.status, answer.code, answer.parameters["details"]) == (status, code, refusal.reason)
    assert value_of(store) == 4.0


async def test_a_value_that_cannot_be_stored_is_refused_and_taken_back() -> None:
    device, disk = Device(), Disk()
    store = store_of(limit(device.apply), disk=disk)
    assert await write(store, 5) == 200
    disk.failure = StorageFailure("the disk is full")
    answer = await store.write(PUMP, "limit", {"data": 6})
    assert isinstance(answer, ResourceError)
    assert (answer.status, answer.code) == (503, "service-unavailable")
    assert "cannot be stored: the disk is full" in answer.message
    assert value_of(store) == 5.0
    assert device.told == [5.0, 6.0, 5.0]
    assert (await store.reset(PUMP, "limit")).status == 503
    assert value_of(store) == 5.0


async def test_of_two_writers_the_one_that_is_answered_last_is_in_force_everywhere(tmp_path: Path) -> None:
    device = Device()
    async with running(tmp_path, limit(device.apply)) as store:
        answers = await asyncio.gather(*(store.write(PUMP, "limit", {"data": n / 10}) for n in range(100)))
        values = [answer.body["data"] for answer in answers if isinstance(answer, ItemAnswer) and answer.body]
        assert values == [n / 10 for n in range(100)]
        assert device.told == values
        assert value_of(store) == 9.9
    async with running(tmp_path, limit()) as store:
        assert value_of(store) == 9.9


async def test_a_reset_while_a_write_is_under_way_comes_after_it(tmp_path: Path) -> None:
    device = Device()
    device.free.clear()
    async with running(tmp_path, limit(device.apply)) as store:
        writing = asyncio.create_task(write(store, 5))
        await eventually(lambda: device.told == [5.0])
        resetting = asyncio.create_task(store.reset(PUMP, "limit"))
        device.free.set()
        assert await writing == 200
        assert (await resetting).status == 204
        assert device.told == [5.0, 4.0]
        assert value_of(store) == 4.0
    async with running(tmp_path, limit()) as store:
        assert value_of(store) == 4.0


async def test_a_reset_of_all_says_which_could_not_be() -> None:
    device = Device()
    device.refused[4.0] = Refusal("the pump runs")
    store = store_of(limit(device.apply), Configuration("mode", "auto", DataType.STRING))
    assert await write(store, 5) == 200
    assert (await store.write(PUMP, "mode", {"data": "manual"})).status == 200
    assert await store.reset_all(PUMP) == ResetReport(
        1, (FailedReset("limit", "The value was refused by 'pump': the pump runs"),)
    )
    assert value_of(store, "mode") == "auto"
    assert value_of(store) == 5.0


async def test_what_is_at_its_default_is_not_applied_by_a_reset() -> None:
    device = Device()
    store = store_of(limit(device.apply))
    assert await store.reset_all(PUMP) == ResetReport(1)
    assert device.told == []


async def test_a_value_is_put_into_effect_again_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path, limit()) as store:
        assert await write(store, 5) == 200
    device = Device()
    async with running(tmp_path, limit(device.apply)) as store:
        assert value_of(store) == 5.0
        await eventually(lambda: device.told == [5.0])


async def test_a_stored_value_that_is_not_taken_any_more_says_so(tmp_path: Path) -> None:
    async with running(tmp_path, limit()) as store:
        assert await write(store, 5) == 200
    device = Device()
    device.refused[5.0] = Refusal("not now")
    async with running(tmp_path, limit(device.apply)) as store:

        def error() -> Any:
            return store.items(PUMP).parameters[0].get("error")

        await eventually(lambda: error() == {"error_code": "service-unavailable", "message": "not now"})
        device.refused.clear()
        assert await write(store, 5) == 200
        assert error() is None


@pytest.mark.parametrize(
    "changed", [limit(allowed=ValueRange(0, 2)), Configuration("limit", "x", DataType.STRING)], ids=["range", "type"]
)
async def test_a_stored_value_that_fits_no_more_waits_until_it_fits_again(
    tmp_path: Path, changed: Configuration
) -> None:
    async with running(tmp_path, limit()) as store:
        assert await write(store, 5) == 200
    async with running(tmp_path, changed) as store:
        assert value_of(store) == changed.value
    async with running(tmp_path, limit()) as store:
        assert value_of(store) == 5.0


async def test_a_value_of_an_entity_that_comes_later_is_its_value(tmp_path: Path) -> None:
    async with running(tmp_path, limit()) as store:
        assert await write(store, 5) == 200
    async with running(tmp_path, limit(), ref=app("other")) as store:
        store.declare({PUMP: (limit(),)}, {})
        assert value_of(store) == 5.0


async def test_what_was_set_before_the_file_could_be_read_counts_and_is_stored() -> None:
    statements: list[Any] = []

    def keep(given: Any, stored: Any) -> None:
        statements.extend(given)
        stored(None)

    store = ConfigurationStore(clock=HandClock(), keep=keep)
    store.declare({PUMP: (limit(), Configuration("mode", "auto", DataType.STRING))}, {})
    assert await write(store, 5) == 200
    statements.clear()
    store.restore([("apps", "pump", "mode", '"manual"'), ("bricks", "pump", "mode", "1"), ("apps", "pump", "x", "{")])
    assert value_of(store) == 5.0
    assert value_of(store, "mode") == "manual"
    assert [statement.values[2] for statement in statements] == ["limit"]


class HungDisk:
    """A `Keep` that tells nothing before it is told to."""

    def __init__(self) -> None:
        self.waiting: list[Stored] = []

    def keep(self, statements: Iterable[Statement], stored: Stored) -> None:
        self.waiting.append(stored)


@asynccontextmanager
async def impatient(disk: HungDisk, item: Configuration) -> AsyncIterator[ConfigurationStore]:
    """Configurations whose writers do not wait for a disk that hangs."""
    store = ConfigurationStore(clock=HandClock(), keep=disk.keep, patience_s=0.02)
    store.declare({PUMP: (item,)}, {})
    working = asyncio.create_task(store.run())
    yield store
    working.cancel()
    await asyncio.wait({working})


async def test_a_change_that_a_hanging_disk_stores_in_the_end_counts_from_then_on() -> None:
    device, disk = Device(), HungDisk()
    async with impatient(disk, limit(device.apply)) as store:
        answer = await store.write(PUMP, "limit", {"data": 5})
        assert isinstance(answer, ResourceError)
        assert (answer.status, answer.code, answer.parameters["may_have_executed"]) == (504, "not-responding", True)
        assert value_of(store) == 4.0
        again = await store.write(PUMP, "limit", {"data": 6})
        assert isinstance(again, ResourceError)
        assert (again.status, again.parameters["details"]) == (503, "an earlier change of it still waits for the disk")
        disk.waiting.pop()(None)
        assert value_of(store) == 5.0
        assert device.told == [5.0]
        assert await write(store, 6) == 504
        assert len(disk.waiting) == 1


async def test_a_change_that_a_hanging_disk_does_not_store_in_the_end_is_taken_back() -> None:
    device, disk = Device(), HungDisk()
    async with impatient(disk, limit(device.apply)) as store:
        assert await write(store, 5) == 504
        disk.waiting.pop()(StorageFailure("the disk is full"))
        await eventually(lambda: device.told == [5.0, 4.0])
        assert value_of(store) == 4.0
        assert (await store.reset(PUMP, "limit")).status == 204


@pytest.mark.parametrize(
    "changed",
    [
        Configuration("limit", 1.0, DataType.DOUBLE, range=ValueRange(0, 2)),
        Configuration("limit", "off", DataType.STRING),
    ],
    ids=["range", "type"],
)
async def test_a_value_that_a_manifest_read_again_does_not_allow_is_the_default_until_it_does(
    tmp_path: Path, changed: Configuration
) -> None:
    device = Device()
    async with running(tmp_path, limit(device.apply)) as store:
        assert await write(store, 5) == 200
        with structlog.testing.capture_logs() as logs:
            store.declare({PUMP: (replace(changed, apply=device.apply),)}, {})
        assert [(entry["event"], entry["item"]) for entry in logs] == [("stored value does not fit any more", "limit")]
        assert value_of(store) == changed.value
        await eventually(lambda: device.told == [5.0, changed.value])
        store.declare({PUMP: (limit(device.apply),)}, {})
        assert value_of(store) == 5.0
        await eventually(lambda: device.told == [5.0, changed.value, 5.0])
        store.declare({PUMP: (limit(device.apply),)}, {})
        assert await write(store, 6) == 200
        assert device.told == [5.0, changed.value, 5.0, 6.0]


async def test_nobody_waits_for_a_turn_without_end() -> None:
    device, disk = Device(), HungDisk()
    device.free.clear()
    async with impatient(disk, limit(device.apply)) as store:
        first = asyncio.create_task(write(store, 5))
        await eventually(lambda: device.told == [5.0])
        for answer in (await store.write(PUMP, "limit", {"data": 6}), await store.reset(PUMP, "limit")):
            assert isinstance(answer, ResourceError)
            assert (answer.status, answer.code) == (503, "service-unavailable")
            assert answer.parameters["details"] == "other changes of it are under way"
        device.free.set()
        assert await first == 504
        assert device.told == [5.0]


async def test_a_reset_beside_a_change_that_may_yet_be_stored_says_that_it_did_nothing() -> None:
    disk = HungDisk()
    async with impatient(disk, limit()) as store:
        assert await write(store, 5) == 504
        assert (await store.reset(PUMP, "limit")).status == 503
        report = await store.reset_all(PUMP)
        assert (report.reset_count, [one.id for one in report.failed]) == (0, ["limit"])
        disk.waiting.pop()(None)
        assert value_of(store) == 5.0


@pytest.mark.parametrize(
    ("since", "status"),
    [((replace(limit(), read_only=True),), 403), ((), 404), ((limit(allowed=ValueRange(0, 2)),), 400)],
    ids=["read-only", "gone", "range"],
)
async def test_what_waited_for_its_turn_goes_by_what_is_declared_then(
    since: tuple[Configuration, ...], status: int
) -> None:
    device = Device()
    device.free.clear()
    store = store_of(limit(device.apply))
    first = asyncio.create_task(write(store, 5))
    await eventually(lambda: device.told == [5.0])
    second = asyncio.create_task(write(store, 6))
    await asyncio.sleep(0)
    store.declare({PUMP: since}, {})
    device.free.set()
    assert await first == 200
    assert await second == status
    assert device.told == [5.0]


async def test_whoever_a_value_is_for_after_a_reload_is_told_of_it_and_nobody_twice(tmp_path: Path) -> None:
    before, after, mode = Device(), Device(), Device()
    kept = replace(limit(), id="mode", target=FileTarget(tmp_path))
    async with running(tmp_path, limit(before.apply), replace(kept, apply=mode.apply)) as store:
        assert await write(store, 5) == 200
        assert (await store.write(PUMP, "mode", {"data": 3})).status == 200
        store.declare({PUMP: (limit(after.apply), replace(kept, apply=Device().apply))}, {})
        await eventually(lambda: after.told == [5.0])
        store.declare({PUMP: (limit(after.apply), replace(kept, apply=mode.apply))}, {})
        assert await write(store, 6) == 200
        assert (before.told, after.told, mode.told) == ([5.0], [5.0, 6.0], [3.0])


async def test_whoever_comes_while_a_value_is_being_stored_is_told_of_it() -> None:
    before, after, disk = Device(), Device(), HungDisk()
    async with impatient(disk, limit(before.apply)) as store:
        assert await write(store, 5) == 504
        store.declare({PUMP: (limit(after.apply),)}, {})
        disk.waiting.pop()(None)
        await eventually(lambda: after.told == [5.0])
        assert (before.told, value_of(store)) == ([5.0], 5.0)


async def test_a_value_that_comes_back_and_is_not_taken_says_so_and_is_reset_all_the_same() -> None:
    device, disk = Device(), Disk()
    store = store_of(limit(device.apply), disk=disk)
    disk.failure = StorageFailure("the disk is full")
    device.refused[4.0] = Refusal("not now")
    with structlog.testing.capture_logs() as logs:
        assert await write(store, 6) == 503
    assert [(entry["event"], entry["item"], entry["why"]) for entry in logs] == [
        ("value was not taken", "limit", "not now")
    ]
    (parameter,) = store.items(PUMP).parameters
    assert (parameter["value"], parameter["error"]["message"]) == (4.0, "not now")
    disk.failure = None
    device.refused.clear()
    assert (await store.reset(PUMP, "limit")).status == 204
    assert device.told == [6.0, 4.0, 4.0]
    assert "error" not in store.items(PUMP).parameters[0]
