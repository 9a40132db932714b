"""What must survive a restart, in one SQLite file (docs/configuration.md, "State"): a queue of writes, one writer.

A write is answered when it is on the disk, or with the reason why it is not. Writes that wait together are one
commit. A disk that fails is tried again; meanwhile everything else goes on.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import aiosqlite
import structlog

from gateway.local.shared_read import Clock
from gateway.local.storage_file import FILE_NAME, FileIdentity, NewerFileError, identity_of, open_file

RETRY_S: Final = 5.0
"""Seconds between two tries of a disk that failed, and between two looks whether the file is still there."""

PATIENCE_S: Final = 10.0
"""Seconds a write waits for the disk before it counts as not stored."""

END_S: Final = 2.0
"""Seconds the end of the gateway waits for a disk that does not answer."""

MAX_WAITING: Final = 10_000
"""Writes that wait for the disk; a further one is not stored."""

MAX_BATCH: Final = 50
"""Writes in one commit; so many are told of it at once."""

SqlValue = str | int | float | bytes | None
Row = tuple[SqlValue, ...]
Refused = TypeVar("Refused")

_log = structlog.get_logger("storage")


@dataclass(frozen=True, slots=True)
class Statement:
    """One change of one table."""

    sql: str
    values: Row = ()


@dataclass(frozen=True, slots=True)
class StorageFailure:
    """Why something is not stored, in words for a client. `is_open`: it may be stored later all the same."""

    reason: str
    is_open: bool = False


Stored = Callable[[StorageFailure | None], None]
"""Called on the event loop when a write is on the disk, or is not."""

Keep = Callable[[Iterable[Statement], Stored], None]
"""Have these changes stored together, all or none; changes given later are stored later. They are gone through when
they are written, and perhaps again: until then, whoever gave them may still change them.
"""


def keep_nothing(statements: Iterable[Statement], stored: Stored) -> None:  # noqa: ARG001 -- it is what a Keep is given
    """For own entities without a file: everything counts as kept, and ends with the process."""
    stored(None)


def unheard(failure: StorageFailure | None) -> None:
    """A `Stored` where nobody waits: what is wrong stands in `/health`."""


@dataclass(slots=True)
class _Write:
    statements: Iterable[Statement]
    stored: Stored


async def _nothing_to_do() -> StorageFailure | None:
    """For storage whose owner has nothing to read."""
    return None


class Storage:
    """Owns the file in the state directory `folder`. All methods belong on one event loop; none raises for a disk."""

    def __init__(self, folder: Path, *, clock: Clock, retry_s: float = RETRY_S, end_s: float = END_S) -> None:
        """`retry_s`: as `RETRY_S`. `end_s`: seconds the end waits for the disk."""
        self._path = folder / FILE_NAME
        self._clock = clock
        self._retry_s = retry_s
        self._end_s = end_s
        self.opened: Callable[[], Awaitable[StorageFailure | None]] = _nothing_to_do
        """Awaited whenever a file was opened: read from it, and put what it lacks. What it cannot read is read again
        later, from a file opened anew; until then nothing is stored.
        """
        self.recovered: Callable[[], None] = lambda: None
        """Called when writes succeed again after some failed."""
        # Mutable: the file, which one it is on the disk, the writes that wait, and what is wrong now.
        self._file: aiosqlite.Connection | None = None
        self._identity: FileIdentity | None = None
        self._waiting: list[_Write] = []
        self._wake = asyncio.Event()
        self._closed = False
        self.failure: str | None = None
        """Why nothing can be stored now; None while it can."""
        self.damage: str | None = None
        """Why a file that was there had to be set aside, since the start of the process."""

    async def open(self) -> None:
        """The first try, before `run`."""
        await self._open()

    async def run(self) -> None:
        """Writes, and tries again what failed, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._retry_s):
                    await self._wake.wait()
            self._wake.clear()
            working = asyncio.ensure_future(self._work())
            try:
                await asyncio.wait({working}, timeout=PATIENCE_S)
                if not working.done():
                    self._note("the disk does not answer")
                await asyncio.shield(working)
            except asyncio.CancelledError:
                await asyncio.wait({working}, timeout=self._end_s)  # a commit is not left halfway
                working.cancel()
                await asyncio.wait({working}, timeout=self._end_s)
                raise

    async def close(self) -> None:
        """Writes what still waits and closes the file; called once, after `run` has ended."""
        self._closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(self._end_s):
                await self._roll_back()  # a commit that was cut off
                await self._commit_waiting()
                if self._file is not None:
                    with suppress(sqlite3.Error):
                        await self._file.close()
        self._fail_waiting("the gateway has stopped")

    def keep(self, statements: Iterable[Statement], stored: Stored) -> None:
        """A `Keep`."""
        if self._closed or len(self._waiting) >= MAX_WAITING:
            stored(StorageFailure("the gateway has stopped" if self._closed else "too much waits for the disk"))
            return
        self._waiting.append(_Write(statements, stored))
        self._wake.set()

    async def write(self, *statements: Statement) -> StorageFailure | None:
        """Returns when they are stored, or are not."""
        failure: StorageFailure | None = await outcome_of(lambda stored: self.keep(statements, stored))
        return failure

    async def read(self, sql: str) -> list[Row] | StorageFailure:
        """The rows of a query."""
        if self._file is None:
            return StorageFailure(self.failure or "the file is not open")
        try:
            return [tuple(row) for row in await self._file.execute_fetchall(sql)]
        except (sqlite3.Error, ValueError) as error:  # ValueError: it is closed just now
            return StorageFailure(_words(error))

    async def _work(self) -> None:
        if self._file is not None and await identity_of(self._path) not in {self._identity, None}:
            await self._let_go("its file was removed or replaced while in use")
        if self._file is None:
            await self._open()
        elif self.failure is not None and not self._waiting:
            with suppress(sqlite3.Error):  # what is stored twice may be all that fills the disk
                await self._file.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
            probe = Statement("INSERT OR REPLACE INTO probe VALUES (1, ?)", (self._clock(),))
            self.keep((probe,), unheard)
        await self._commit_waiting()

    async def _open(self) -> None:
        try:
            self._file, damage = await open_file(self._path)
        except (sqlite3.Error, OSError, NewerFileError) as error:
            self._note(_words(error))
            return
        self._identity = await identity_of(self._path)
        self.damage = damage or self.damage
        failure = await self.opened()
        if failure is not None:
            await self._let_go(f"what was stored cannot be read: {failure.reason}")
            return
        self._note(None)

    async def _commit_waiting(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            try:
                failure = await self._commit(batch)
                if failure is not None and len(batch) > 1:
                    while batch:  # one that cannot be stored does not take the others with it
                        _tell([batch[0]], await self._commit(batch[:1]))
                        del batch[0]
            except asyncio.CancelledError:
                _tell(batch, StorageFailure("the gateway stops", is_open=True))
                raise
            _tell(batch, failure)

    async def _commit(self, batch: Sequence[_Write]) -> StorageFailure | None:
        if self._file is None:
            return StorageFailure(self.failure or "the file is not open")
        try:
            await self._file.execute_fetchall("BEGIN IMMEDIATE")
            for write in batch:
                for statement in write.statements:
                    await self._file.execute_fetchall(statement.sql, statement.values)
            await self._file.execute_fetchall("COMMIT")
        except Exception as error:  # noqa: BLE001 -- whatever is wrong with one write, all others go on
            await self._roll_back()
            if isinstance(error, sqlite3.OperationalError):
                self._note(_words(error))
            elif type(error) is sqlite3.DatabaseError:  # the file turns out damaged while in use
                await self._let_go(_words(error))
            elif len(batch) == 1:
                _log.error("a change cannot be stored", why=f"{type(error).__name__}: {_words(error)}")
            return StorageFailure(_words(error))
        self._note(None)
        return None

    async def _roll_back(self) -> None:
        with suppress(sqlite3.Error, ValueError):  # ValueError: it is closed
            if self._file is not None:
                await self._file.rollback()

    async def _let_go(self, why: str) -> None:
        """Closes the file; opening it again sets it aside where it is damaged."""
        self._note(why)
        closing, self._file = self._file, None
        if closing is not None:
            with suppress(sqlite3.Error):
                await closing.close()

    def _note(self, failure: str | None) -> None:
        """Log when storing begins to fail, fails otherwise, and works again."""
        before, self.failure = self.failure, failure
        if failure == before:
            return
        if failure is not None:
            _log.warning("values cannot be stored", why=failure, file=self._path.name)
            return
        _log.info("values are stored again", file=self._path.name)
        self.recovered()

    def _fail_waiting(self, why: str) -> None:
        waiting, self._waiting = self._waiting, []
        _tell(waiting, StorageFailure(why))


async def outcome_of(
    begin: Callable[[Stored], Refused | None], patience_s: float = PATIENCE_S
) -> Refused | StorageFailure | None:
    """Has a write begun, and returns when it is stored, or is not; at once with what `begin` returns if it refuses.

    After `patience_s` seconds nobody knows yet: what `begin` was given is told later.
    """
    outcome: asyncio.Future[StorageFailure | None] = asyncio.get_running_loop().create_future()

    def stored(failure: StorageFailure | None) -> None:
        if not outcome.done():
            outcome.set_result(failure)

    refused = begin(stored)
    if refused is not None:
        return refused
    done, _ = await asyncio.wait({outcome}, timeout=patience_s)
    if done:
        return outcome.result()
    return StorageFailure("the disk does not answer", is_open=True)


def _tell(batch: Sequence[_Write], failure: StorageFailure | None) -> None:
    for write in batch:
        write.stored(failure)


def _words(error: Exception) -> str:
    """Why, without paths: clients read it."""
    match error:
        case sqlite3.Error():
            return _SAID.get(str(error), str(error))
        case OSError():
            return error.strerror or type(error).__name__
        case _:
            return str(error)


_SAID: Final = {
    "database or disk is full": "the disk is full",
    "disk I/O error": "the disk fails or is full",
    "unable to open database file": "its file cannot be opened or made",
    "attempt to write a readonly database": "its file is read-only",
}
