"""Peers listed in files that other programs write: a file, or every YAML and JSON file of a directory, watched."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchfiles import awatch

from discovery.admission import MAX_FOUND
from discovery.listing import Listing, look_again
from discovery.source import Found, Reading
from discovery.static import normalise_url

SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})
"""Files of a directory that are read, but for hidden ones (Kubernetes keeps its old data in those)."""


MAX_FILES: Final = 256
"""Files of a directory that are read, the first ones by name."""


@dataclass(frozen=True, slots=True)
class FileSettings:
    """How often files are looked at."""

    poll_ms: int = 2_000
    """Between two looks that nobody asked for: not every file system tells of its changes, nor of those that happen
    just before it is asked to."""
    settle_ms: int = 50
    """Without a further change before the files are read: a swap is several changes."""


class FileSource:
    """The peers in one file or directory."""

    def __init__(
        self,
        path: Path,
        settings: FileSettings | None = None,
        *,
        peers: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        """`path` need not be there yet. `peers`: the URLs of those that are peers now, which nobody else pushes out."""
        self._path = path
        self._peers = peers
        self._settings = settings or FileSettings()
        # Mutable: what every file said last.
        self._listings: dict[Path, Listing] = {}

    @property
    def name(self) -> str:
        """As the peers page shows it."""
        return f"file:{_shown(self._path)}"

    async def run(self, publish: Callable[[Reading], None]) -> None:
        """Reads now, and again whenever something changed there."""
        while True:
            publish(await self._look())
            folder = await asyncio.to_thread(self._folder)
            # inotify follows a directory, not its path: another one in its place is to be watched anew.
            async with aclosing(self._changes(folder)) as changes:
                async for _ in changes:
                    publish(await self._look())
                    if await asyncio.to_thread(self._folder) != folder:
                        break

    async def _changes(self, folder: Path | None) -> AsyncGenerator[None]:
        """Whenever something changed in the directory, or might have."""
        pause_s = self._settings.poll_ms / 1000
        if folder is not None:
            with suppress(OSError, RuntimeError):  # its own error, which it does not publish, is a RuntimeError
                watch = awatch(
                    folder,
                    watch_filter=None,
                    recursive=False,
                    step=self._settings.settle_ms,
                    debounce=10 * self._settings.settle_ms,
                    rust_timeout=self._settings.poll_ms,
                    yield_on_timeout=True,
                )
                async with aclosing(watch) as seen:
                    async for _ in seen:
                        yield
        while True:  # it cannot be watched: there is none, or the system has no watches left
            await asyncio.sleep(pause_s)
            yield

    def _folder(self) -> Path | None:
        """The directory to watch, without symbolic links on the way; None while there is none."""
        try:
            real = self._path if self._path.is_dir() else self._path.parent
            return real.resolve(strict=True) if real.is_dir() else None
        except OSError:
            return None

    async def _look(self) -> Reading:
        return await asyncio.to_thread(self._read, frozenset(self._peers()))

    def _read(self, peers: frozenset[str]) -> Reading:
        """What the files say now. One that cannot be read keeps what it said before."""
        try:
            paths, unread = _files(self._path)
        except OSError as error:
            return self._reading(peers, [f"{_shown(self._path)} cannot be read: {error.strerror or error}"], 0)
        self._listings = {path: look_again(path, self._listings.get(path, Listing())) for path in paths}
        troubles = [f"{_shown(path)}: {one.trouble}" for path, one in self._listings.items() if one.trouble]
        return self._reading(peers, troubles, unread)

    def _reading(self, peers: frozenset[str], troubles: list[str], unread: int) -> Reading:
        """Of what the files say as much as is allowed; `unread`: how many of them nobody looked into."""
        found, left_out = self._found(), []
        if len(found) > MAX_FOUND:
            left_out.append(f"its files list {len(found)} peers, allowed are {MAX_FOUND} in all")
            found = tuple(sorted(found, key=lambda one: normalise_url(one.url) not in peers))[:MAX_FOUND]
        if unread:
            left_out.append(f"it has {unread} files more than the {MAX_FILES} that are read")
        return Reading(found, "; ".join(troubles) or None, "; ".join(left_out) or None)

    def _found(self) -> tuple[Found, ...]:
        return tuple(found for path in sorted(self._listings) for found in self._listings[path].found)


def _files(path: Path) -> tuple[list[Path], int]:
    """The files to read, and how many more there are. Raises OSError where there is nothing."""
    path.stat()
    if not path.is_dir():
        return [path], 0
    files = sorted(
        each for each in path.iterdir() if each.suffix in SUFFIXES and not each.name.startswith(".") and _is_file(each)
    )
    return files[:MAX_FILES], max(0, len(files) - MAX_FILES)


def _is_file(path: Path) -> bool:
    """Whether it is one, or leads nobody knows where: that is told when it is opened, of this one alone."""
    try:
        return path.is_file()
    except OSError:
        return True


def _shown(path: Path) -> str:
    """`path` for people; the name of a file need not be UTF-8."""
    return str(path).encode(errors="backslashreplace").decode()
