"""Values and requests that are meant to do harm are refused, or cost only their own item."""

from collections.abc import Sequence
from typing import Any

import pytest
import structlog

from gateway.local.answers import ItemAnswer, ResourceError
from gateway.local.bindings import Configuration
from gateway.local.configuration_store import ConfigurationStore
from gateway.local.data_items import Sample
from gateway.local.fault_snapshots import Snapshots
from gateway.local.fault_spec import FaultSpec, FaultStatus
from gateway.local.fault_store import FaultStore
from gateway.local.operation_arguments import PROBLEM_LIMIT, Argument, fit_arguments
from gateway.local.storage import Statement, StorageFailure, Stored
from gateway.local.values import MAX_NESTING, DataType, MisfitError, conform, parse_text
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
    problems = fit_arguments([Argument("a", DataType.INT)], {str(number): 0 for number in range(100_000)})
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

    def keep(self, statements: Sequence[Statement], stored: Stored) -> None:
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
    def refuse(statements: Sequence[Statement], stored: Stored) -> None:
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
