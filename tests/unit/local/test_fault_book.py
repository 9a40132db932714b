"""A fault is shown when it is stored, is there after a restart, and is not hidden by a disk that fails."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.local.answers import EntityRef, ItemAnswer, ResourceError
from gateway.local.bindings import DataSpec, HeldData
from gateway.local.data_items import HeldItem
from gateway.local.fault_life import Fault
from gateway.local.fault_rows import read_fault, read_snapshot
from gateway.local.fault_snapshots import Snapshots
from gateway.local.fault_spec import Debounce, DeclaredFault, FaultSpec, FaultStatus, Severity
from gateway.local.fault_store import FaultStore
from gateway.local.fault_waiting import MAX_WAITING_STATUSES
from gateway.local.own import OwnEntities
from gateway.local.source import EntityResources
from gateway.local.storage import PATIENCE_S, Statement, Storage, StorageFailure, Stored, unheard
from gateway.local.storage_file import FILE_NAME
from gateway.local.values import DataType
from gateway.own_warnings import storage_warnings
from tests.federation.eventually import eventually
from tests.unit.local.conftest import HandClock, app
from tests.unit.local.scripted import ScriptedSource

PUMP = app("pump")
ALL = frozenset(FaultStatus)
FULL = StorageFailure("the disk is full")
HOT = FaultSpec("HOT", Severity.CRITICAL, "too hot", Debounce(2, 2), snapshot=("temperature",))


class SlowDisk:
    """A `Keep` that ends its writes when it is told to, in their order."""

    def __init__(self) -> None:
        self.waiting: list[Stored] = []
        self.rows: list[Statement] = []

    def keep(self, statements: Iterable[Statement], stored: Stored) -> None:
        self.rows.extend(statements)
        self.waiting.append(stored)

    def end(self, failure: StorageFailure | None = None) -> None:
        self.waiting.pop(0)(failure)


class QueueingDisk(SlowDisk):
    """The same, but what is written is asked for when it is, as the storage does."""

    def __init__(self) -> None:
        super().__init__()
        self.unwritten: list[Iterable[Statement]] = []

    def keep(self, statements: Iterable[Statement], stored: Stored) -> None:
        self.unwritten.append(statements)
        self.waiting.append(stored)

    def write(self) -> None:
        """All that waits goes to the disk, which says nothing yet."""
        for statements in self.unwritten:
            self.rows.extend(statements)
        self.unwritten.clear()

    def end(self, failure: StorageFailure | None = None) -> None:
        self.write()
        super().end(failure)


def store_on(disk: SlowDisk, patience_s: float = PATIENCE_S) -> FaultStore:
    clock = HandClock()
    return FaultStore(
        sources=lambda ref: [ref.id],
        snapshots=Snapshots(lambda ref, name: None, clock),
        clock=clock,
        keep=disk.keep,
        patience_s=patience_s,
    )


@asynccontextmanager
async def pump(folder: Path, *faults: DeclaredFault) -> AsyncIterator[OwnEntities]:
    """The own entities of one run of a gateway."""
    temperature = HeldItem(HeldData(DataSpec("temperature", "temperature", DataType.INT), 90), HandClock())
    source = ScriptedSource(PUMP, EntityResources(data={"temperature": temperature}, faults=faults, fault_specs=(HOT,)))
    own = OwnEntities([source], clock=HandClock(), storage=Storage(folder, clock=HandClock(), retry_s=0.01))
    await own.start()
    running = asyncio.create_task(own.run())
    try:
        yield own
    finally:
        running.cancel()
        await asyncio.wait({running})
        await own.close()


def statuses(faults: FaultStore, ref: EntityRef = PUMP) -> dict[str, str]:
    return {item["fault_code"]: item["status"] for item in faults.items(ref, ALL)}


async def test_everything_of_a_fault_is_there_after_a_restart(tmp_path: Path) -> None:
    async with pump(tmp_path) as own:
        for _ in range(2):
            assert await own.faults.raise_fault(PUMP, "HOT") is None
        assert await own.faults.raise_fault(PUMP, "OTHER") is None
        assert (await own.faults.clear(PUMP, "OTHER")).status == 204
        await eventually(lambda: own.faults.book.snapshot(PUMP, "HOT"))
        listed, details = own.faults.items(PUMP, ALL), own.faults.detail(PUMP, "HOT")
        assert statuses(own.faults) == {"HOT": "CONFIRMED", "OTHER": "CLEARED"}
    async with pump(tmp_path) as own:
        assert own.faults.items(PUMP, ALL) == listed
        assert own.faults.detail(PUMP, "HOT") == details
        await own.faults.heal_fault(PUMP, "HOT")
        await own.faults.heal_fault(PUMP, "HOT")
        assert statuses(own.faults)["HOT"] == "HEALED"


async def test_what_counts_towards_confirming_survives_too(tmp_path: Path) -> None:
    async with pump(tmp_path) as own:
        await own.faults.raise_fault(PUMP, "HOT")
        assert statuses(own.faults) == {"HOT": "PREFAILED"}
    async with pump(tmp_path) as own:
        await own.faults.raise_fault(PUMP, "HOT")
        assert statuses(own.faults) == {"HOT": "CONFIRMED"}


async def test_a_declared_fault_that_was_cleared_stays_cleared(tmp_path: Path) -> None:
    declared = (DeclaredFault(FaultSpec("LINK")), DeclaredFault(FaultSpec("OTHER")))
    async with pump(tmp_path, *declared) as own:
        assert (await own.faults.clear(PUMP, "LINK")).status == 204
    async with pump(tmp_path, *declared) as own:
        assert statuses(own.faults) == {"LINK": "CLEARED", "OTHER": "CONFIRMED"}


def test_a_fault_is_shown_when_it_is_stored() -> None:
    disk = SlowDisk()
    faults = store_on(disk)
    for _ in range(2):
        assert faults.report_failed(PUMP, "X", FaultSpec("X", debounce=Debounce(2)), lambda _: None) is None
    assert statuses(faults) == {}
    disk.end()
    assert statuses(faults) == {"X": "PREFAILED"}
    disk.end()
    assert statuses(faults) == {"X": "CONFIRMED"}


async def test_a_clearing_counts_when_it_is_stored_and_reports_after_it_come_after_it() -> None:
    disk = SlowDisk()
    faults = store_on(disk)
    faults.report_failed(PUMP, "X", FaultSpec("X", debounce=Debounce(2)), lambda _: None)
    clearing = asyncio.create_task(faults.clear(PUMP, "X"))
    await asyncio.sleep(0)
    faults.report_failed(PUMP, "X", None, lambda _: None)
    seen = []
    for _ in range(3):
        disk.end()
        seen.append(statuses(faults)["X"])
    assert seen == ["PREFAILED", "CLEARED", "PREFAILED"]
    assert await clearing == ItemAnswer(204, None)


async def test_a_clearing_that_cannot_be_stored_is_refused_and_none() -> None:
    disk = SlowDisk()
    faults = store_on(disk)
    faults.report_failed(PUMP, "X", FaultSpec("X"), lambda _: None)
    disk.end()
    clearing = asyncio.create_task(faults.clear(PUMP, "X"))
    await eventually(lambda: disk.waiting)
    disk.end(FULL)
    answer = await clearing
    assert isinstance(answer, ResourceError)
    assert (answer.status, answer.code) == (503, "service-unavailable")
    assert answer.message == "Nothing was cleared, for it cannot be stored: the disk is full"
    assert statuses(faults) == {"X": "CONFIRMED"}
    faults.report_passed(PUMP, "X", lambda _: None)
    disk.end()
    assert statuses(faults) == {"X": "HEALED"}


async def test_of_several_all_are_cleared_or_none() -> None:
    disk = SlowDisk()
    faults = store_on(disk)
    for code in ("X", "Y"):
        faults.report_failed(PUMP, code, None, lambda _: None)
        disk.end()
    clearing = asyncio.create_task(faults.clear_all(None, ALL))
    await eventually(lambda: disk.waiting)
    disk.end(FULL)
    assert (await clearing).status == 503
    assert statuses(faults) == {"X": "CONFIRMED", "Y": "CONFIRMED"}
    assert len(disk.waiting) == 0


async def test_a_full_disk_hides_no_fault_and_it_is_stored_when_there_is_room() -> None:
    disk = SlowDisk()
    faults = store_on(disk)
    raising = asyncio.create_task(faults.raise_fault(PUMP, "X"))
    await eventually(lambda: disk.waiting)
    disk.end(FULL)
    answer = await raising
    assert isinstance(answer, ResourceError)
    assert answer.message == "Fault 'X' is shown, but cannot be stored: the disk is full"
    assert statuses(faults) == {"X": "CONFIRMED"}
    disk.rows.clear()
    faults.book.save_again()
    disk.end()
    assert [row.values[2] for row in disk.rows] == ["X"]
    faults.book.save_again()
    assert disk.waiting == []


async def test_what_a_full_disk_did_not_take_is_on_it_when_there_is_room(tmp_path: Path) -> None:
    async with pump(tmp_path) as own:
        assert own.storage is not None
        assert own.storage._file is not None
        await own.storage._file.execute_fetchall("PRAGMA query_only = 1")
        assert isinstance(await own.faults.raise_fault(PUMP, "X"), ResourceError)
        assert own.storage.failure is not None
        await own.storage._file.execute_fetchall("PRAGMA query_only = 0")
        await eventually(lambda: own.faults.book._unsaved == set())
    async with pump(tmp_path) as own:
        assert statuses(own.faults) == {"X": "CONFIRMED"}


async def test_a_fault_from_before_the_file_could_be_read_is_stored_into_it(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    async with pump(folder) as own:
        assert isinstance(await own.faults.raise_fault(PUMP, "X"), ResourceError)
        assert statuses(own.faults) == {"X": "CONFIRMED"}
        folder.mkdir()
        await eventually(lambda: own.storage is not None and own.storage.failure is None)
    async with pump(folder) as own:
        assert statuses(own.faults) == {"X": "CONFIRMED"}


async def test_what_was_stored_is_shown_as_soon_as_the_file_can_be_read(tmp_path: Path) -> None:
    folder, away = tmp_path / "state", tmp_path / "away"
    folder.mkdir()
    async with pump(folder) as own:
        await own.faults.raise_fault(PUMP, "KEPT")
    folder.rename(away)
    async with pump(folder) as own:
        await own.faults.raise_fault(PUMP, "NEW")
        away.rename(folder)
        await eventually(lambda: statuses(own.faults) == {"NEW": "CONFIRMED", "KEPT": "CONFIRMED"})


@pytest.mark.parametrize(("kind", "record"), [("bricks", "{}"), ("apps", "{"), ("apps", "{}"), ("apps", "[]")])
def test_a_row_that_is_none_of_ours_is_left_alone(kind: str, record: str) -> None:
    row = (kind, "pump", "X", record)
    faults = store_on(SlowDisk())
    faults.book.restore([row], [row])
    assert statuses(faults) == {}


def stored_faults(disk: SlowDisk) -> list[Fault]:
    found = [read_fault(row.values) for row in disk.rows if "INTO fault" in row.sql]
    return [each[1] for each in found if each is not None]


def stored_snapshots(disk: SlowDisk) -> list[object]:
    found = [read_snapshot(row.values) for row in disk.rows if "INTO snapshot" in row.sql]
    return [each[1] for each in found if each is not None]


def test_a_storm_of_reports_is_one_write_at_a_time_and_all_who_wait_are_told() -> None:
    told: list[StorageFailure | None] = []
    disk = QueueingDisk()
    faults = store_on(disk)
    for _ in range(1000):
        faults.report_failed(PUMP, "X", FaultSpec("X"), told.append)
        faults.report_failed(PUMP, "Y", FaultSpec("Y"), unheard)
    assert len(disk.waiting) == 2
    disk.write()
    for _ in range(1000):
        faults.report_failed(PUMP, "X", None, told.append)
    assert len(disk.waiting) == 3
    assert [fault.occurrence_count for fault in stored_faults(disk)] == [1000, 1000]
    for counts in ([1000], [1000, 1000], [2000, 1000]):
        disk.end()
        assert [item["occurrence_count"] for item in faults.items(PUMP, ALL)] == counts
    assert told == [None] * 2000
    assert [fault.occurrence_count for fault in stored_faults(disk)] == [1000, 1000, 2000]


def test_of_reports_that_wait_together_every_status_is_shown_but_only_so_many() -> None:
    disk, seen = QueueingDisk(), []
    faults = store_on(disk)
    faults.listeners.append(lambda change: seen.append(change.fault.status.value))
    for _ in range(100):
        for _ in range(3):
            faults.report_failed(PUMP, "X", FaultSpec("X"), unheard)
        faults.report_passed(PUMP, "X", unheard)
    assert len(disk.waiting) == MAX_WAITING_STATUSES
    while disk.waiting:
        disk.end()
    assert seen == ["CONFIRMED", "HEALED"] * (MAX_WAITING_STATUSES // 2)
    assert faults.items(PUMP, ALL)[0]["occurrence_count"] == stored_faults(disk)[-1].occurrence_count == 300


async def test_reports_after_a_clearing_that_waits_do_not_take_the_place_of_those_before_it() -> None:
    disk = QueueingDisk()
    faults = store_on(disk)
    faults.report_failed(PUMP, "X", FaultSpec("X"), unheard)
    clearing = asyncio.create_task(faults.clear(PUMP, "X"))
    await asyncio.sleep(0)
    faults.report_failed(PUMP, "X", None, unheard)
    while disk.waiting:
        disk.end()
    assert [fault.status.value for fault in stored_faults(disk)] == ["CONFIRMED", "CLEARED", "CONFIRMED"]
    assert (await clearing).status == 204


def test_a_snapshot_that_could_not_be_stored_is_stored_when_there_is_room_and_only_the_last() -> None:
    disk = QueueingDisk()
    faults = store_on(disk)
    faults.report_failed(PUMP, "X", FaultSpec("X"), unheard)
    disk.end()
    for number in range(3):
        faults.book.note(PUMP, "X", [{"data": number}])
    assert len(disk.waiting) == 1
    disk.end(FULL)
    disk.rows.clear()
    faults.book.save_again()
    faults.book.save_again()
    disk.end()
    assert stored_snapshots(disk) == [[{"data": 2}]]
    faults.book.save_again()
    assert disk.waiting == []
    faults.book.note(PUMP, "GONE", [{"data": 1}])  # its fault made room for others
    assert disk.waiting == []


def test_a_snapshot_that_a_new_file_lacks_is_stored_into_it() -> None:
    disk = QueueingDisk()
    faults = store_on(disk)
    faults.report_failed(PUMP, "X", FaultSpec("X"), unheard)
    faults.book.note(PUMP, "X", [{"data": 1}])
    disk.end()
    disk.end()
    disk.rows.clear()
    faults.book.restore([], [])
    disk.write()
    assert (len(stored_faults(disk)), stored_snapshots(disk)) == (1, [[{"data": 1}]])


async def test_what_becomes_of_a_clearing_that_a_hanging_disk_does_not_answer_is_said_to_be_unknown() -> None:
    disk = QueueingDisk()
    faults = store_on(disk, patience_s=0.02)
    faults.report_failed(PUMP, "X", FaultSpec("X"), unheard)
    disk.end()
    answer = await faults.clear(PUMP, "X")
    assert isinstance(answer, ResourceError)
    assert (answer.status, answer.code, answer.parameters["may_have_executed"]) == (504, "not-responding", True)
    assert statuses(faults) == {"X": "CONFIRMED"}
    disk.end()
    assert statuses(faults) == {"X": "CLEARED"}


async def test_a_clearing_that_is_tried_again_is_answered_when_it_is_stored_not_before() -> None:
    disk = QueueingDisk()
    faults = store_on(disk, patience_s=0.02)
    faults.report_failed(PUMP, "X", FaultSpec("X"), unheard)
    disk.end()
    for _ in range(2):
        assert (await faults.clear(PUMP, "X")).status == 504
    assert (await faults.clear_all(None, {FaultStatus.CONFIRMED})).status == 504
    for _ in range(2):
        disk.end(FULL)
        assert statuses(faults) == {"X": "CONFIRMED"}
    disk.end()
    assert statuses(faults) == {"X": "CLEARED"}
    assert (await faults.clear(PUMP, "X")).status == 204
    assert disk.waiting == []


class CrowdedDisk(QueueingDisk):
    """The same, but it may have no room for what further waits."""

    def __init__(self) -> None:
        super().__init__()
        self.is_crowded = False

    def keep(self, statements: Iterable[Statement], stored: Stored) -> None:
        if self.is_crowded:
            stored(StorageFailure("too much waits for the disk"))
        else:
            super().keep(statements, stored)


async def test_a_clearing_refused_beside_a_report_that_waits_leaves_a_fault_that_can_be_cleared() -> None:
    disk = CrowdedDisk()
    faults = store_on(disk)
    faults.report_failed(PUMP, "X", FaultSpec("X"), unheard)
    disk.is_crowded = True
    assert (await faults.clear(PUMP, "X")).status == 503
    disk.is_crowded = False
    disk.end()
    assert statuses(faults) == {"X": "CONFIRMED"}
    clearing = asyncio.create_task(faults.clear(PUMP, "X"))
    await eventually(lambda: disk.waiting)
    disk.end()
    assert (await clearing).status == 204
    assert statuses(faults) == {"X": "CLEARED"}


async def test_a_clearing_refused_beside_one_that_waits_takes_nothing_from_that() -> None:
    disk = CrowdedDisk()
    faults = store_on(disk, patience_s=0.02)
    faults.report_failed(PUMP, "X", FaultSpec("X"), unheard)
    disk.end()
    assert (await faults.clear(PUMP, "X")).status == 504
    disk.is_crowded = True
    assert (await faults.clear(PUMP, "X")).status == 503
    disk.is_crowded = False
    disk.end()
    assert statuses(faults) == {"X": "CLEARED"}
    faults.report_passed(PUMP, "X", unheard)
    disk.end()
    assert statuses(faults) == {"X": "CLEARED"}


async def test_what_could_not_be_stored_waits_for_a_clearing_of_it_that_may_turn_out_to_be_none() -> None:
    disk = QueueingDisk()
    faults = store_on(disk)
    for code in ("X", "Y"):
        faults.report_failed(PUMP, code, None, unheard)
    disk.end(FULL)
    clearing = asyncio.create_task(faults.clear(PUMP, "X"))
    await eventually(lambda: len(disk.waiting) == 2)
    disk.end()  # Y; there is room again
    faults.book.save_again()
    assert len(disk.waiting) == 1
    disk.end(FULL)
    assert (await clearing).status == 503
    faults.book.save_again()
    disk.end()
    assert statuses(faults) == {"X": "CONFIRMED", "Y": "CONFIRMED"}
    assert stored_faults(disk)[-1].status is FaultStatus.CONFIRMED


def rename_table(folder: Path, before: str, after: str) -> None:
    connection = sqlite3.connect(folder / FILE_NAME)
    connection.execute(f"ALTER TABLE {before} RENAME TO {after}")
    connection.close()


@pytest.mark.parametrize("table", ["configuration", "fault", "snapshot"])
async def test_what_cannot_be_read_at_the_start_is_warned_of_and_read_when_it_can_be(
    tmp_path: Path, table: str
) -> None:
    async with pump(tmp_path) as own:
        await own.faults.raise_fault(PUMP, "KEPT")
    rename_table(tmp_path, table, "elsewhere")
    async with pump(tmp_path) as own:
        storage = own.storage
        assert storage is not None
        (warning,) = storage_warnings(storage)
        assert warning.code == "storage_failed"
        assert f"what was stored cannot be read: no such table: {table}" in warning.message
        assert (await own.faults.clear_all(None, ALL)).status == 503
        refused = await own.faults.raise_fault(PUMP, "NEW")
        assert isinstance(refused, ResourceError)
        rename_table(tmp_path, "elsewhere", table)
        await eventually(lambda: statuses(own.faults) == {"NEW": "CONFIRMED", "KEPT": "CONFIRMED"})
        await eventually(lambda: not list(storage_warnings(storage)))
    async with pump(tmp_path) as own:
        assert statuses(own.faults) == {"NEW": "CONFIRMED", "KEPT": "CONFIRMED"}
