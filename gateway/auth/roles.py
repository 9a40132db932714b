"""The four roles; each may do what those below it may. Source: docs/authentication.md, "Roles"."""

from enum import IntEnum
from typing import Self


class Role(IntEnum):
    """What a caller may do, the least first; compared by `<`."""

    VIEWER = 1
    OPERATOR = 2
    CONFIGURATOR = 3
    ADMIN = 4

    @property
    def word(self) -> str:
        """As it is written in settings and tokens."""
        return self.name.lower()

    @classmethod
    def parse(cls, word: object) -> Self | None:
        """The role of this word, exactly as it is written; None if there is none."""
        return next((role for role in cls if role.word == word), None)


ROLE_WORDS = tuple(role.word for role in Role)
