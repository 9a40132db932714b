"""The little plant of the demo: compressed air that leaks, and a compressor that fills it up again. No I/O."""

from dataclasses import dataclass, replace
from typing import Final

LEAK: Final = 0.25
"""Bar lost each second while the compressor rests."""

RISE: Final = 0.25
"""Bar gained each second while it runs."""

FULL_BAR: Final = 5.0
"""At which the compressor stops by itself."""

MOST_BAR: Final = 6.0
"""At which the safety valve opens, however long somebody has the compressor run."""

START_BELOW_BAR: Final = 2.0
"""Below which the compressor starts, until somebody sets another limit."""


@dataclass(frozen=True, slots=True)
class Plant:
    """The air at one moment. `primed_s`: how long the compressor still runs because somebody said so."""

    pressure: float = 3.4
    running: bool = False
    primed_s: float = 0.0

    def primed(self, seconds: float) -> "Plant":
        """The same, told to run the compressor for so long."""
        return replace(self, running=True, primed_s=seconds)

    def after(self, seconds: float, start_below: float) -> "Plant":
        """How it is some time later, with the compressor starting below that pressure."""
        pressure = self.pressure + (RISE if self.running else -LEAK) * seconds
        primed_s = max(0.0, self.primed_s - seconds)
        filling = self.running and pressure < FULL_BAR
        return Plant(
            pressure=min(MOST_BAR, max(0.0, pressure)),
            running=primed_s > 0 or filling or pressure < start_below,
            primed_s=primed_s,
        )
