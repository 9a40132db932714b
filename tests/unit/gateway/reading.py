"""Reading settings in tests: from texts, with the outcome that is expected."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.config.reader import LoadedSettings, SettingsRefused, read_settings
from gateway.settings import Settings


def loaded(
    *files: Path, environ: Mapping[str, str] | None = None, flags: Sequence[str] = (), name: str | None = None
) -> LoadedSettings:
    """What these sources amount to; a mistake in them fails the test."""
    outcome = read_settings(files, environ, flags, name=name)
    assert isinstance(outcome, LoadedSettings), "\n".join(map(str, getattr(outcome, "problems", ())))
    return outcome


def settings(
    *files: Path, environ: Mapping[str, str] | None = None, flags: Sequence[str] = (), name: str | None = None
) -> Settings:
    """The settings of `loaded`."""
    return loaded(*files, environ=environ, flags=flags, name=name).settings


def mistakes(
    *files: Path, environ: Mapping[str, str] | None = None, flags: Sequence[str] = (), namespace: str | None = None
) -> list[str]:
    """The messages of the mistakes in these sources; none of them fails the test."""
    outcome = read_settings(files, environ, flags, namespace=namespace)
    assert isinstance(outcome, SettingsRefused)
    return [str(problem) for problem in outcome.problems]
