"""The version of this program."""

from importlib.metadata import version
from typing import Final

DISTRIBUTION: Final = "grove-gateway"


def grove_version() -> str:
    """The installed version, as in the banner and `/version-info`."""
    return version(DISTRIBUTION)
