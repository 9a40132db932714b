"""The settings that are in force now, and what is to be said of those that were read last."""

from collections.abc import Iterator, Sequence
from typing import Final

from gateway.config.problems import SettingsWarning
from gateway.settings import Settings
from peers.view import Warned

MAX_TOLD: Final = 3
"""Mistakes told in a warning; the log has them all."""


class CurrentSettings:
    """One for the whole gateway; `settings` are replaced when files are read again."""

    def __init__(self, settings: Settings, warnings: Sequence[SettingsWarning]) -> None:
        """`warnings`: what is to be said about them."""
        # Mutable: all of it.
        self.settings = settings
        self.cautions = tuple(warnings)
        self.refused: dict[str, Sequence[str]] = {}
        """What could not be taken at the last attempt, by what it is, and its mistakes."""
        self.waiting: Sequence[str] = ()
        """Keys that were changed and count from the next start on."""

    def warnings(self) -> Iterator[Warned]:
        """What users must be told."""
        yield from (Warned(one.code, one.message) for one in self.cautions)
        for what, mistakes in self.refused.items():
            more = f" (and {len(mistakes) - MAX_TOLD} more, see the log)" if len(mistakes) > MAX_TOLD else ""
            told = "; ".join(mistakes[:MAX_TOLD])
            yield Warned("reload_refused", f"the changed {what} is not used, the one before counts on: {told}{more}")
        if self.waiting:
            keys = ", ".join(self.waiting)
            yield Warned("restart_needed", f"changed settings count from the next start on: {keys}")
