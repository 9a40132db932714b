"""The new lines of a file that others write to, rotate and truncate. Blocks: for threads."""

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Final

from gateway.local.logs.window import split_window
from gateway.local.regular_file import open_regular

READ_LIMIT_BYTES: Final = 1024 * 1024
"""Bytes read of a log at once: of what is new, the end."""

REST_NS: Final = 2_000_000_000
"""A last line without a line break counts once its file has rested this long, in ns."""

FOLDER_LIMIT: Final = 2000
"""Files looked at in search of the one that a rotation has renamed."""

_FINGERPRINT_BYTES: Final = 256
"""By its beginning, and by what stands before the place where reading goes on, a file that was emptied and filled
again is told from one that grew.
"""


@dataclass(frozen=True, slots=True)
class NewLines:
    """Lines without their breaks. Not `follows`: others, between them and what was read before, are not there.

    `modified_ns`: when the file was written last.
    """

    lines: Sequence[bytes]
    follows: bool
    modified_ns: int


class FileTail:
    """Reads on where the last reading ended. After a rotation the rest of the renamed file comes first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Mutable: which file was read, how it begins, where reading goes on, what stands before that, and whether it
        # is inside a line of which no more is wanted.
        self._file: tuple[int, int] | None = None
        self._beginning = b""
        self._offset = 0
        self._passed = b""
        self._inside = False

    def read(self, now_ns: int) -> NewLines:
        """What is new. Raises OSError, and ValueError for a path that can be none."""
        with open_regular(self._path) as file:
            status = os.fstat(file.fileno())
            found = (status.st_dev, status.st_ino)
            rest: list[bytes] = []
            follows = True
            if self._file != found:
                rest, follows = self._rest_of_renamed()
                self._begin(found)
            elif not self._grew(file):
                follows = False
                self._begin(found)
            rested = now_ns - status.st_mtime_ns > REST_NS
            lines, goes_on = self._read_on(file, status.st_size, take_unfinished=rested)
            self._beginning = os.pread(file.fileno(), _FINGERPRINT_BYTES, 0)
            passed = min(_FINGERPRINT_BYTES, self._offset)
            self._passed = os.pread(file.fileno(), passed, self._offset - passed)
        return NewLines([*rest, *lines] if goes_on else lines, follows and goes_on, status.st_mtime_ns)

    def _grew(self, file: BufferedReader) -> bool:
        """Whether everything that was read still stands there."""
        place = self._offset - len(self._passed)
        begins = os.pread(file.fileno(), len(self._beginning), 0) == self._beginning
        return begins and os.pread(file.fileno(), len(self._passed), place) == self._passed

    def _begin(self, file: tuple[int, int]) -> None:
        self._file, self._offset, self._passed, self._inside = file, 0, b"", False

    def _rest_of_renamed(self) -> tuple[list[bytes], bool]:
        """What was written to the file that stood here, after it was read last; False if it is not to be found."""
        if self._file is None:
            return [], True
        for path in _with_inode(self._path.parent, self._file[1]):
            try:
                with open_regular(path) as file:
                    status = os.fstat(file.fileno())
                    if (status.st_dev, status.st_ino) == self._file and status.st_size >= self._offset:
                        return self._read_on(file, status.st_size, take_unfinished=True)
            except OSError:
                continue
        return [], False

    def _read_on(self, file: BufferedReader, size: int, *, take_unfinished: bool) -> tuple[list[bytes], bool]:
        """The lines up to `size`, and whether they follow what was read before."""
        follows = size - self._offset <= READ_LIMIT_BYTES
        # One byte in front tells whether the piece begins with a line or inside one.
        start = self._offset if follows else size - READ_LIMIT_BYTES - 1
        raw = _read_at(file, start, size)
        window = split_window(raw, inside=self._inside if follows else True, take_unfinished=take_unfinished)
        self._offset, self._inside = start + window.consumed, window.inside
        lost_all = not follows and not window.lines
        return [raw[1:].rstrip(b"\n")] if lost_all else window.lines, follows


def _with_inode(folder: Path, inode: int) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            for entry in itertools.islice(entries, FOLDER_LIMIT):
                if entry.inode() == inode:
                    yield folder / entry.name
    except OSError:
        return


def _read_at(file: BufferedReader, start: int, end: int) -> bytes:
    parts: list[bytes] = []
    while start < end:
        part = os.pread(file.fileno(), end - start, start)
        if not part:
            break
        parts.append(part)
        start += len(part)
    return b"".join(parts)
