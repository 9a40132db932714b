"""Tells when any of a few files is another one than before, wherever its name leads."""

import asyncio
import importlib
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Final

LOOK_MS: Final = 2_000
"""Milliseconds between two looks that no change asked for: not every file system tells of its changes."""

SETTLE_MS: Final = 200
"""Milliseconds without a further change before files are looked at: editors write in several steps."""

Stamp = tuple[int, int, int, int] | None
"""What differs when a file changed, or who may read it, through symbolic links; None where there is none."""


class FileWatch:
    """A few files, which need not be there."""

    def __init__(self, files: Iterable[Path], seen: Mapping[Path, Stamp] | None = None) -> None:
        """Before they are read for the first time, or with their stamps of then (`seen`). Blocks."""
        self._files = tuple(files)
        # Mutable: as they were seen last.
        self._seen = {**stamps_of(self._files), **(seen or {})}

    def look(self) -> frozenset[Path]:
        """Those that are others than at the last look. They are read after it, or a change would be lost. Blocks."""
        before, self._seen = self._seen, stamps_of(self._files)
        return frozenset(file for file in self._files if self._seen[file] != before[file])

    async def changes(self) -> AsyncGenerator[None]:
        """Whenever any of them may have changed, for ever; `look` tells whether one did."""
        folders = await asyncio.to_thread(self._folders)
        if folders:
            watchfiles = await asyncio.to_thread(importlib.import_module, "watchfiles")  # it takes a while to load
            with suppress(OSError, RuntimeError):  # its own error, which it does not publish, is a RuntimeError
                watching = watchfiles.awatch(
                    *folders,
                    watch_filter=None,
                    recursive=False,
                    step=SETTLE_MS,
                    debounce=10 * SETTLE_MS,
                    rust_timeout=LOOK_MS,
                    yield_on_timeout=True,
                )
                async with aclosing(watching):  # or its thread ends at some time after we did
                    async for _ in watching:
                        yield
        while True:  # they cannot be watched: there are none, or the system has no watches left
            await asyncio.sleep(LOOK_MS / 1000)
            yield

    def _folders(self) -> frozenset[Path]:
        """The directories of the files, and of what their names lead to."""
        places = {place for file in self._files for place in (file.absolute().parent, file.resolve().parent)}
        return frozenset(place for place in places if place.is_dir())


def stamps_of(files: Iterable[Path]) -> dict[Path, Stamp]:
    """All of them as they are now. Blocks."""
    return {file: _stamp(file) for file in files}


def _stamp(file: Path) -> Stamp:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
