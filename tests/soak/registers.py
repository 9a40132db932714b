"""What the `mark` of every App may say now: written by one client at a time, with a value never used before."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

UNWRITTEN = ""

VALUE = re.compile(rb'"(\w+/\w+/\d+)"')
"""A value as it stands in the body of a write."""


@dataclass(slots=True)
class Register:
    """`standing`: values that may be read now; `ended`: since when each of the others may not.

    A write that was confirmed replaces all that stood before it for good, and a value that was seen and then replaced
    must not come back: its write would have been executed twice. A write that nobody knows anything of may still be
    on its way, for as long as it likes.
    """

    owner: str
    app: str
    boots: int = 0
    writing: bool = False
    written: int = 0
    standing: set[str] = field(default_factory=lambda: {UNWRITTEN})
    ended: dict[str, float] = field(default_factory=dict)
    unsettled: dict[str, float | None] = field(default_factory=dict)
    """Values whose write was not confirmed, and when each was first seen; None = it may still arrive."""


@dataclass(slots=True)
class Write:
    """One write under way: its value, when it was begun, and how often the owner had been killed before."""

    register: Register
    value: str
    began: float
    boots: int


class Registers:
    """All of them. `boots`: how often a gateway was killed, whereupon its registers begin anew."""

    def __init__(self, clock: Callable[[], float], boots: Callable[[str], int]) -> None:
        self._clock = clock
        self._boots = boots
        self.repeated: list[str] = []
        """Values that were sent to their owner more than once."""
        self._by_app: dict[tuple[str, str], Register] = {}
        self._arrived: set[str] = set()
        # Mutable state: the registers, and what was sent to owners over links.

    def begin(self, owner: str, app: str) -> Write | None:
        """The next write to it; None while another one is under way."""
        register = self._of(owner, app)
        if register.writing:
            return None
        register.writing = True
        register.written += 1
        value = f"{owner}/{app}/{register.written}"
        register.standing.add(value)
        register.unsettled[value] = None
        return Write(register, value, self._clock(), register.boots)

    def done(self, write: Write) -> None:
        """It was confirmed."""
        register = self._refresh(write.register)
        register.writing = False
        del register.unsettled[write.value]
        if register.boots == write.boots:  # else nobody knows whether it was executed before its owner died
            self._end(register, keep=write.value, seen_before=write.began)

    def unknown(self, write: Write) -> None:
        """It may have been executed, or still be."""
        self._refresh(write.register).writing = False

    def not_done(self, write: Write) -> str | None:
        """It was not executed, and never will be; what is wrong if it was seen, or sent to its owner."""
        register = self._refresh(write.register)
        register.writing = False
        was_seen = register.unsettled.pop(write.value) is not None or write.value in self._arrived
        register.standing.discard(write.value)
        register.ended[write.value] = write.began
        lie = f"the write of {write.value!r} is said not to have been executed, and was seen, or sent"
        return lie if was_seen else None

    def seen(self, owner: str, app: str, value: str, began: float) -> str | None:
        """What is wrong with reading this value by a request that was begun then; None if nothing is."""
        register = self._of(owner, app)
        ended = register.ended.get(value)
        if value not in register.standing and ended is None:
            return f"{owner}'s {app} says {value!r}, which nobody wrote there"
        if value not in register.standing and ended is not None and ended < began:
            return f"{owner}'s {app} says {value!r}, which was replaced for good at {ended:.3f}, or never executed"
        if value in register.unsettled and register.unsettled[value] is None:
            register.unsettled[value] = self._clock()
        return None

    def arrives(self, owner: str, data: bytes) -> None:
        """Bytes on their way to `owner` over a link: a value in them is written there, and must not come again."""
        for found in VALUE.findall(data):
            value = found.decode()
            if value.startswith(f"{owner}/"):
                if value in self._arrived:
                    self.repeated.append(value)
                self._arrived.add(value)

    def _of(self, owner: str, app: str) -> Register:
        register = self._by_app.setdefault((owner, app), Register(owner, app, self._boots(owner)))
        return self._refresh(register)

    def _refresh(self, register: Register) -> Register:
        """After the owner's death it begins anew; what is still on its way may arrive."""
        if register.boots != self._boots(register.owner):
            register.boots = self._boots(register.owner)
            self._end(register, keep=UNWRITTEN, seen_before=self._clock())
            register.standing.add(UNWRITTEN)
        return register

    def _end(self, register: Register, *, keep: str, seen_before: float) -> None:
        """All that stands ends now, but for `keep` and what may have arrived after that time, or may yet."""
        for value in register.standing - {keep}:
            seen = register.unsettled.get(value, seen_before - 1)
            if seen is not None and seen < seen_before:
                register.standing.discard(value)
                register.ended[value] = self._clock()
