"""Fault rules about this machine and its units, ready to use. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.local.fault_rule import SHORTEST_EVERY_S, Above, Equals, FaultRule
from gateway.local.fault_spec import FaultSpec, Severity

LONGEST_EVERY_S: Final = 10.0
"""Seconds between two looks at most; while a value must hold, it is looked at thrice."""

PERCENT_HYSTERESIS: Final = 2.0
CELSIUS_HYSTERESIS: Final = 5.0
"""How far below its limit a value must fall before it is well again."""

UNIT_FAILED: Final = "UNIT_FAILED"

_DISK: Final = ("disk_", "_percent")
_TEMPERATURE: Final = "temperature_"


@dataclass(frozen=True, slots=True)
class MachineLimits:
    """Beyond these, for `hold_s` seconds, something is wrong with the machine."""

    disk_percent: float
    memory_percent: float
    temperature_celsius: float
    hold_s: float


def machine_rules(items: Iterable[str], limits: MachineLimits) -> tuple[FaultRule, ...]:
    """The rules for those of the machine's data items that have a limit."""
    return tuple(rule for item in items if (rule := _machine_rule(item, limits)) is not None)


def unit_rules(every_s: float) -> tuple[FaultRule, ...]:
    """A unit that systemd says has failed is at fault."""
    spec = FaultSpec(
        UNIT_FAILED,
        Severity.ERROR,
        "{entity}: systemd says that the unit has failed",
        snapshot=("unit_substate", "restarts"),
    )
    return (FaultRule("unit_state", Equals("failed"), spec, every_s=every_s),)


def _machine_rule(item: str, limits: MachineLimits) -> FaultRule | None:
    before, after = _DISK
    if item.startswith(before) and item.endswith(after):
        disk = item.removesuffix(after)
        beyond = Above(limits.disk_percent, PERCENT_HYSTERESIS)
        return _rule(item, beyond, f"{disk.upper()}_FULL", limits, snapshot=(f"{disk}_free", f"{disk}_total"))
    if item == "memory_percent":
        beyond = Above(limits.memory_percent, PERCENT_HYSTERESIS)
        return _rule(item, beyond, "MEMORY_FULL", limits, snapshot=("memory_available", "swap_percent", "load_1m"))
    if item.startswith(_TEMPERATURE):
        beyond = Above(limits.temperature_celsius, CELSIUS_HYSTERESIS)
        return _rule(item, beyond, f"{item.upper()}_HIGH", limits, snapshot=("cpu_percent", "load_1m"))
    return None


def _rule(item: str, beyond: Above, code: str, limits: MachineLimits, *, snapshot: tuple[str, ...]) -> FaultRule:
    every_s = min(LONGEST_EVERY_S, max(SHORTEST_EVERY_S, limits.hold_s / 3))
    spec = FaultSpec(code, Severity.WARN, snapshot=(item, *snapshot))
    return FaultRule(item, beyond, spec, hold_s=limits.hold_s, every_s=every_s)
