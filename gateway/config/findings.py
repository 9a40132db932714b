"""A mistake that shows only when settings are seen together, before it is known where they stand."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with the first of `keys`; the others are the settings that make it wrong.

    A finding is dropped when one of its settings was mistaken by itself and said so already.
    """

    keys: tuple[str, ...]
    found: str
    allowed: str = ""
    advice: str = ""
