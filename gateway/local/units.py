"""systemd units of this machine as programs, asked all at once through `systemctl`. Blocks: for threads."""

import itertools
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import psutil

from gateway.local.bindings import DataSpec
from gateway.local.figures import FIGURES, Look, Looks, ProcessMeter, Program, Programs, Unseen
from gateway.local.settings import unit_app_id, unit_name
from gateway.local.systemd import NothingPrinted, ask_systemd
from gateway.local.unit_state import PROPERTIES, UnitState, parse_units
from gateway.local.values import DataType

SYSTEMCTL_TIMEOUT_S: Final = 10.0
"""Seconds after which `systemctl show` is ended. Requests wait less long."""

SYSTEMCTL_LIMIT_BYTES: Final = 1024 * 1024
"""Bytes of its answer; a unit takes about 300."""

CGROUP_LIMIT: Final = 64
"""Control groups below a unit in which processes are looked for."""

UNIT_STATE: Final = DataSpec("unit_state", "State", DataType.STRING)
UNIT_SUBSTATE: Final = DataSpec("unit_substate", "Substate", DataType.STRING)

_CGROUPS: Final = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/systemd"))


class UnitPrograms:
    """Each unit is a program. `systemctl`: the program, by name or path."""

    def __init__(self, units: Sequence[str], *, systemctl: str = "systemctl") -> None:
        self._units = {unit_app_id(unit): unit_name(unit) for unit in units}
        self._systemctl = systemctl
        self.all: Sequence[Program] = tuple(
            Program(app_id, unit, (UNIT_STATE, UNIT_SUBSTATE, *FIGURES), unit=unit)
            for app_id, unit in self._units.items()
        )
        # Mutable: the meter of each program.
        self._meters = {app_id: ProcessMeter() for app_id in self._units}

    def look(self) -> Looks:
        names = list(self._units.values())
        printed = ask_systemd(
            self._systemctl,
            ["show", "--no-pager", f"--property={','.join(PROPERTIES)}", "--", *names],
            timeout_s=SYSTEMCTL_TIMEOUT_S,
            limit_bytes=SYSTEMCTL_LIMIT_BYTES,
        )
        if isinstance(printed, NothingPrinted):
            return dict.fromkeys(self._units, Unseen(printed.reason))
        states = parse_units(printed.output.decode(errors="replace"), names)
        complaint = printed.complaint.rpartition("\n")[2] or f"exit code {printed.code}"
        unseen = Unseen(f"systemctl says nothing of it: {complaint}")
        return {
            app_id: self._look(app_id, states[unit]) if unit in states else unseen
            for app_id, unit in self._units.items()
        }

    def _look(self, app_id: str, state: UnitState) -> Look:
        values = {"unit_state": state.state, "unit_substate": state.substate}
        figures = self._meters[app_id].figures(list(_processes(state)))
        if state.active_since_us is not None:
            figures["uptime"] = round(max(0.0, time.monotonic() - state.active_since_us / 1_000_000), 1)
        return Look(state.is_online, {**values, **figures, "restarts": state.restarts}, state.description or None)


def _processes(state: UnitState) -> Iterator[psutil.Process]:
    """Those in its control group; where that cannot be read, the main one and its children."""
    pids = _pids(state.control_group)
    try:
        if pids is None and state.main_pid:
            main = psutil.Process(state.main_pid)
            yield main
            yield from main.children(recursive=True)
    except psutil.Error:
        return
    for pid in pids or ():
        try:
            yield psutil.Process(pid)
        except psutil.Error:
            continue


def _pids(control_group: str) -> list[int] | None:
    """The processes of a control group and those below it; None where that cannot be told."""
    name = control_group.strip("/")
    if not name or ".." in name.split("/"):
        return None
    for root in _CGROUPS:
        try:
            groups = [
                root / name / "cgroup.procs",
                *itertools.islice((root / name).rglob("*/cgroup.procs"), CGROUP_LIMIT),
            ]
            return [int(pid) for group in groups for pid in group.read_text().split()]
        except (OSError, ValueError):
            continue
    return None


_: type[Programs] = UnitPrograms
