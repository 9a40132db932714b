"""What a data item is, whatever its value comes from: read, listed, perhaps written. Failures are values."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Protocol, runtime_checkable

from gateway.local.bindings import DataSpec, HeldData

TOO_SLOW: Final = "reading it takes too long"

LIST_WAIT_S: Final = 0.1
"""How long a list waits for the values that are not at hand, for all of them together."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A value and when it was taken, in ns since 1970."""

    value: Any
    timestamp_ns: int


@dataclass(frozen=True, slots=True)
class ReadFailure:
    """Why there is no value, in words for a client. `detail` and `cause` are for the log alone."""

    reason: str
    detail: str = field(default="", compare=False)
    cause: Exception | None = field(default=None, compare=False)


Reading = Sample | ReadFailure | None
"""None: nothing is wrong, but there is no value yet."""


class Fate(Enum):
    """What is known of a write that failed."""

    UNFIT = "it is no value for what it writes to"
    NOT_TRIED = "what it writes to could not be asked"
    REFUSED = "what it writes to said no"
    DECLINED = "the program that serves it does not want it, which is no trouble of anybody's"
    UNKNOWN = "it may have been done"


@dataclass(frozen=True, slots=True)
class WriteFailure:
    """Why a value was not written, in words for a client. `detail` and `cause` are for the log alone."""

    reason: str
    fate: Fate
    detail: str = field(default="", compare=False)
    cause: Exception | None = field(default=None, compare=False)


class DataItem(Protocol):
    """One data item. Both readings are cheap to cancel; neither raises."""

    @property
    def spec(self) -> DataSpec: ...

    async def read(self) -> Reading:
        """What the item is now."""

    async def listed(self) -> Reading:
        """What a list shows: at most LIST_WAIT_S after a reading began the last that is known, else None."""


@runtime_checkable
class WritableItem(Protocol):
    """A data item that can be written, when its spec says so."""

    async def write(self, value: Any) -> WriteFailure | None:
        """Have the value, of the item's type and in its range, where it belongs. Bounded in time; one at a time."""


@runtime_checkable
class PreparedItem(Protocol):
    """A data item that a list asks to begin its reading, so that all read at once."""

    def prepare(self) -> None:
        """Begin a reading if one is needed."""


class HeldItem:
    """A value held in memory; who may write it is decided above."""

    def __init__(self, binding: HeldData, clock: Callable[[], int]) -> None:
        self._spec = binding.spec
        self._clock = clock
        self._sample = None if binding.value is None else Sample(binding.value, clock())  # mutable: the value

    @property
    def spec(self) -> DataSpec:
        return self._spec

    async def read(self) -> Reading:
        return self._sample

    async def listed(self) -> Reading:
        return self._sample

    @property
    def sample(self) -> Sample | None:
        """What is held now."""
        return self._sample

    def hold(self, value: Any) -> None:
        """Replace the value; it must be of the item's type. From any thread."""
        self._sample = Sample(value, self._clock())

    async def write(self, value: Any) -> WriteFailure | None:
        """Replace the value; never fails."""
        self._sample = Sample(value, self._clock())
        return None


_: type[DataItem] = HeldItem
__: type[WritableItem] = HeldItem
