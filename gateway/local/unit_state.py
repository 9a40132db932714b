"""What `systemctl show` prints of units. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

PROPERTIES: Final = (
    "Id",
    "Names",
    "LoadState",
    "ActiveState",
    "SubState",
    "Description",
    "MainPID",
    "NRestarts",
    "ControlGroup",
    "ActiveEnterTimestampMonotonic",
)

_RUNNING: Final = frozenset({"active", "reloading", "refreshing"})


@dataclass(frozen=True, slots=True)
class UnitState:
    """A unit at one time. `active_since_us`: of the monotonic clock, None if it is not active.

    `state` is that of systemd (`active`, `inactive`, `failed`, `activating` ...), or `not-found` or `masked` where
    there is no unit to speak of.
    """

    state: str
    substate: str
    description: str
    main_pid: int
    restarts: int
    control_group: str
    active_since_us: int | None

    @property
    def is_online(self) -> bool:
        """Whether it does its work."""
        return self.state in _RUNNING


def parse_units(output: str, units: Sequence[str]) -> Mapping[str, UnitState]:
    """The states by unit, from blocks of `KEY=VALUE` lines. One that is in none of them is left out."""
    found: dict[str, UnitState] = {}
    for block in output.split("\n\n"):
        told = _properties(block)
        names = {told.get("Id", ""), *told.get("Names", "").split()}  # one that has aliases tells its own name as Id
        found.update(dict.fromkeys(names.intersection(units), _state(told)))
    return found


def _properties(block: str) -> Mapping[str, str]:
    lines = (line.partition("=") for line in block.splitlines())
    return {key.strip(): value for key, _, value in lines}


def _state(told: Mapping[str, str]) -> UnitState:
    loaded = told.get("LoadState", "")
    state = told.get("ActiveState") or "unknown"
    since = _number(told.get("ActiveEnterTimestampMonotonic"))
    return UnitState(
        state=loaded if loaded in ("not-found", "masked") and state == "inactive" else state,
        substate=told.get("SubState", ""),
        description=told.get("Description", ""),
        main_pid=_number(told.get("MainPID")),
        restarts=_number(told.get("NRestarts")),
        control_group=told.get("ControlGroup", ""),
        active_since_us=since if since and state in _RUNNING else None,
    )


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else 0
