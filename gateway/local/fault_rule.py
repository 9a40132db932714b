"""Fault rules: when the value of a data item means that something is wrong (docs/manifest.md, "Fault rules"). Pure."""

import re
from dataclasses import dataclass
from typing import Any, Final

from gateway.local.fault_spec import FaultSpec

DEFAULT_EVERY_S: Final = 1.0
"""Seconds between two looks at a data item."""

SHORTEST_EVERY_S: Final = 0.1
LONGEST_S: Final = 86_400.0
"""Seconds that any time of a rule may have at most."""

PLACEHOLDERS: Final = ("value", "unit", "limit", "item", "entity", "reason")
"""What a description may have in braces."""

PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Above:
    """More than `limit`; over again at `limit - hysteresis`."""

    limit: float
    hysteresis: float = 0.0


@dataclass(frozen=True, slots=True)
class Below:
    """Less than `limit`; over again at `limit + hysteresis`."""

    limit: float
    hysteresis: float = 0.0


@dataclass(frozen=True, slots=True)
class Outside:
    """Less than `low` or more than `high`; over again `hysteresis` within."""

    low: float
    high: float
    hysteresis: float = 0.0


@dataclass(frozen=True, slots=True)
class Equals:
    """Exactly this value."""

    value: Any


@dataclass(frozen=True, slots=True)
class Differs:
    """Any other value."""

    value: Any


@dataclass(frozen=True, slots=True)
class Stale:
    """No new value for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Changes:
    """Another value than at the look before."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """It cannot be read."""


Condition = Above | Below | Outside | Equals | Differs | Stale | Changes | Unreadable


@dataclass(frozen=True, slots=True)
class FaultRule:
    """Reports `fault` of the entity whose rule it is while `condition` holds for its data item.

    `hold_s`: seconds for which it must hold without a break before it counts. `every_s`: between two looks.
    """

    item: str
    condition: Condition
    fault: FaultSpec
    hold_s: float = 0.0
    every_s: float = DEFAULT_EVERY_S


def unknown_placeholders(description: str) -> list[str]:
    """What stands in braces and means nothing."""
    return [name for name in PLACEHOLDER.findall(description) if name not in PLACEHOLDERS]
