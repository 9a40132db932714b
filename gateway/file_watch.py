"""Tells when any of a few files is another one than before, wherever its name leads."""

import asyncio
import importlib
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

LOOK_MS: Final = 2_000
"""Milliseconds between two looks that no change asked for: not every file system tells of its changes."""

SETTLE_MS: Final = 200
"""Milliseconds without a further change before files are looked at: editors write in several steps."""

_Stamp = tuple[int, int, int] | None


class FileWatch:
    """A few files, which need not be there."""

    def __init__(self, files: Iterable[Path]) -> None:
        """Looks at them for the first time; blocks."""
        self._files = tuple(files)
        # Mutable: as they were seen last.
        self._seen = self._stamps()

    def look(self) -> bool:
        """Whether any of them is another one than at the last look. Blocks."""
        before, self._seen = self._seen, self._stamps()
        return self._seen != before

    async def changes(self) -> AsyncGenerator[None]:
        """Whenever any of them may have changed, for ever; `look` tells whether one did."""
        folders = await asyncio.to_thread(self._folders)
        if folders:
            watchfiles = await asyncio.to_thread(importlib.import_module, "watchfiles")  # it takes a while to load
            with suppress(OSError, RuntimeError):  # its own error, which it does not publish, is a RuntimeError
                async for _ in watchfiles.awatch(
                    *folders,
                    watch_filter=None,
                    recursive=False,
                    step=SETTLE_MS,
                    debounce=10 * SETTLE_MS,
                    rust_timeout=LOOK_MS,
                    yield_on_timeout=True,
                ):
                    yield
        while True:  # they cannot be watched: there are none, or the system has no watches left
            await asyncio.sleep(LOOK_MS / 1000)
            yield

    def _folders(self) -> frozenset[Path]:
        """The directories of the files, and of what their names lead to."""
        places = {place for file in self._files for place in (file.absolute().parent, file.resolve().parent)}
        return frozenset(place for place in places if place.is_dir())

    def _stamps(self) -> tuple[_Stamp, ...]:
        return tuple(map(_stamp, self._files))


def _stamp(file: Path) -> _Stamp:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
