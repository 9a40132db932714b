"""The SQLite file behind `Storage`: opened, checked, brought to the newest tables; an unusable one is set aside."""

import asyncio
import sqlite3
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import aiosqlite
import structlog

from gateway.local.daemon_thread import in_daemon_thread

FILE_NAME: Final = "own.sqlite3"

SET_ASIDE: Final = ".unusable"
"""Behind the name of a file that was damaged; an older one of that name is replaced."""

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "CREATE TABLE probe (id INTEGER PRIMARY KEY, written_ns INTEGER NOT NULL)",
        """CREATE TABLE configuration (
            kind TEXT NOT NULL, entity TEXT NOT NULL, item TEXT NOT NULL,
            value TEXT NOT NULL, changed_ns INTEGER NOT NULL,
            PRIMARY KEY (kind, entity, item)) WITHOUT ROWID""",
        """CREATE TABLE fault (
            kind TEXT NOT NULL, entity TEXT NOT NULL, code TEXT NOT NULL,
            record TEXT NOT NULL,
            PRIMARY KEY (kind, entity, code)) WITHOUT ROWID""",
        """CREATE TABLE snapshot (
            kind TEXT NOT NULL, entity TEXT NOT NULL, code TEXT NOT NULL,
            frames TEXT NOT NULL,
            PRIMARY KEY (kind, entity, code)) WITHOUT ROWID""",
    ),
)
"""What makes version n+1 of the tables from version n. Only ever added to: files of every version are out there."""

# Locked for this process: the state directory is too, and an index in shared memory would end the process with
# SIGBUS on a full disk. Every commit is on the disk before it counts.
_MANNERS: Final = ("PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL")

_log = structlog.get_logger("storage")


FileIdentity = tuple[int, int]
"""Device and inode."""

NO_FILE: Final[FileIdentity] = (0, 0)


class NewerFileError(Exception):
    """The file was written by a newer version of the program; it is left alone."""


async def open_file(path: Path) -> tuple[aiosqlite.Connection, str | None]:
    """The file, ready for use, and why a damaged one had to be set aside first, if so.

    Raises sqlite3.Error or OSError where there can be none now, and NewerFileError.
    """
    damage: str | None = None
    connection: aiosqlite.Connection | None = None
    try:
        connection = await _connect(path)
        damage = await _damage(connection)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # the disk's failure, not the file's
            await _close(connection)
            raise
        damage = str(error)
    if damage is not None:
        await _close(connection)
        await asyncio.to_thread(_set_aside, path)
        _log.warning(
            "stored values unusable, beginning anew", file=path.name, why=damage, kept_as=path.name + SET_ASIDE
        )
        connection = await _connect(path)
    assert connection is not None  # noqa: S101 -- for the type checker: no damage, so it was opened
    try:
        await _migrate(connection)
    except BaseException:
        await _close(connection)
        raise
    return connection, damage


async def identity_of(path: Path) -> FileIdentity | None:
    """Which file stands there, `NO_FILE` if there is none; None where nobody can tell."""
    looking = in_daemon_thread(partial(_identity, path), "grove-storage")
    return None if looking is None else await looking


def _identity(path: Path) -> FileIdentity | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return NO_FILE
    except OSError:
        return None
    return status.st_dev, status.st_ino


async def _connect(path: Path) -> aiosqlite.Connection:
    await asyncio.to_thread(_make, path)
    connecting = aiosqlite.connect(path, isolation_level=None)
    connecting._thread.daemon = True  # noqa: SLF001 -- a disk that hangs must not keep the process from ending
    connection = await connecting
    try:
        for pragma in _MANNERS:
            await connection.execute_fetchall(pragma)
    except BaseException:
        await _close(connection)
        raise
    return connection


async def _damage(connection: aiosqlite.Connection) -> str | None:
    """What is wrong inside the file; None when it is whole."""
    rows = list(await connection.execute_fetchall("PRAGMA quick_check(1)"))
    found = str(rows[0][0]) if rows else "nothing was checked"
    return None if found == "ok" else found


async def _migrate(connection: aiosqlite.Connection) -> None:
    ((version,),) = await connection.execute_fetchall("PRAGMA user_version")
    if version > len(MIGRATIONS):
        raise NewerFileError(f"it is of version {version}, this program knows up to {len(MIGRATIONS)}")
    for number, statements in enumerate(MIGRATIONS[version:], version + 1):
        await connection.execute_fetchall("BEGIN IMMEDIATE")
        for statement in (*statements, f"PRAGMA user_version = {number}", "COMMIT"):
            await connection.execute_fetchall(statement)


async def _close(connection: aiosqlite.Connection | None) -> None:
    if connection is not None:
        with suppress(sqlite3.Error):
            await connection.close()


def _make(path: Path) -> None:
    """The file is there. Raises OSError, whose words are better than SQLite's."""
    path.open("ab").close()


def _set_aside(path: Path) -> None:
    """The log of the file goes with it: it belongs to no other. Raises OSError."""
    for name in (path.name, f"{path.name}-wal"):
        with suppress(FileNotFoundError):
            (path.parent / name).replace(path.parent / f"{name}{SET_ASIDE}")
