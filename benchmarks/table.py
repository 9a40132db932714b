"""The figures of a run as an aligned Markdown table: what Grove does, what a rival does, and whether that is enough."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

HEADS: Final = ("what", "Grove", "rival", "ratio", "goal", "met")
NOTHING: Final = "-"


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value with its unit; rates have the unit `/s`."""

    value: float
    unit: str

    def __str__(self) -> str:
        value, unit = (self.value / 1000, "k" + self.unit) if self._is_high_rate else (self.value, self.unit)
        digits = 0 if value == int(value) or value >= 100 else 1 if value >= 10 else 2
        return f"{value:.{digits}f} {unit}".rstrip()

    @property
    def _is_high_rate(self) -> bool:
        return self.unit == "/s" and self.value >= 1000


@dataclass(frozen=True, slots=True)
class Rival:
    """Who was measured beside Grove under the same conditions; without a figure where it is not installed."""

    name: str
    figure: Figure | None


@dataclass(frozen=True, slots=True)
class Goal:
    """What is wanted of the ratio to the rival, or of Grove's own figure."""

    of: Literal["ratio", "figure"]
    sign: Literal[">=", "<="]
    bound: float

    def is_met_by(self, value: float) -> bool:
        return value >= self.bound if self.sign == ">=" else value <= self.bound


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    grove: Figure
    rival: Rival | None = None
    goal: Goal | None = None

    @property
    def ratio(self) -> float | None:
        """Grove's figure over the rival's, as far as there is one."""
        if self.rival is None or self.rival.figure is None or self.rival.figure.value == 0:
            return None
        return self.grove.value / self.rival.figure.value

    @property
    def is_met(self) -> bool | None:
        """None without a goal, or without what it is about."""
        if self.goal is None:
            return None
        value = self.ratio if self.goal.of == "ratio" else self.grove.value
        return None if value is None else self.goal.is_met_by(value)

    def cells(self) -> tuple[str, ...]:
        """As text, in the order of HEADS."""
        ratio = NOTHING if self.ratio is None else f"{self.ratio:.2{'f' if self.ratio >= 0.1 else 'g'}}"
        met = {True: "yes", False: "no", None: NOTHING}[self.is_met]
        return (self.what, str(self.grove), self._rival_text(), ratio, self._goal_text(), met)

    def _rival_text(self) -> str:
        if self.rival is None:
            return NOTHING
        return f"{self.rival.name} {NOTHING if self.rival.figure is None else self.rival.figure}"

    def _goal_text(self) -> str:
        if self.goal is None:
            return NOTHING
        bound = f"{self.goal.sign} {self.goal.bound:g}"
        return f"{bound} {'x' if self.goal.of == 'ratio' else self.grove.unit}".rstrip()


def render_table(rows: Sequence[Row]) -> str:
    """Lines of equal width, without a newline at the end."""
    lines = [HEADS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]
    head, *body = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([head, rule, *body])
