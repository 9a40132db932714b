"""Settings about what is ours: this machine, its programs, the manifest (`local.*`)."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from annotated_types import Ge, Le, MaxLen, MinLen, doc

DEFAULT_SUFFIX: Final = ".service"
"""What a unit's name ends with if it has no suffix, as for `systemctl`."""

ID_LIMIT: Final = 256
"""Characters of an entity id."""

_UNIT: Final = re.compile(r"[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]{0,254}")
_SUFFIXED: Final = re.compile(r".+\.(service|socket|target|mount|automount|timer|path|slice|scope|swap|device)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSetting:
    """Processes that are one App, as an item of `local.processes`."""

    name: Annotated[str, MinLen(1), MaxLen(1024), doc("text of 1 to 1024 characters")]
    """What is looked for."""

    match: Literal["name", "exe", "cmdline"] = "name"
    """name: the process is called so; exe: its program is this path, or called so; cmdline: its command line has it."""

    id: str | None = None
    """The App's id; none: `name` with every other character as `_`."""

    @property
    def app_id(self) -> str:
        """The id of the App."""
        return _word(self.name) if self.id is None else self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """The sources of our own entities. After reading, `host` and `manifest` are what is in force,
    whichever of the two groups said so.
    """

    host: bool = True
    """Whether this machine is served as a Component."""

    manifest: Path | None = None
    """The manifest to serve."""

    processes: tuple[ProcessSetting, ...] = ()
    """Processes of this machine that are Apps on it."""

    units: tuple[str, ...] = ()
    """systemd units of this machine that are Apps on it, such as `nginx.service`."""

    watch_interval_ms: Annotated[int, Ge(100), Le(60_000)] = 2000
    """Milliseconds between two looks at whether processes and units run."""

    fault_rules: bool = True
    """Whether this machine reports full disks, full memory and heat as faults, and failed units."""

    disk_limit_percent: Annotated[int, Ge(1), Le(100)] = 95
    """Percent of a disk used, beyond which it is full."""

    memory_limit_percent: Annotated[int, Ge(1), Le(100)] = 95
    """Percent of the memory used, beyond which it is full."""

    temperature_limit_celsius: Annotated[int, Ge(1), Le(1000)] = 90
    """Degrees Celsius of any sensor, beyond which it is too hot."""

    fault_hold_ms: Annotated[int, Ge(100), Le(3_600_000)] = 30_000
    """Milliseconds that a value must stay beyond its limit before it is a fault."""

    allow_control: bool = False
    """Whether clients may start, stop and restart units and stop processes."""


def is_unit(text: str) -> bool:
    """Whether it can be the name of a systemd unit."""
    return _UNIT.fullmatch(text) is not None


def unit_name(text: str) -> str:
    """The unit's whole name: `nginx` is `nginx.service`."""
    return text if _SUFFIXED.fullmatch(text) else text + DEFAULT_SUFFIX


def unit_app_id(text: str) -> str:
    """The id of the App a unit is: its name without `.service`, every other character as `_`."""
    return _word(unit_name(text).removesuffix(DEFAULT_SUFFIX))


def _word(text: str) -> str:
    """`text` as an id. Upstream gateways do not list Apps whose id begins with `_`."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", text).lstrip("_")[:ID_LIMIT] or "app"
