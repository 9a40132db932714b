"""What a value may be beside its type: bounds, steps, a choice, a pattern. Pure."""

import re
from dataclasses import dataclass
from typing import Any, Final

from gateway.local.values import MisfitError, excerpt

PATTERN_SUBJECT_LIMIT: Final = 1024
"""Characters of a text that is matched with a pattern; a longer one does not fit."""

_STEP_TOLERANCE: Final = 1e-9
"""Of one step: decimal steps are not exact in binary."""


@dataclass(frozen=True, slots=True)
class ValueRange:
    """What of its type a value may be; everything where nothing is said.

    `step` counts from `minimum`, or from 0. `pattern` must match the whole text.
    """

    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: tuple[Any, ...] = ()
    pattern: re.Pattern[str] | None = None

    def check(self, value: Any) -> None:
        """Raises MisfitError; `value` is of the right type already."""
        if self.choices and not any(_is_same(value, choice) for choice in self.choices):
            raise MisfitError(f"found {_shown(value)}, allowed are {', '.join(map(_shown, self.choices))}")
        if isinstance(value, int | float) and not isinstance(value, bool):
            self._check_number(value)
        if isinstance(value, str) and self.pattern is not None:
            if len(value) > PATTERN_SUBJECT_LIMIT:
                raise MisfitError(f"found {len(value)} characters, allowed are {PATTERN_SUBJECT_LIMIT}")
            if self.pattern.fullmatch(value) is None:
                raise MisfitError(f"found {excerpt(value)}, allowed is text like {self.pattern.pattern}")

    def _check_number(self, value: float) -> None:
        if self.minimum is not None and value < self.minimum:
            raise MisfitError(f"found {value}, allowed are values from {self.minimum}{self._up_to()}")
        if self.maximum is not None and value > self.maximum:
            raise MisfitError(f"found {value}, allowed are values{self._from()} up to {self.maximum}")
        if self.step is not None:
            steps = (value - (self.minimum or 0)) / self.step
            if abs(steps - round(steps)) > _STEP_TOLERANCE * max(1.0, abs(steps)):
                start = f" from {self.minimum}" if self.minimum is not None else ""
                raise MisfitError(f"found {value}, allowed are steps of {self.step}{start}")

    def _up_to(self) -> str:
        return "" if self.maximum is None else f" up to {self.maximum}"

    def _from(self) -> str:
        return "" if self.minimum is None else f" from {self.minimum}"

    def told(self) -> dict[str, Any]:
        """What clients are told of it: `min`, `max`, `step`, `enum`, `pattern`, as far as they are said."""
        fields = {
            "min": self.minimum,
            "max": self.maximum,
            "step": self.step,
            "enum": list(self.choices) or None,
            "pattern": None if self.pattern is None else self.pattern.pattern,
        }
        return {name: value for name, value in fields.items() if value is not None}


ANY_VALUE: Final = ValueRange()


def _is_same(value: Any, choice: Any) -> bool:
    """Equal, and not just because True is 1."""
    return value == choice and isinstance(value, bool) == isinstance(choice, bool)


def _shown(value: Any) -> str:
    return excerpt(value) if isinstance(value, str) else str(value)
