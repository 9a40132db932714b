"""Rules look at data items, each in its own time; what they see becomes a fault and goes again."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog

from gateway.local.answers import ItemAnswer
from gateway.local.bindings import DataSpec, HeldData
from gateway.local.data_items import DataItem, HeldItem, Reading, Sample
from gateway.local.fault_rule import Above, Changes, FaultRule, Stale, Unreadable
from gateway.local.fault_spec import Debounce, DeclaredFault, FaultSpec, FaultStatus
from gateway.local.own import OwnEntities
from gateway.local.source import EntityResources
from gateway.local.values import DataType
from tests.federation.eventually import eventually
from tests.unit.local.conftest import HandClock, MakeOwn, app
from tests.unit.local.scripted import ScriptedSource

PUMP = app("pump")
FAST = 0.1


class Hanging:
    """An item that never answers, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.spec = DataSpec("stuck", "stuck", DataType.DOUBLE)

    async def read(self) -> Reading:
        self.asked += 1
        await asyncio.Event().wait()
        return None

    async def listed(self) -> Reading:
        return None


class Breaking(Hanging):
    """An item that raises, which none should."""

    async def read(self) -> Reading:
        self.asked += 1
        raise OSError(errno.EMFILE, "Too many open files")


class Held(HeldItem):
    """A held item that counts how often it is read."""

    reads = 0

    def hold(self, value: Any) -> None:
        self._sample = Sample(value, self._clock())

    async def read(self) -> Reading:
        self.reads += 1
        return await super().read()

    async def read_again(self, times: int) -> None:
        """Returns when it was read so often from now on."""
        wanted = self.reads + times
        await eventually(lambda: self.reads >= wanted)


def held(item_id: str, value: Any, unit: str | None = None) -> Held:
    spec = DataSpec(item_id, item_id, DataType.DOUBLE, unit=unit, writable=True)
    return Held(HeldData(spec, value), HandClock())


def rule(item: str, condition: Any, code: str = "X", **spec: Any) -> FaultRule:
    return FaultRule(item, condition, FaultSpec(code, snapshot=("pressure",), **spec), every_s=FAST)


@asynccontextmanager
async def watching(*rules: FaultRule, faults: tuple[DeclaredFault, ...] = (), **items: DataItem) -> AsyncIterator[Any]:
    """(own entities, their source) of an app with these items and rules, at work."""
    source = ScriptedSource(PUMP, EntityResources(data=items, rules=rules, faults=faults))
    own = OwnEntities([source], clock=HandClock())
    await own.start()
    running = asyncio.create_task(own.run())
    await source.is_running.wait()
    try:
        yield own, source
    finally:
        running.cancel()
        await asyncio.wait({running})
        await own.close()


def faults(own: OwnEntities) -> dict[str, dict[str, Any]]:
    return {item["fault_code"]: item for item in own.faults.items(PUMP, frozenset(FaultStatus))}


def status(own: OwnEntities, code: str = "X") -> str | None:
    found = faults(own).get(code)
    return None if found is None else found["status"]


async def test_a_fault_comes_and_goes_with_the_value() -> None:
    pressure = held("pressure", 4.0, "bar")
    async with watching(rule("pressure", Above(5)), pressure=pressure) as (own, _):
        pressure.hold(6.0)
        await eventually(lambda: status(own) == "CONFIRMED")
        assert faults(own)["X"]["description"] == "pressure is 6 bar, above 5 bar"
        pressure.hold(4.0)
        await eventually(lambda: status(own) == "HEALED")
        pressure.hold(7.0)
        await eventually(lambda: faults(own)["X"]["occurrence_count"] == 2)


async def test_a_fault_that_goes_on_is_one_occurrence_and_reported_again_when_it_is_cleared() -> None:
    pressure = held("pressure", 6.0)
    async with watching(rule("pressure", Above(5), debounce=Debounce(3, 2)), pressure=pressure) as (own, _):
        await eventually(lambda: status(own) == "CONFIRMED")
        assert faults(own)["X"]["occurrence_count"] == 1
        assert (await own.faults.clear(PUMP, "X")).status == 204
        await eventually(lambda: status(own) == "CONFIRMED")
        assert faults(own)["X"]["occurrence_count"] == 2
        history = " ".join(moment.status for moment in own.faults.book.shown(PUMP)["X"].history)
        assert history == "PREFAILED CONFIRMED CLEARED PREFAILED CONFIRMED"


async def test_an_item_that_hangs_holds_up_nobody_and_is_asked_once_at_a_time() -> None:
    stuck, pressure = Hanging(), held("pressure", 6.0)
    rules = (rule("stuck", Above(5), "STUCK"), rule("pressure", Above(5)))
    async with watching(*rules, stuck=stuck, pressure=pressure) as (own, _):
        await eventually(lambda: status(own) == "CONFIRMED")
        pressure.hold(1.0)
        await eventually(lambda: status(own) == "HEALED")
        assert stuck.asked == 1
        assert status(own, "STUCK") is None


async def test_an_item_that_raises_is_asked_again_and_ends_no_other_rule() -> None:
    broken, pressure = Breaking(), held("pressure", 6.0)
    rules = (rule("stuck", Above(5), "STUCK"), rule("pressure", Above(5)))
    with structlog.testing.capture_logs() as logs:
        async with watching(*rules, stuck=broken, pressure=pressure) as (own, _):
            await eventually(lambda: broken.asked > 2)
            await eventually(lambda: status(own) == "CONFIRMED")
            pressure.hold(1.0)
            await eventually(lambda: status(own) == "HEALED")
    assert [entry["code"] for entry in logs if entry["event"] == "fault rule failed"] == ["STUCK"]


