"""Starting, stopping and restarting a systemd unit, through `systemctl`."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, assert_never

from gateway.local.command import Commands
from gateway.local.control import Transition
from gateway.local.operations import Completed, Failed, Operation, OperationSpec, Outcome, Progress
from gateway.local.process import Exited, NotStarted, TimedOut
from gateway.local.systemd import systemd_command
from gateway.local.values import excerpt

UNIT_TIMEOUT_S: Final = 100.0
"""Seconds a unit may take to start or stop; systemd itself gives up after 90, if nothing else is configured."""

COMPLAINT_CHARACTERS: Final = 300
"""Of what `systemctl` complains about, so much is told."""

_ACTIONS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = MappingProxyType(
    {
        "start": ("Start", ("start",)),
        "stop": ("Stop", ("stop",)),
        "restart": ("Restart", ("restart",)),
        "kill": ("Kill", ("kill", "--signal=SIGKILL")),
    }
)

UNIT_TRANSITIONS: Final[Mapping[str, Transition]] = MappingProxyType(
    {
        "start": Transition("start"),
        "restart": Transition("restart"),
        "shutdown": Transition("stop"),
        "force-shutdown": Transition("kill"),
    }
)


class UnitAction:
    """One thing that is done to a unit. `done` is called when it has been tried, whatever came of it."""

    def __init__(self, action: str, unit: str, commands: Commands, done: Callable[[], None], systemctl: str) -> None:
        name, arguments = _ACTIONS[action]
        self._spec = OperationSpec(
            id=action,
            name=name,
            asynchronous=True,
            arguments=(),
            confirm=f"{name} {unit}?",
            timeout_s=UNIT_TIMEOUT_S,
            at_once=1,
        )
        self._command = systemd_command(systemctl, [*arguments, "--no-ask-password", "--", unit])
        self._commands = commands
        self._done = done

    @property
    def spec(self) -> OperationSpec:
        return self._spec

    async def execute(self, parameters: Mapping[str, Any], progress: Progress) -> Outcome:  # noqa: ARG002 - has none
        try:
            outcome = await self._commands.run(self._command, timeout_s=UNIT_TIMEOUT_S)
        finally:
            self._done()
        match outcome:
            case Exited(0):
                return Completed()
            case Exited(code, _, stderr):
                complaint = excerpt(stderr.decode(errors="replace"), COMPLAINT_CHARACTERS)
                return Failed(f"systemctl says {complaint}", {"exit_code": code})
            case TimedOut():
                return Failed("systemctl takes too long; the unit may still change")
            case NotStarted(reason):
                return Failed(reason)
            case _:
                assert_never(outcome)


def unit_actions(
    unit: str, commands: Commands, done: Callable[[], None], systemctl: str = "systemctl"
) -> Mapping[str, Operation]:
    """Everything that can be done to a unit, by id."""
    return {action: UnitAction(action, unit, commands, done, systemctl) for action in _ACTIONS}
