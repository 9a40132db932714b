"""Where the value of a data item comes from, and where a written one goes, as the manifest declares it."""

from dataclasses import dataclass
from pathlib import Path

from gateway.local.calls import CommandCall, WebCall


@dataclass(frozen=True, slots=True)
class FileOrigin:
    """What a file says."""

    path: Path


@dataclass(frozen=True, slots=True)
class CommandOrigin:
    """What a command writes to its output."""

    call: CommandCall


@dataclass(frozen=True, slots=True)
class WebOrigin:
    """What a device answers."""

    call: WebCall


@dataclass(frozen=True, slots=True)
class SensorOrigin:
    """One reading of this machine; `parameters` by name."""

    reading: str
    parameters: tuple[tuple[str, str], ...] = ()


Origin = FileOrigin | CommandOrigin | WebOrigin | SensorOrigin


@dataclass(frozen=True, slots=True)
class FileTarget:
    """A written value replaces the file."""

    path: Path


@dataclass(frozen=True, slots=True)
class CommandTarget:
    """A written value is in an argument of a command, or else its input."""

    call: CommandCall


@dataclass(frozen=True, slots=True)
class WebTarget:
    """A written value is in a request, or else its body."""

    call: WebCall


Target = FileTarget | CommandTarget | WebTarget
