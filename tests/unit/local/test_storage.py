"""What is told to be stored is there after a restart; what cannot be stored is told, and everything else goes on."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.local.storage import MAX_WAITING, Statement, Storage, StorageFailure
from gateway.local.storage_file import FILE_NAME, MIGRATIONS
from tests.federation.eventually import eventually
from tests.unit.local.conftest import HandClock

READ = "SELECT id, written_ns FROM probe ORDER BY id"


def row(number: int, value: object = 7) -> Statement:
    return Statement("INSERT INTO probe VALUES (?, ?)", (number, value))  # type: ignore[arg-type]  # also wrong ones


@asynccontextmanager
async def storing(folder: Path) -> AsyncIterator[Storage]:
    """An open storage that runs."""
    storage = Storage(folder, clock=HandClock(), retry_s=0.01)
    await storage.open()
    running = asyncio.create_task(storage.run())
    try:
        yield storage
    finally:
        running.cancel()
        await asyncio.wait({running})
        await storage.close()


async def test_what_was_stored_is_there_after_a_restart(tmp_path: Path) -> None:
    async with storing(tmp_path) as storage:
        assert await storage.write(row(1), row(2)) is None
    async with storing(tmp_path) as storage:
        assert await storage.read(READ) == [(1, 7), (2, 7)]
        assert storage.failure is None
        assert storage.damage is None


async def test_what_was_stored_is_on_the_disk_before_it_is_told(tmp_path: Path) -> None:
    """A copy of the files, taken at that moment, is what a killed process would leave."""
    copy = tmp_path / "copy"
    async with storing(tmp_path) as storage:
        await storage.write(row(1))
        copy.mkdir()
        for file in tmp_path.glob(f"{FILE_NAME}*"):
            (copy / file.name).write_bytes(file.read_bytes())
    async with storing(copy) as storage:
        assert await storage.read(READ) == [(1, 7)]


async def test_writes_that_wait_together_are_told_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    told: list[int] = []
    async with storing(tmp_path) as storage:
        for number in range(1200):
            storage.keep([row(number)], lambda failure, number=number: told.append(number))  # type: ignore[misc]  # mypy cannot infer a default of a lambda
        await eventually(lambda: len(told) == 1200)
        assert told == list(range(1200))
        assert len(await storage.read(READ)) == 1200  # type: ignore[arg-type]  # a failure has no length


async def test_the_statements_of_one_write_are_stored_all_or_none(tmp_path: Path) -> None:
    async with storing(tmp_path) as storage:
        failure = await storage.write(row(1), row(2, 2**80))
        assert isinstance(failure, StorageFailure)
        assert await storage.read(READ) == []


async def test_a_write_that_cannot_be_stored_does_not_take_others_with_it(tmp_path: Path) -> None:
    async with storing(tmp_path) as storage:
        outcomes = await asyncio.gather(storage.write(row(1)), storage.write(row(2, 2**80)), storage.write(row(3)))
        assert [outcome is None for outcome in outcomes] == [True, False, True]
        assert await storage.read(READ) == [(1, 7), (3, 7)]
        assert storage.failure is None


@pytest.mark.parametrize(
    "mistake",
    [
        Statement("INSERT INTO probe VALUES (1, 2, 3)"),
        Statement("INSERT INTO probe VALUES (?, ?)", (1, None)),
        Statement("INSERT INTO probe VALUES (?, ?)", (1, [])),  # type: ignore[arg-type]  # wrong on purpose
        Statement("INSERT INTO probe VALUES (?, ?)", (1,)),
        Statement("INSERT INTO probe VALUES (1, ?)", ("\ud800",)),
        Statement("DELETE FROM probe; DELETE FROM probe"),
        Statement("what is this?"),
    ],
)
async def test_a_mistake_of_ours_in_one_write_is_told_and_the_others_are_stored(
    tmp_path: Path, mistake: Statement
) -> None:
    async with storing(tmp_path) as storage:
        outcomes = await asyncio.gather(
            storage.write(row(1)), storage.write(row(2), mistake), storage.write(mistake), storage.write(row(3))
        )
        assert [isinstance(outcome, StorageFailure) for outcome in outcomes] == [False, True, True, False]
        assert await storage.read(READ) == [(1, 7), (3, 7)]
        assert await storage.write(row(4)) is None


class Unreadable:
    """Changes that cannot even be told."""

    def __iter__(self) -> Iterator[Statement]:
        yield row(1)
        raise ZeroDivisionError("division by zero")


async def test_changes_that_cannot_be_put_into_a_row_are_told_as_not_stored(tmp_path: Path) -> None:
    told: list[StorageFailure | None] = []
    async with storing(tmp_path) as storage:
        storage.keep(Unreadable(), told.append)
        assert await storage.write(row(2)) is None
        assert told == [StorageFailure("division by zero")]
        assert await storage.read(READ) == [(2, 7)]


async def test_what_could_not_be_read_when_the_file_was_opened_is_read_again_from_one_opened_anew(
    tmp_path: Path,
) -> None:
    outcomes: list[StorageFailure | None] = [StorageFailure("disk I/O error"), StorageFailure("it is locked"), None]
    noted: list[str | None] = []
    storage = Storage(tmp_path, clock=HandClock(), retry_s=0.01)

    async def read() -> StorageFailure | None:
        noted.append(storage.failure)
        return outcomes.pop(0)

    storage.opened = read
    await storage.open()
    assert storage.failure == "what was stored cannot be read: disk I/O error"
    assert await storage.read(READ) == StorageFailure(storage.failure)
    running = asyncio.create_task(storage.run())
    await eventually(lambda: storage.failure is None)
    assert noted == [
        None,
        "what was stored cannot be read: disk I/O error",
        "what was stored cannot be read: it is locked",
    ]
    assert await storage.write(row(1)) is None
    running.cancel()
    await asyncio.wait({running})
    await storage.close()


async def test_what_waits_is_stored_when_the_gateway_stops(tmp_path: Path) -> None:
    told: list[StorageFailure | None] = []
    storage = Storage(tmp_path, clock=HandClock(), retry_s=0.01)
    await storage.open()
    storage.keep([row(1)], told.append)
    await storage.close()
    assert told == [None]
    storage.keep([row(2)], told.append)
    assert told[1:] == [StorageFailure("the gateway has stopped")]
    async with storing(tmp_path) as again:
        assert await again.read(READ) == [(1, 7)]


async def test_a_commit_that_is_cut_off_at_the_stop_does_not_take_those_behind_it_with_it(tmp_path: Path) -> None:
    told: list[StorageFailure | None] = []
    hangs, goes_on = threading.Event(), threading.Event()

    def hang() -> int:
        hangs.set()
        goes_on.wait()
        return 7

    storage = Storage(tmp_path, clock=HandClock(), end_s=0.05)
    await storage.open()
    assert storage._file is not None
    await storage._file.create_function("hang", 0, hang)
    before = asyncio.all_tasks()
    running = asyncio.create_task(storage.run())
    storage.keep([Statement("INSERT INTO probe VALUES (1, hang())")], told.append)
    await eventually(hangs.is_set)
    storage.keep([row(2)], told.append)
    running.cancel()
    await asyncio.wait({running})
    assert asyncio.all_tasks() == before
    assert told == [StorageFailure("the gateway stops", is_open=True)]
    storage._end_s = 10.0  # the disk answers again
    goes_on.set()
    await storage.close()
    assert told[1:] == [None]
    async with storing(tmp_path) as again:
        assert await again.read(READ) == [(2, 7)]


async def test_no_more_waits_for_the_disk_than_is_allowed(tmp_path: Path) -> None:
    told: list[StorageFailure | None] = []
    storage = Storage(tmp_path, clock=HandClock(), retry_s=0.01)
    for number in range(MAX_WAITING + 1):
        storage.keep([row(number)], told.append)
    assert told == [StorageFailure("too much waits for the disk")]
    await storage.close()
    assert len(told) == MAX_WAITING + 1


@pytest.mark.parametrize("content", [b"this is no database " * 500, b"SQLite format 3\0" + b"\7" * 5000])
async def test_a_file_that_is_none_is_set_aside_and_a_new_one_begun(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    async with storing(tmp_path) as storage:
        assert storage.damage is not None
        assert storage.failure is None
        assert await storage.write(row(1)) is None
    assert (tmp_path / f"{FILE_NAME}.unusable").read_bytes() == content
    async with storing(tmp_path) as storage:
        assert storage.damage is None
        assert await storage.read(READ) == [(1, 7)]


async def test_a_file_damaged_within_is_set_aside(tmp_path: Path) -> None:
    async with storing(tmp_path) as storage:
        for number in range(2000):
            storage.keep([row(number)], lambda _: None)
        await storage.write(row(9999))
    path = tmp_path / FILE_NAME
    whole = bytearray(path.read_bytes())
    for page in range(4096, len(whole), 4096):
        whole[page : page + 200] = b"\xff" * 200
    path.write_bytes(whole)
    async with storing(tmp_path) as storage:
        assert storage.damage is not None
        assert await storage.read(READ) == []


async def test_a_file_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    async with storing(tmp_path) as storage:
        await storage.write(row(1))
    set_version(tmp_path, len(MIGRATIONS) + 1)
    async with storing(tmp_path) as storage:
        assert storage.failure is not None
        assert "version" in storage.failure
        assert isinstance(await storage.write(row(2)), StorageFailure)
        assert isinstance(await storage.read(READ), StorageFailure)
    set_version(tmp_path, len(MIGRATIONS))
    async with storing(tmp_path) as storage:
        assert await storage.read(READ) == [(1, 7)]


def set_version(folder: Path, version: int) -> None:
    connection = sqlite3.connect(folder / FILE_NAME)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()


async def test_where_no_file_can_be_made_writes_are_refused_with_the_reason(tmp_path: Path) -> None:
    async with storing(tmp_path / "missing") as storage:
        assert await storage.write(row(1)) == StorageFailure("No such file or directory")
        assert storage.failure == "No such file or directory"


async def test_a_failing_disk_is_told_and_tried_again(tmp_path: Path) -> None:
    recoveries: list[str] = []
    async with storing(tmp_path) as storage:
        storage.recovered = lambda: recoveries.append("again")
        await storage.write(row(2))
        assert storage._file is not None
        await storage._file.execute_fetchall("PRAGMA max_page_count = 1")  # SQLite's own words for a full disk
        await storage._file.execute_fetchall("PRAGMA max_page_count")
        failure = await fill(storage)
        assert failure == StorageFailure("the disk is full")
        assert storage.failure == "the disk is full"
        assert (2, 7) in await storage.read(READ)  # type: ignore[operator]  # a failure contains nothing
        await storage._file.execute_fetchall("PRAGMA max_page_count = 1000000")
        await eventually(lambda: storage.failure is None)
        assert recoveries == ["again"]
        assert await storage.write(row(3)) is None


async def fill(storage: Storage) -> StorageFailure | None:
    """Writes until something is refused, or too much was taken."""
    for number in range(10, 5000):
        failure = await storage.write(*(row(number * 100 + step) for step in range(100)))
        if failure is not None:
            return failure
    return None


async def test_what_is_there_is_read_as_soon_as_the_file_can_be_opened(tmp_path: Path) -> None:
    opened: list[str] = []
    storage = Storage(tmp_path / "later", clock=HandClock(), retry_s=0.01)

    async def note() -> StorageFailure | None:
        opened.append("opened")
        return None

    storage.opened = note
    await storage.open()
    running = asyncio.create_task(storage.run())
    assert opened == []
    (tmp_path / "later").mkdir()
    await eventually(lambda: opened == ["opened"] and storage.failure is None)
    running.cancel()
    await asyncio.wait({running})
    await storage.close()


@pytest.mark.parametrize("other", [None, b""])
async def test_a_file_that_is_removed_or_replaced_while_in_use_takes_nothing_with_it(
    tmp_path: Path, other: bytes | None
) -> None:
    opened: list[int] = []
    async with storing(tmp_path) as storage:

        async def put_what_it_lacks() -> None:
            opened.append(len(opened))
            storage.keep([row(1)], lambda failure: None)

        assert await storage.write(row(1)) is None
        storage.opened = put_what_it_lacks
        for file in tmp_path.glob(f"{FILE_NAME}*"):
            file.unlink()
        if other is not None:
            (tmp_path / "new").write_bytes(other)
            (tmp_path / "new").replace(tmp_path / FILE_NAME)
        await eventually(lambda: opened)
        assert await storage.write(row(2)) is None
        assert storage.failure is None
    async with storing(tmp_path) as storage:
        assert await storage.read(READ) == [(1, 7), (2, 7)]
        assert opened == [0]


async def test_a_file_damaged_while_in_use_is_replaced(tmp_path: Path) -> None:
    opened: list[str] = []
    async with storing(tmp_path) as storage:

        async def note() -> StorageFailure | None:
            opened.append("opened")
            return None

        storage.opened = note
        for number in range(2000):
            storage.keep([row(number)], lambda _: None)
        await storage.write(row(9999))
        assert storage._file is not None
        await storage._file.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
        await storage._file.execute_fetchall("PRAGMA shrink_memory")
        path = tmp_path / FILE_NAME
        with path.open("r+b") as file:
            file.write(b"\7" * path.stat().st_size)
        await storage._file.execute_fetchall("PRAGMA cache_size = 0")
        await eventually(lambda: replaced(storage))
        assert opened == ["opened"]
        assert await storage.write(row(1)) is None


async def replaced(storage: Storage) -> bool:
    await storage.write(Statement("DELETE FROM probe WHERE id = 5"), row(5))
    return storage.damage is not None and storage.failure is None
