"""A fault is shown when it is stored, is there after a restart, and is not hidden by a disk that fails."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.local.answers import EntityRef, ItemAnswer, ResourceError
from gateway.local.bindings import DataSpec, HeldData
from gateway.local.data_items import HeldItem
from gateway.local.fault_snapshots import Snapshots
from gateway.local.fault_spec import Debounce, DeclaredFault, FaultSpec, FaultStatus, Severity
from gateway.local.fault_store import FaultStore
from gateway.local.own import OwnEntities
from gateway.local.source import EntityResources
from gateway.local.storage import Statement, Storage, StorageFailure, Stored
from gateway.local.values import DataType
from tests.federation.eventually import eventually
from tests.unit.local.conftest import HandClock, app
from tests.unit.local.scripted import ScriptedSource

PUMP = app("pump")
ALL = frozenset(FaultStatus)
FULL = StorageFailure("the disk is full")
HOT = FaultSpec("HOT", Severity.CRITICAL, "too hot", Debounce(2, 2), snapshot=("temperature",))


class SlowDisk:
    """A `Keep` that ends its writes when it is told to, in their order."""

    def __init__(self) -> None:
        self.waiting: list[Stored] = []
        self.rows: list[Statement] = []

    def keep(self, statements: Sequence[Statement], stored: Stored) -> None:
        self.rows.extend(statements)
        self.waiting.append(stored)

    def end(self, failure: StorageFailure | None = None) -> None:
        self.waiting.pop(0)(failure)


def store_on(disk: SlowDisk) -> FaultStore:
    clock = HandClock()
    return FaultStore(
        sources=lambda ref: [ref.id],
        snapshots=Snapshots(lambda ref, name: None, clock),
        clock=clock,
        keep=disk.keep,
    )


@asynccontextmanager
async def pump(folder: Path, *faults: DeclaredFault) -> AsyncIterator[OwnEntities]:
    """The own entities of one run of a gateway."""
    temperature = HeldItem(HeldData(DataSpec("temperature", "temperature", DataType.INT), 90), HandClock())
    source = ScriptedSource(PUMP, EntityResources(data={"temperature": temperature}, faults=faults, fault_specs=(HOT,)))
    own = OwnEntities([source], clock=HandClock(), storage=Storage(folder, clock=HandClock(), retry_s=0.01))
    await own.start()
    running = asyncio.create_task(own.run())
    try:
        yield own
    finally:
        running.cancel()
        await asyncio.wait({running})
        await own.close()


def statuses(faults: FaultStore, ref: EntityRef = PUMP) -> dict[str, str]:
    return {item["fault_code"]: item["status"] for item in faults.items(ref, ALL)}


async def test_everything_of_a_fault_is_there_after_a_restart(tmp_path: Path) -> None:
    async with pump(tmp_path) as own:
        for _ in range(2):
            assert await own.faults.raise_fault(PUMP, "HOT") is None
        assert await own.faults.raise_fault(PUMP, "OTHER") is None
        assert (await own.faults.clear(PUMP, "OTHER")).status == 204
        await eventually(lambda: own.faults.book.snapshot(PUMP, "HOT"))
        listed, details = own.faults.items(PUMP, ALL), own.faults.detail(PUMP, "HOT")
        assert statuses(own.faults) == {"HOT": "CONFIRMED", "OTHER": "CLEARED"}
    async with pump(tmp_path) as own:
        assert own.faults.items(PUMP, ALL) == listed
        assert own.faults.detail(PUMP, "HOT") == details
        await own.faults.heal_fault(PUMP, "HOT")
        await own.faults.heal_fault(PUMP, "HOT")
        assert statuses(own.faults)["HOT"] == "HEALED"


async def test_what_counts_towards_confirming_survives_too(tmp_path: Path) -> None:
    async with pump(tmp_path) as own:
        await own.faults.raise_fault(PUMP, "HOT")
        assert statuses(own.faults) == {"HOT": "PREFAILED"}
    async with pump(tmp_path) as own:
        await own.faults.raise_fault(PUMP, "HOT")
        assert statuses(own.faults) == {"HOT": "CONFIRMED"}


async def test_a_declared_fault_that_was_cleared_stays_cleared(tmp_path: Path) -> None:
    declared = (DeclaredFault(FaultSpec("LINK")), DeclaredFault(FaultSpec("OTHER")))
    async with pump(tmp_path, *declared) as own:
        assert (await own.faults.clear(PUMP, "LINK")).status == 204
    async with pump(tmp_path, *declared) as own:
        assert statuses(own.faults) == {"LINK": "CLEARED", "OTHER": "CONFIRMED"}


def test_a_fault_is_shown_when_it_is_stored() -> None:
    disk = SlowDisk()
    faults = store_on(disk)
    for _ in range(2):
        assert faults.report_failed(PUMP, "X", FaultSpec("X", debounce=Debounce(2)), lambda _: None) is None
    assert statuses(faults) == {}
    disk.end()
    assert statuses(faults) == {"X": "PREFAILED"}
    disk.end()
    assert statuses(faults) == {"X": "CONFIRMED"}


async def test_a_clearing_counts_when_it_is_stored_and_reports_after_it_come_after_it() -> None:
    disk = SlowDisk()
    faults = store_on(disk)
    faults.report_failed(PUMP, "X", FaultSpec("X", debounce=Debounce(2)), lambda _: None)
    clearing = asyncio.create_task(faults.clear(PUMP, "X"))
    await asyncio.sleep(0)
    faults.report_failed(PUMP, "X", None, lambda _: None)
    seen = []
    for _ in range(3):
        disk.end()
        seen.append(statuses(faults)["X"])
    assert seen == ["PREFAILED", "CLEARED", "PREFAILED"]
    assert await clearing == ItemAnswer(204, None)


async def test_a_clearing_that_cannot_be_stored_is_refused_and_none() -> None:
    disk = SlowDisk()
    faults = store_on(disk)
    faults.report_failed(PUMP, "X", FaultSpec("X"), lambda _: None)
    disk.end()
    clearing = asyncio.create_task(faults.clear(PUMP, "X"))
    await eventually(lambda: disk.waiting)
    disk.end(FULL)
    answer = await clearing
    assert isinstance(answer, ResourceError)
    assert (answer.status, answer.code) == (503, "service-unavailable")
    assert answer.message == "Nothing was cleared, for it cannot be stored: the disk is full"
    assert statuses(faults) == {"X": "CONFIRMED"}
    faults.report_passed(PUMP, "X", lambda _: None)
    disk.end()
    assert statuses(faults) == {"X": "HEALED"}


async def test_of_several_all_are_cleared_or_none() -> None:
    disk = SlowDisk()
    faults = store_on(disk)
    for code in ("X", "Y"):
        faults.report_failed(PUMP, code, None, lambda _: None)
        disk.end()
    clearing = asyncio.create_task(faults.clear_all(None, ALL))
    await eventually(lambda: disk.waiting)
    disk.end(FULL)
    assert (await clearing).status == 503
    assert statuses(faults) == {"X": "CONFIRMED", "Y": "CONFIRMED"}
    assert len(disk.waiting) == 0


async def test_a_full_disk_hides_no_fault_and_it_is_stored_when_there_is_room() -> None:
    disk = SlowDisk()
    faults = store_on(disk)
    raising = asyncio.create_task(faults.raise_fault(PUMP, "X"))
    await eventually(lambda: disk.waiting)
    disk.end(FULL)
    answer = await raising
    assert isinstance(answer, ResourceError)
    assert answer.message == "Fault 'X' is shown, but cannot be stored: the disk is full"
    assert statuses(faults) == {"X": "CONFIRMED"}
    disk.rows.clear()
    faults.book.save_again()
    disk.end()
    assert [row.values[2] for row in disk.rows] == ["X"]
    faults.book.save_again()
    assert disk.waiting == []


async def test_what_a_full_disk_did_not_take_is_on_it_when_there_is_room(tmp_path: Path) -> None:
    async with pump(tmp_path) as own:
        assert own.storage is not None
        assert own.storage._file is not None
        await own.storage._file.execute_fetchall("PRAGMA query_only = 1")
        assert isinstance(await own.faults.raise_fault(PUMP, "X"), ResourceError)
        assert own.storage.failure is not None
        await own.storage._file.execute_fetchall("PRAGMA query_only = 0")
        await eventually(lambda: own.faults.book._unsaved == set())
    async with pump(tmp_path) as own:
        assert statuses(own.faults) == {"X": "CONFIRMED"}


async def test_a_fault_from_before_the_file_could_be_read_is_stored_into_it(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    async with pump(folder) as own:
        assert isinstance(await own.faults.raise_fault(PUMP, "X"), ResourceError)
        assert statuses(own.faults) == {"X": "CONFIRMED"}
        folder.mkdir()
        await eventually(lambda: own.storage is not None and own.storage.failure is None)
    async with pump(folder) as own:
        assert statuses(own.faults) == {"X": "CONFIRMED"}


async def test_what_was_stored_is_shown_as_soon_as_the_file_can_be_read(tmp_path: Path) -> None:
    folder, away = tmp_path / "state", tmp_path / "away"
    folder.mkdir()
    async with pump(folder) as own:
        await own.faults.raise_fault(PUMP, "KEPT")
    folder.rename(away)
    async with pump(folder) as own:
        await own.faults.raise_fault(PUMP, "NEW")
        away.rename(folder)
        await eventually(lambda: statuses(own.faults) == {"NEW": "CONFIRMED", "KEPT": "CONFIRMED"})


@pytest.mark.parametrize(("kind", "record"), [("bricks", "{}"), ("apps", "{"), ("apps", "{}"), ("apps", "[]")])
def test_a_row_that_is_none_of_ours_is_left_alone(kind: str, record: str) -> None:
    row = (kind, "pump", "X", record)
    faults = store_on(SlowDisk())
    faults.book.restore([row], [row])
    assert statuses(faults) == {}