async def test_a_rule_on_an_item_that_is_not_there_fails_as_unreadable() -> None:
    async with watching(rule("nothing", Unreadable())) as (own, _):
        await eventually(lambda: status(own) == "CONFIRMED")
        assert faults(own)["X"]["description"] == "nothing cannot be read: there is no such data item"


async def test_a_change_stays_until_it_is_cleared() -> None:
    mode = held("mode", 1.0)
    async with watching(rule("mode", Changes(), debounce=Debounce(1, None)), mode=mode) as (own, _):
        await mode.read_again(2)
        mode.hold(2.0)
        await eventually(lambda: status(own) == "CONFIRMED")
        await mode.read_again(3)
        assert status(own) == "CONFIRMED"
        assert "last_passed" not in faults(own)["X"]


async def test_a_stored_fault_heals_when_its_rule_passes() -> None:
    there = DeclaredFault(FaultSpec("X"))
    async with watching(rule("pressure", Above(5)), faults=(there,), pressure=held("pressure", 1.0)) as (own, _):
        await eventually(lambda: status(own) == "HEALED")


async def test_a_stored_fault_heals_as_its_rule_says_from_the_first_look_on() -> None:
    there = DeclaredFault(FaultSpec("X"))
    slow = rule("pressure", Above(5), debounce=Debounce(1, 3), symptoms=("Y",))
    symptom = DeclaredFault(FaultSpec("Y"))
    async with watching(slow, faults=(there, symptom), pressure=held("pressure", 1.0)) as (own, _):
        await eventually(lambda: status(own) == "HEALED")
        history = " ".join(moment.status for moment in own.faults.book.shown(PUMP)["X"].history)
        assert history == "PREPASSED HEALED"
        await own.faults.clear(PUMP, "X")
        assert status(own, "Y") == "CLEARED"


async def test_rules_come_and_go_with_what_is_offered() -> None:
    pressure = held("pressure", 6.0)
    first = rule("pressure", Stale(0.3))
    async with watching(first, pressure=pressure) as (own, source):
        source.offer_also(
            EntityResources(data={"pressure": pressure}, rules=(first, rule("pressure", Above(5), "HIGH")))
        )
        await eventually(lambda: status(own) == status(own, "HIGH") == "CONFIRMED")
        source.offer_also(EntityResources(data={"pressure": pressure}))
        await own.faults.clear_all(PUMP, frozenset(FaultStatus))
        other = held("level", 6.0)
        source.offer_also(
            EntityResources(data={"pressure": pressure, "level": other}, rules=(rule("level", Above(9)),))
        )
        read_before = pressure.reads
        await other.read_again(3)
        assert pressure.reads - read_before <= 2  # looks that were under way
        assert status(own, "HIGH") == "CLEARED"


async def test_the_moment_of_a_fault_is_noted(make_own: MakeOwn) -> None:
    pressure, stuck = held("pressure", 6.0, "bar"), held("level", 1.0)
    spec = FaultSpec("X", snapshot=("pressure", "pump:level", "nothing", "big"))
    big = HeldItem(HeldData(DataSpec("big", "big", DataType.STRING), "x" * 20_000), HandClock())
    watched = FaultRule("pressure", Above(5), spec, every_s=FAST)
    async with watching(watched, pressure=pressure, level=stuck, big=big) as (own, _):
        await eventually(lambda: len(own.faults.book.snapshot(PUMP, "X")) == 4)
        answer = own.faults.detail(PUMP, "X")
        assert isinstance(answer, ItemAnswer)
        assert answer.body is not None
        at = "2026-08-12T12:41:40.000Z"

        def missing(name: str, why: str) -> dict[str, Any]:
            error = {"error_code": "service-unavailable", "message": why}
            return {"type": "freeze_frame", "name": name, "data": {}, "x-medkit": {"captured_at": at, "error": error}}

        assert answer.body["environment_data"]["snapshots"] == [
            {"type": "freeze_frame", "name": "pressure", "data": 6.0, "x-medkit": {"captured_at": at, "unit": "bar"}},
            {"type": "freeze_frame", "name": "pump:level", "data": 1.0, "x-medkit": {"captured_at": at}},
            missing("nothing", "there is no such data item"),
            missing("big", "its value is larger than 16384 bytes"),
        ]


@pytest.mark.parametrize("other", [4.0, 6.0])
async def test_a_snapshot_is_of_the_occurrence_and_not_of_later(other: float) -> None:
    pressure = held("pressure", 6.0)
    async with watching(rule("pressure", Above(5)), pressure=pressure) as (own, _):
        await eventually(lambda: own.faults.book.snapshot(PUMP, "X"))
        pressure.hold(other)
        await pressure.read_again(3)
        assert own.faults.book.snapshot(PUMP, "X")[0]["data"] == 6.0


async def test_rules_of_a_manifest_are_at_work(make_own: MakeOwn) -> None:
    rules = "[{code: X, above: 5, every_s: 0.1}, {code: Y, below: 5, every_s: 0.1}]"
    own = make_own(f"apps: [{{id: pump, data: [{{id: p, value: 9, rules: {rules}}}]}}]")
    running = asyncio.create_task(own.run())
    try:
        await eventually(lambda: status(own) == "CONFIRMED")
        assert status(own, "Y") is None
    finally:
        running.cancel()
        await asyncio.wait({running})
        await own.close()
