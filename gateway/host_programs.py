"""The programs of this machine that the settings name, with their logs and what may be done to them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from gateway.local.command import Commands
from gateway.local.control import Control, Transition
from gateway.local.figures import Program, Programs
from gateway.local.host_apps import Beside, HostApps
from gateway.local.host_rules import unit_rules
from gateway.local.logs.bindings import JournalLogBinding, UnitJournal
from gateway.local.logs.bound import bound_log
from gateway.local.logs.kept import Numbers
from gateway.local.operations import Operation
from gateway.local.process_control import PROCESS_TRANSITIONS, ProcessStop
from gateway.local.processes import ProcessPrograms
from gateway.local.settings import LocalSettings
from gateway.local.shared_read import Clock
from gateway.local.unit_control import UNIT_TRANSITIONS, unit_actions
from gateway.local.units import UnitPrograms

NOT_ALLOWED: Final = (
    "Programs of this machine are not started and stopped by clients: local.allow_control is false; "
    "set it to true where everybody who may call operations may do that"
)

LookAgain = Callable[[], None]


class _Around:
    """What programs have beside their figures."""

    def __init__(self, local: LocalSettings, clock: Clock, numbers: Numbers) -> None:
        self._allowed = local.allow_control
        self._rules = unit_rules(local.watch_interval_ms / 1000) if local.fault_rules else ()
        self._processes = {setting.app_id: setting for setting in local.processes}
        self._clock = clock
        self._numbers = numbers
        self._commands = Commands()

    def of(self, program: Program, look_again: LookAgain) -> Beside:
        """A unit has its journal."""
        if program.unit is None:
            stop = ProcessStop(self._processes[program.app_id], look_again)
            return self._beside({"stop": stop}, PROCESS_TRANSITIONS)
        log = bound_log(JournalLogBinding(program.unit, UnitJournal(program.unit)), self._clock, self._numbers)
        beside = self._beside(unit_actions(program.unit, self._commands, look_again), UNIT_TRANSITIONS)
        return replace(beside, logs=(log,), rules=self._rules)

    def _beside(self, operations: Mapping[str, Operation], transitions: Mapping[str, Transition]) -> Beside:
        if self._allowed:
            return Beside((), operations, Control(transitions))
        return Beside((), MappingProxyType({}), Control(transitions, NOT_ALLOWED))


def host_programs(component_id: str, local: LocalSettings, clock: Clock, numbers: Numbers) -> HostApps | None:
    """The Apps on the Component that is this machine; None where the settings name none."""
    groups: list[Programs] = []
    if local.processes:
        groups.append(ProcessPrograms(local.processes))
    if local.units:
        groups.append(UnitPrograms(local.units))
    if not groups:
        return None
    around = _Around(local, clock, numbers)
    return HostApps(component_id, groups, clock, interval_s=local.watch_interval_ms / 1000, beside=around.of)
