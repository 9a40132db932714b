"""Processes of this machine by name, as programs. Blocks: for threads."""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final, assert_never

import psutil

from gateway.local.bindings import DataSpec
from gateway.local.figures import FIGURES, Look, Looks, ProcessMeter, Program, Programs, Unseen
from gateway.local.settings import ProcessSetting
from gateway.local.values import DataType

STATE: Final = DataSpec("state", "State", DataType.STRING)
"""`running` or `stopped`."""

_GONE: Final = frozenset({psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD})

ProcessKey = tuple[int, float]
"""Process id and time of creation: ids are used again."""


class ProcessPrograms:
    """Each setting is a program; a process may belong to several. We ourselves are none of them."""

    def __init__(self, settings: Sequence[ProcessSetting]) -> None:
        self._settings = tuple(settings)
        self.all: Sequence[Program] = tuple(
            Program(setting.app_id, setting.name, (STATE, *FIGURES)) for setting in settings
        )
        # Mutable: of each program its meter, which processes it had, and how often it was started again.
        self._meters = {setting.app_id: ProcessMeter() for setting in settings}
        self._had: dict[str, frozenset[ProcessKey]] = {}
        self._restarts = dict.fromkeys(self._meters, 0)

    def look(self) -> Looks:
        try:
            found = find_processes(self._settings)
        except (OSError, psutil.Error) as error:
            return {program.app_id: Unseen(f"the processes cannot be listed: {error}") for program in self.all}
        return {app_id: self._look(app_id, processes) for app_id, processes in found.items()}

    def _look(self, app_id: str, processes: Sequence[psutil.Process]) -> Look:
        keys = frozenset(_keys(processes))
        had = self._had.get(app_id)
        if keys and had and keys.isdisjoint(had):
            self._restarts[app_id] += 1
        if keys or had is None:
            self._had[app_id] = keys  # those of a stopped program are remembered, so that its start is seen
        state = "running" if processes else "stopped"
        figures = self._meters[app_id].figures(processes)
        return Look(bool(processes), {"state": state, **figures, "restarts": self._restarts[app_id]})


def find_processes(settings: Sequence[ProcessSetting]) -> Mapping[str, list[psutil.Process]]:
    """The processes of each program, by the App's id. Raises OSError and psutil.Error when none can be listed."""
    found: dict[str, list[psutil.Process]] = {setting.app_id: [] for setting in settings}
    for process in _others():
        seen = _Seen(process)
        for setting in settings:
            if seen.is_meant(setting):
                found[setting.app_id].append(process)
    return found


def _others() -> Iterator[psutil.Process]:
    """All processes but ours, made anew: psutil remembers the program of a process over its `exec`."""
    own = os.getpid()
    for pid in psutil.pids():
        try:
            if pid != own:
                yield psutil.Process(pid)
        except psutil.Error:
            continue


class _Seen:
    """A process of which each thing is asked at most once, however many settings there are."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process

    def is_meant(self, setting: ProcessSetting) -> bool:
        try:
            return self._matches(setting) and self._runs
        except (psutil.Error, OSError):
            return False  # it has just ended, or we may not look at it

    def _matches(self, setting: ProcessSetting) -> bool:
        match setting.match:
            case "name":
                return self._name == setting.name
            case "exe":
                return setting.name in (self._program, os.path.basename(self._program))  # noqa: PTH119 - a text
            case "cmdline":
                return setting.name in self._command_line
            case _:
                assert_never(setting.match)

    @cached_property
    def _name(self) -> str:
        return self._process.name()

    @cached_property
    def _program(self) -> str:
        return self._process.exe()

    @cached_property
    def _command_line(self) -> str:
        return " ".join(self._process.cmdline())

    @cached_property
    def _runs(self) -> bool:
        return self._process.status() not in _GONE


def _keys(processes: Sequence[psutil.Process]) -> Iterator[ProcessKey]:
    for process in processes:
        try:
            yield process.pid, process.create_time()
        except psutil.Error:
            continue


_: type[Programs] = ProcessPrograms
