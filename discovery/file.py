"""Peers listed in files that other programs write: a file, or every YAML and JSON file of a directory, watched."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import yaml
from watchfiles import awatch

from discovery.endpoint import FoundBy
from discovery.source import Found, Reading

SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})
"""Files of a directory that are read, but for hidden ones (Kubernetes keeps its old data in those)."""

MAX_FILE_BYTES: Final = 1024 * 1024
"""Bytes of a file; a larger one is a mistake."""

MAX_PEERS: Final = 1024
"""Peers in a file; more are a mistake."""

MAX_SHOWN: Final = 80
"""Characters of a key that are quoted in a message."""

_TEXT: Final = "a text"
_KEYS: Final = ("name", "url")
_SHAPE: Final = "a list of peers, each {name: NAME, url: URL}"


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

    def __init__(self, path: Path, settings: FileSettings | None = None) -> None:
        """`path` need not be there yet."""
        self._path = path
        self._settings = settings or FileSettings()
        # Mutable: the last good content of every file.
        self._good: dict[Path, tuple[Found, ...]] = {}

    @property
    def name(self) -> str:
        """As the peers page shows it."""
        return f"file:{self._path}"

    async def run(self, publish: Callable[[Reading], None]) -> None:
        """Reads now, and again whenever something changed there."""
        while True:
            publish(await asyncio.to_thread(self._read))
            folder = await asyncio.to_thread(self._folder)
            # inotify follows a directory, not its path: another one in its place is to be watched anew.
            async with aclosing(self._changes(folder)) as changes:
                async for _ in changes:
                    publish(await asyncio.to_thread(self._read))
                    if await asyncio.to_thread(self._folder) != folder:
                        break

    async def _changes(self, folder: Path | None) -> AsyncGenerator[None]:
        """Whenever something changed in the directory, or might have."""
        pause_s = self._settings.poll_ms / 1000
        if folder is not None:
            with suppress(OSError, RuntimeError):  # its own error, which it does not publish, is a RuntimeError
                async for _ in awatch(
                    folder,
                    watch_filter=None,
                    recursive=False,
                    step=self._settings.settle_ms,
                    debounce=10 * self._settings.settle_ms,
                    rust_timeout=self._settings.poll_ms,
                    yield_on_timeout=True,
                ):
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

    def _read(self) -> Reading:
        """What the files say now. One that cannot be read keeps what it said before."""
        try:
            paths = _files(self._path)
        except OSError as error:
            return Reading(self._found(), f"{self._path} cannot be read: {error.strerror or error}")
        self._good = {path: self._good[path] for path in paths if path in self._good}
        troubles = []
        for path in paths:
            content = _parse(path)
            if isinstance(content, str):
                troubles.append(f"{path}: {content}")
            else:
                self._good[path] = content
        return Reading(self._found(), "; ".join(troubles) or None)

    def _found(self) -> tuple[Found, ...]:
        return tuple(found for path in sorted(self._good) for found in self._good[path])


def _files(path: Path) -> list[Path]:
    """The files to read. Raises OSError where there is nothing."""
    path.stat()
    if not path.is_dir():
        return [path]
    return sorted(
        each for each in path.iterdir() if each.suffix in SUFFIXES and not each.name.startswith(".") and each.is_file()
    )


def _parse(path: Path) -> tuple[Found, ...] | str:
    """The peers of one file, or what is wrong with it."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    if len(content) > MAX_FILE_BYTES:
        return f"has more than {MAX_FILE_BYTES} bytes, allowed are {MAX_FILE_BYTES}"
    kind = "JSON" if path.suffix == ".json" else "YAML"
    try:
        value = json.loads(content) if kind == "JSON" else yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return f"is not {kind}: {_where_and_why(error)}"
    return _peers(value)


def _where_and_why(error: Exception) -> str:
    """Without the lines themselves: these may hold a password."""
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}: {error.msg}"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        why = " ".join(filter(None, (error.context, error.problem)))
        return f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {why}"
    return " ".join(str(error).split())


def _peers(value: Any) -> tuple[Found, ...] | str:
    if value is None:
        return "is empty; write [] where there is no peer"  # or it is being written at this moment
    if not isinstance(value, list):
        return f"holds {_kind(value)}, allowed is {_SHAPE}"
    if len(value) > MAX_PEERS:
        return f"lists {len(value)} peers, allowed are {MAX_PEERS}"
    found = []
    for number, item in enumerate(value, 1):
        if (mistake := _mistake(item)) is not None:
            return f"item {number}: {mistake}"
        found.append(Found(item["name"], item["url"], FoundBy.FILE))
    return tuple(found)


def _mistake(item: Any) -> str | None:
    """What is wrong with one peer; None if nothing is."""
    if not isinstance(item, dict):
        return f"found {_kind(item)}, allowed is {{name: NAME, url: URL}}"
    missing = [key for key in _KEYS if key not in item]
    for key in item:
        if key not in _KEYS:
            near = get_close_matches(str(key), missing, n=1)
            advice = f"; did you mean {near[0]!r}?" if near else ""
            return f"found the key {str(key)[:MAX_SHOWN]!r}, allowed are {', '.join(_KEYS)}{advice}"
    if missing:
        return f"the key {missing[0]!r} is missing; write {{name: NAME, url: URL}}"
    return next(
        (f"{key} holds {_kind(item[key])}, allowed is a text" for key in _KEYS if _kind(item[key]) != _TEXT), None
    )


def _kind(value: Any) -> str:
    """What a value is, in words of YAML and JSON."""
    match value:
        case None:
            return "nothing"
        case str():
            return _TEXT
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case _:
            return "something else, such as a date"
