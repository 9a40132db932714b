"""This machine and its units report what is wrong with them by themselves."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from gateway.host_programs import host_programs
from gateway.local.bindings import DataSpec
from gateway.local.fault_rule import Above, Equals
from gateway.local.host import HostSource
from gateway.local.host_rules import MachineLimits, machine_rules, unit_rules
from gateway.local.logs.kept import log_numbers
from gateway.local.machine import Probe
from gateway.local.own import OwnEntities
from gateway.local.settings import LocalSettings, ProcessSetting
from gateway.local.values import DataType
from tests.federation.eventually import eventually
from tests.unit.local.conftest import HandClock, app, component

LIMITS = MachineLimits(disk_percent=95, memory_percent=90, temperature_celsius=80, hold_s=30)
HOST = component("edge")


def test_disks_memory_and_temperatures_have_rules_and_nothing_else() -> None:
    items = [
        "cpu_percent",
        "memory_percent",
        "swap_percent",
        "disk_root_percent",
        "disk_root_free",
        "temperature_cpu_1",
    ]
    rules = machine_rules(items, LIMITS)
    assert [(rule.item, rule.condition, rule.fault.code) for rule in rules] == [
        ("memory_percent", Above(90, 2), "MEMORY_FULL"),
        ("disk_root_percent", Above(95, 2), "DISK_ROOT_FULL"),
        ("temperature_cpu_1", Above(80, 5), "TEMPERATURE_CPU_1_HIGH"),
    ]
    assert {(rule.hold_s, rule.every_s) for rule in rules} == {(30, 10)}


@pytest.mark.parametrize(("hold_s", "every_s"), [(0.1, 0.1), (3, 1), (3600, 10)])
def test_a_value_that_must_hold_is_looked_at_several_times(hold_s: float, every_s: float) -> None:
    (rule,) = machine_rules(["memory_percent"], MachineLimits(1, 1, 1, hold_s))
    assert rule.every_s == every_s


def test_a_unit_that_failed_is_at_fault() -> None:
    (rule,) = unit_rules(2.0)
    assert (rule.item, rule.condition, rule.fault.code, rule.every_s) == (
        "unit_state",
        Equals("failed"),
        "UNIT_FAILED",
        2.0,
    )


def test_rules_can_be_switched_off(clock: HandClock) -> None:
    programs = (ProcessSetting(name="pump"),)
    for switched_on in (True, False):
        local = LocalSettings(processes=programs, units=("web",), fault_rules=switched_on)
        source = host_programs("edge", local, clock, log_numbers(clock))
        assert source is not None
        assert len(source.offer.resources[app("web")].rules) == switched_on
        assert source.offer.resources[app("pump")].rules == ()


class FillingMachine:
    """A machine whose memory fills as the test wants."""

    def __init__(self) -> None:
        self.used = 50.0

    def standard(self) -> Sequence[Probe]:
        spec = DataSpec("memory_percent", "Memory used", DataType.DOUBLE, unit="%")
        return [Probe((spec,), self._read)]

    def discover(self) -> Sequence[Probe]:
        return []

    def _read(self) -> Mapping[str, Any]:
        return {"memory_percent": self.used}


async def test_a_machine_whose_memory_is_full_reports_it_and_heals(clock: HandClock) -> None:
    machine = FillingMachine()
    limits = MachineLimits(disk_percent=95, memory_percent=90, temperature_celsius=80, hold_s=0.1)
    own = OwnEntities([HostSource("edge", machine, clock, limits)], clock=clock)
    await own.start()
    running = asyncio.create_task(own.run())

    def told() -> list[tuple[str, str]]:
        clock.advance(2)  # what was read before is not new any more
        statuses = frozenset({"CONFIRMED", "HEALED", "PREPASSED"})
        return [(fault["fault_code"], fault["status"]) for fault in own.faults.items(HOST, statuses)]

    try:
        assert told() == []
        machine.used = 93.5
        assert await eventually(lambda: told() == [("MEMORY_FULL", "CONFIRMED")])
        machine.used = 50.0
        assert await eventually(lambda: told() == [("MEMORY_FULL", "HEALED")])
    finally:
        running.cancel()
        await asyncio.wait({running})
        await own.close()
