"""What is known of a fault before it occurs: how bad it is, when it counts, what is noted beside it."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

FAULT_CODE_LIMIT: Final = 256
"""Characters of a fault's code."""

MAX_FRAMES: Final = 16
"""Data items of which a fault notes the values."""


class Severity(IntEnum):
    """How bad a fault is; the name is the wire's `severity_label`."""

    INFO = 0
    WARN = 1
    ERROR = 2
    CRITICAL = 3


class FaultStatus(StrEnum):
    """Where a fault is in its life."""

    PREFAILED = "PREFAILED"
    PREPASSED = "PREPASSED"
    CONFIRMED = "CONFIRMED"
    HEALED = "HEALED"
    CLEARED = "CLEARED"


@dataclass(frozen=True, slots=True)
class Debounce:
    """How many reports in a row change a fault. `heal` None: once confirmed, it stays until it is cleared."""

    fail: int = 1
    heal: int | None = 1


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """A fault that an entity may report.

    `snapshot`: the data items whose values are noted when it occurs, of the entity itself or as `<entity>:<item>` of
    another own one. `symptoms`: codes of the same entity that are cleared with it.
    """

    code: str
    severity: Severity = Severity.ERROR
    description: str = ""
    debounce: Debounce = Debounce()
    snapshot: tuple[str, ...] = ()
    symptoms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeclaredFault:
    """A fault an entity starts with. Times in ns since 1970, None = when the gateway starts."""

    spec: FaultSpec
    status: FaultStatus = FaultStatus.CONFIRMED
    first_occurred_ns: int | None = None
    last_occurred_ns: int | None = None
    occurrence_count: int = 1
