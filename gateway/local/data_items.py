"""Data items that can be read: held in memory, or read from a file. A failed reading is a value."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

from gateway.local.bindings import DataSpec, FileData, HeldData
from gateway.local.shared_read import Clock, SharedRead
from gateway.local.values import DataType, MisfitError, parse_text

FILE_VALUE_LIMIT_BYTES: Final = 65_536
"""A larger file is not a value."""

TOO_SLOW: Final = "reading it takes too long"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sample:
    """A value and when it was taken, in ns since 1970."""

    value: Any
    timestamp_ns: int


@dataclass(frozen=True, slots=True)
class ReadFailure:
    """Why there is no value, in words for a client."""

    reason: str


Reading = Sample | ReadFailure | None
"""None: nothing is wrong, but there is no value yet."""


class DataItem(Protocol):
    """One data item. Both readings are cheap to cancel; neither raises."""

    @property
    def spec(self) -> DataSpec: ...

    async def read(self) -> Reading:
        """What the item is now."""

    async def listed(self) -> Reading:
        """What a list shows: the same where it costs nothing, else the last failure or None."""


class HeldItem:
    """A value held in memory; who may write it is decided above."""

    def __init__(self, binding: HeldData, clock: Clock) -> None:
        self._spec = binding.spec
        self._clock = clock
        self._sample = None if binding.value is None else Sample(binding.value, clock())

    @property
    def spec(self) -> DataSpec:
        return self._spec

    async def read(self) -> Reading:
        return self._sample

    async def listed(self) -> Reading:
        return self._sample

    def hold(self, value: Any) -> None:
        """Replace the value; it must be of the item's type."""
        self._sample = Sample(value, self._clock())


class FileItem:
    """The value a file says each time it is asked. The file is read off the event loop."""

    def __init__(self, binding: FileData, clock: Clock) -> None:
        self._binding = binding
        self._clock = clock
        self._shared: SharedRead[Sample | ReadFailure] = SharedRead(self._read_now, clock=clock)
        self._failure: ReadFailure | None = None  # mutable: how the last reading failed, if it did

    @property
    def spec(self) -> DataSpec:
        return self._binding.spec

    async def read(self) -> Reading:
        outcome = await self._shared.get() or ReadFailure(TOO_SLOW)
        self._note(outcome if isinstance(outcome, ReadFailure) else None)
        return outcome

    async def listed(self) -> Reading:
        return self._failure

    def _read_now(self) -> Sample | ReadFailure:
        outcome = read_value_file(self._binding.path, self.spec.type)
        return outcome if isinstance(outcome, ReadFailure) else Sample(outcome.value, self._clock())

    def _note(self, failure: ReadFailure | None) -> None:
        """Remember the failure; log when it begins, changes and ends."""
        if failure == self._failure:
            return
        self._failure = failure
        path = str(self._binding.path)
        if failure is None:
            _log.info("data file readable again", item=self.spec.id, path=path)
        else:
            _log.warning("data file unreadable", item=self.spec.id, path=path, reason=failure.reason)


@dataclass(frozen=True, slots=True)
class FileValue:
    """What a file says, as the item's type."""

    value: Any


def read_value_file(path: Path, data_type: DataType) -> FileValue | ReadFailure:
    """The value in a file. Blocks. The reason of a failure names no path: clients read it."""
    try:
        raw = _read_regular(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        return ReadFailure(f"its file cannot be read: {getattr(error, 'strerror', None) or 'invalid name'}")
    if raw is None:
        return ReadFailure("its file is not a regular file")
    if len(raw) > FILE_VALUE_LIMIT_BYTES:
        return ReadFailure(f"its file is larger than {FILE_VALUE_LIMIT_BYTES} bytes")
    try:
        return FileValue(parse_text(raw.decode(), data_type))
    except UnicodeDecodeError:
        return ReadFailure("its file is not UTF-8")
    except MisfitError as error:
        return ReadFailure(f"its file does not fit the type: {error}")


def _read_regular(path: Path) -> bytes | None:
    """Up to one byte more than the limit; None for a FIFO, device or folder, which could block or never end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return None
        return file.read(FILE_VALUE_LIMIT_BYTES + 1)
