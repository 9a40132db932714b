"""Values and requests that are meant to do harm are refused, or cost only their own item."""

import asyncio
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import structlog

from gateway.local.answers import ItemAnswer, ResourceError
from gateway.local.bindings import Configuration
from gateway.local.calls import SECRET_LIMIT_BYTES, SecretError, SecretFile, WebCall
from gateway.local.command_operation import result_of
from gateway.local.configuration_store import ConfigurationStore
from gateway.local.data_items import Sample
from gateway.local.fault_life import failed, new_fault
from gateway.local.fault_rows import save_fault
from gateway.local.fault_snapshots import Snapshots
from gateway.local.fault_spec import Debounce, FaultSpec, FaultStatus
from gateway.local.fault_store import FaultStore
from gateway.local.logs.bindings import FileLogBinding
from gateway.local.logs.entry import LogContext, LogFailure, LogSeverity, LogText
from gateway.local.logs.file_log import FileLog
from gateway.local.logs.kept import KEPT_CHARACTERS, KEPT_ENTRIES, KeptEntries, log_numbers
from gateway.local.logs.line_format import JsonLines, LineRules, read_line
from gateway.local.logs.line_text import WORD_LIMIT
from gateway.local.operation_arguments import PARAMETER_LIMIT, PROBLEM_LIMIT, Argument, ArgumentProblem, fit_arguments
from gateway.local.process import Exited
from gateway.local.storage import Statement, StorageFailure, Stored
from gateway.local.values import MAX_NESTING, WRITE_LIMIT_BYTES, DataType, MisfitError, conform, parse_text
from tests.federation.eventually import eventually
from tests.unit.local.conftest import HandClock, app

PUMP = app("pump")


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_a_value_is_nested_so_deep_and_no_deeper() -> None:
    assert conform(nested(MAX_NESTING), DataType.ARRAY)
    for deep in (nested(MAX_NESTING + 1), [{"a": nested(MAX_NESTING)}]):
        with pytest.raises(MisfitError, match="nested deeper than 64"):
            conform(deep, DataType.ARRAY)
    with pytest.raises(MisfitError):
        parse_text("[" * 975 + "]" * 975, DataType.ARRAY)


@pytest.mark.parametrize("text", ["1_000", "٣"])
def test_numbers_are_written_as_usual(text: str) -> None:
    for data_type in (DataType.INT, DataType.DOUBLE):
        with pytest.raises(MisfitError, match="allowed is"):
            parse_text(text, data_type)


def test_of_very_many_unknown_arguments_a_few_are_told() -> None:
    problems = fit_arguments([Argument("a", DataType.INT)], {str(number): 0 for number in range(PARAMETER_LIMIT)})
    assert isinstance(problems, list)
    assert len(problems) == PROBLEM_LIMIT


class Unreadable:
    """Equal to nothing, written by nobody."""

    def __eq__(self, other: object) -> bool:
        raise RecursionError

    __hash__ = None  # type: ignore[assignment]  # what cannot be compared has no hash


async def test_a_frame_that_cannot_be_noted_says_so_and_the_others_are_there() -> None:
    class Odd:
        spec = None

        async def read(self) -> Sample:
            return Sample(Unreadable(), 0)

    snapshots = Snapshots(lambda ref, name: Odd() if name == "odd" else None, HandClock())  # type: ignore[arg-type, return-value]  # a broken item
    with structlog.testing.capture_logs():
        frame = await snapshots._frame(PUMP, "odd")
    assert "cannot be noted" in str(frame)


class Disk:
    """A `Keep` with a queue that is full when it is told so; waiting writes end later."""

    def __init__(self) -> None:
        self.waiting: list[Stored] = []
        self.is_full = False

    def keep(self, statements: Iterable[Statement], stored: Stored) -> None:
        if self.is_full:
            stored(StorageFailure("too much waits for the disk"))
        else:
            self.waiting.append(stored)


async def test_what_was_decided_last_is_shown_and_stored_though_older_writes_end_after_it() -> None:
    disk = Disk()
    clock = HandClock()
    store = FaultStore(
        sources=lambda ref: [ref.id], snapshots=Snapshots(lambda ref, name: None, clock), clock=clock, keep=disk.keep
    )
    store.report_failed(PUMP, "B", FaultSpec("B"), lambda failure: None)
    disk.is_full = True
    store.report_passed(PUMP, "B", lambda failure: None)
    disk.is_full = False
    disk.waiting.pop(0)(None)
    assert [fault.status for fault in store.book.shown(PUMP).values()] == [FaultStatus.HEALED]
    assert len(disk.waiting) == 1  # tried again
    disk.waiting.pop(0)(None)
    assert [fault.status for fault in store.book.shown(PUMP).values()] == [FaultStatus.HEALED]
    assert disk.waiting == []


async def test_before_what_was_stored_is_known_nothing_is_said_to_be_reset_or_cleared() -> None:
    def refuse(statements: Iterable[Statement], stored: Stored) -> None:
        stored(StorageFailure("it is not open yet"))

    configurations = ConfigurationStore(clock=HandClock(), keep=refuse, awaits_storage=True)
    configurations.declare({PUMP: (Configuration("limit", 1, DataType.INT),)}, {})
    refused = await configurations.reset(PUMP, "limit")
    assert isinstance(refused, ResourceError)
    assert refused.status == 503
    configurations.restore([])
    assert isinstance(await configurations.reset(PUMP, "limit"), ItemAnswer)
    clock = HandClock()
    faults = FaultStore(
        sources=lambda ref: [ref.id],
        snapshots=Snapshots(lambda ref, name: None, clock),
        clock=clock,
        keep=refuse,
        awaits_storage=True,
    )
    for outcome in (await faults.clear(PUMP, "X"), await faults.clear_all(None, frozenset(FaultStatus))):
        assert isinstance(outcome, ResourceError)
        assert outcome.status == 503


