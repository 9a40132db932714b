"""A text that must not be seen: no repr, no log and no error shows it."""

from typing import Final


class Secret:
    """Wraps a token or password; `reveal` is called where it is written on the wire, and nowhere else."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text: Final = text

    def __repr__(self) -> str:
        return "<Secret>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def reveal(self) -> str:
        """The text."""
        return self._text
