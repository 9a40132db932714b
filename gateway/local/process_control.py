"""Ending the processes of a program."""

import asyncio
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import psutil

from gateway.local.control import Transition
from gateway.local.daemon_thread import in_daemon_thread
from gateway.local.operation_arguments import Argument
from gateway.local.operations import Completed, Failed, Operation, OperationSpec, Outcome, Progress
from gateway.local.processes import find_processes
from gateway.local.settings import ProcessSetting
from gateway.local.values import DataType

END_PATIENCE_S: Final = 20.0
"""Seconds that processes which are asked to end are waited for."""

PROCESS_TRANSITIONS: Final[Mapping[str, Transition]] = MappingProxyType(
    {"shutdown": Transition("stop"), "force-shutdown": Transition("stop", {"force": True})}
)


class ProcessStop:
    """Asks all processes of a program to end (SIGTERM), or kills them (`force`). Nobody starts them again."""

    def __init__(
        self, setting: ProcessSetting, done: Callable[[], None], *, patience_s: float = END_PATIENCE_S
    ) -> None:
        """`done` is called when it has been tried, whatever came of it."""
        self._spec = OperationSpec(
            id="stop",
            name="Stop",
            asynchronous=True,
            arguments=(Argument("force", DataType.BOOL, default=False, description="kill instead of asking"),),
            confirm=f"Stop all processes of {setting.name}?",
            timeout_s=patience_s + 5,
            at_once=1,
        )
        self._setting = setting
        self._done = done
        self._patience_s = patience_s

    @property
    def spec(self) -> OperationSpec:
        return self._spec

    async def execute(self, parameters: Mapping[str, Any], progress: Progress) -> Outcome:  # noqa: ARG002 - has none
        force = bool(parameters.get("force"))
        ended = in_daemon_thread(lambda: self._end(force=force), "grove-stop")
        if ended is None:
            return Failed("the system has no thread to give")
        try:
            return await asyncio.shield(ended)
        finally:
            self._done()

    def _end(self, *, force: bool) -> Outcome:
        """In a thread. The processes are looked for now: ids that were known may be others' by now."""
        try:
            processes = find_processes([self._setting])[self._setting.app_id]
        except (OSError, psutil.Error) as error:
            return Failed(f"the processes cannot be listed: {error}")
        refused = [process.pid for process in processes if not _signal(process, force=force)]
        if refused:
            return Failed("the gateway may not end processes of other users", {"pids": refused})
        deadline_s = time.monotonic() + self._patience_s
        _, alive = psutil.wait_procs(processes, timeout=max(0.0, deadline_s - time.monotonic()))
        left = [process.pid for process in alive if _runs(process)]
        if left:
            return Failed("they do not end; 'force' kills them", {"pids": left})
        return Completed({"ended": len(processes)})


def _signal(process: psutil.Process, *, force: bool) -> bool:
    """Whether it was told to end, or has ended already."""
    try:
        if force:
            process.kill()
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False
    return True


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


_: type[Operation] = ProcessStop