async def test_a_value_that_is_too_long_is_not_set_and_the_limit_is_named() -> None:
    configurations = ConfigurationStore(clock=HandClock())
    configurations.declare({PUMP: (Configuration("name", "", DataType.STRING),)}, {})
    fits = await configurations.write(PUMP, "name", {"data": "x" * (WRITE_LIMIT_BYTES - 2)})
    assert isinstance(fits, ItemAnswer)
    refused = await configurations.write(PUMP, "name", {"data": "x" * WRITE_LIMIT_BYTES})
    assert isinstance(refused, ResourceError)
    assert refused.status == 400
    assert "found 65538 bytes of JSON, allowed are 65536" in refused.message


async def test_stored_values_that_fit_no_more_are_left_out_and_dropped_by_a_reset() -> None:
    disk = Disk()
    configurations = ConfigurationStore(clock=HandClock(), keep=disk.keep, awaits_storage=True)
    configurations.declare({PUMP: (Configuration("deep", [], DataType.ARRAY),)}, {})
    with structlog.testing.capture_logs() as logs:
        configurations.restore(
            [
                ("apps", "pump", "deep", "[" * 200 + "]" * 200),
                ("apps", "pump", "deeper", "[" * 100_000 + "]" * 100_000),
            ]
        )
    assert [entry["event"] for entry in logs] == [
        "stored value cannot be read and is left alone",
        "stored value does not fit any more",
    ]
    assert configurations.items(PUMP).parameters[0]["value"] == []
    resetting = asyncio.create_task(configurations.reset(PUMP, "deep"))
    await eventually(lambda: disk.waiting)
    disk.waiting.pop()(None)
    assert isinstance(await resetting, ItemAnswer)


def test_parameters_are_so_many_and_no_more() -> None:
    problems = fit_arguments(None, {str(number): 0 for number in range(PARAMETER_LIMIT + 1)})
    assert problems == [ArgumentProblem("parameters", "found 1001, allowed are at most 1000")]


def test_a_result_that_is_nested_too_deep_is_shown_as_lines() -> None:
    said = b"[" * 500 + b"]" * 500
    assert result_of(Exited(0, said, b"", truncated=False), without=False) == {"output": [said.decode()]}


def test_reports_before_what_was_stored_is_known_come_after_it() -> None:
    clock = HandClock()
    before = failed(new_fault("X", ("pump",), 1), 1, Debounce())
    store = FaultStore(
        sources=lambda ref: [ref.id],
        snapshots=Snapshots(lambda ref, name: None, clock),
        clock=clock,
        awaits_storage=True,
    )
    store.report_failed(PUMP, "X", FaultSpec("X", debounce=Debounce(3)), lambda failure: None)
    row = save_fault(PUMP, before).values
    for _ in range(2):  # the second time of a file that was opened again
        store.book.restore([row], [])
        joined = store.book.shown(PUMP)["X"]
        assert (joined.first_occurred_ns, joined.occurrence_count) == (1, 2)
        assert joined.status is FaultStatus.CONFIRMED
        assert joined.history[0].at_ns == 1


async def test_a_secret_is_read_of_a_regular_file_only(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    call = WebCall("GET", "http://127.0.0.1/", (("Authorization", SecretFile(secret)),))
    os.mkfifo(secret)
    with pytest.raises(SecretError, match="not a regular file"):
        await call.filled({})
    secret.unlink()
    with pytest.raises(SecretError, match="No such file"):
        await call.filled({})
    secret.write_text("x" * (SECRET_LIMIT_BYTES + 1))
    with pytest.raises(SecretError, match="no short text"):
        await call.filled({})
    secret.write_text("word\n")
    assert (await call.filled({})).headers == (("Authorization", "word"),)


async def test_a_secret_that_cannot_be_read_at_all_holds_one_thread_however_often_it_is_wanted(tmp_path: Path) -> None:
    gate, begun = threading.Event(), []

    def hang(path: Path) -> str:
        begun.append(path)
        gate.wait()
        return "word"

    secret = SecretFile(tmp_path / "on a dead mount", load=hang)
    call = WebCall("GET", "http://127.0.0.1/", (("Authorization", secret),))
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await call.filled({})
    gate.set()
    assert (await call.filled({})).headers == (("Authorization", "word"),)
    assert len(begun) <= 2  # the last one may come after the one that hung


def test_where_an_entry_comes_from_is_short_and_counts() -> None:
    read = read_line(b'{"message": "m", "logger": "%s"}' % (b"A" * 60_000), LineRules("x", JsonLines()), 0)
    assert isinstance(read, LogText)
    assert read.context == LogContext("A" * WORD_LIMIT)
    kept = KeptEntries(log_numbers(HandClock()))
    kept.add([LogText(0, LogSeverity.INFO, "m", LogContext("A" * (KEPT_CHARACTERS // 2)))] * 3)
    assert len(kept.all()) == 1


async def test_of_very_many_short_lines_the_last_are_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\n" * 500_000 + b"last\n")
    clock = HandClock()
    entries = await FileLog(FileLogBinding(path, LineRules("x")), clock, log_numbers(clock)).read()
    assert not isinstance(entries, LogFailure)
    assert (len(entries), entries[-1].text.message) == (KEPT_ENTRIES, "last")
