"""Diffs between generations: exactly what changed, and applied only to exactly the state they start from."""

import msgspec
import pytest

from entities.history import HELD_GENERATIONS, History, apply_diff, diff
from entities.model import App
from entities.records import Names, Record, TreeDocument
from tests.unit.entities.sketch import instance, letters, record

BOOT = instance("z")


def document(generation: int, *records: Record, names: Names | None = None) -> TreeDocument:
    return TreeDocument(1, instance("a"), BOOT, generation, records, names=names or {})


OLD = document(
    1,
    record("a", "b c"),
    record("b", "", App("cam")),
    record("c", "", App("cam")),
    names={instance("b"): {"cam": "b__cam"}, instance("c"): {"cam": "c__cam"}},
)
NEW = document(
    3,
    record("a", "b d", version=(1, 1)),
    record("b", "", App("cam")),
    record("d", "", App("arm")),
    names={instance("b"): {"cam": "b__cam"}},
)


def test_a_diff_has_what_changed_whole_and_who_is_forgotten() -> None:
    change = diff(OLD, NEW)
    assert letters(one.id for one in change.records) == "ad"
    assert change.forgotten == (instance("c"),)
    assert change.since == f"{BOOT}:1"
    assert change.generation == 3


def test_a_gateway_whose_names_changed_is_in_the_diff_with_all_of_them() -> None:
    renamed = msgspec.structs.replace(OLD, generation=2, names={instance("c"): {"cam": "c__cam"}})
    change = diff(OLD, renamed)
    assert letters(one.id for one in change.records) == "b"
    assert change.names == {instance("b"): {}}
    assert apply_diff(OLD, change) == renamed


def test_a_diff_applied_gives_the_new_document() -> None:
    assert apply_diff(OLD, diff(OLD, NEW)) == NEW


def test_a_diff_of_nothing_changes_nothing() -> None:
    assert apply_diff(OLD, diff(OLD, OLD)) == OLD


@pytest.mark.parametrize(
    "held",
    [
        msgspec.structs.replace(OLD, generation=2),
        msgspec.structs.replace(OLD, boot_id=instance("y")),
        msgspec.structs.replace(OLD, instance_id=instance("b")),
    ],
)
def test_a_diff_from_another_state_is_not_applied(held: TreeDocument) -> None:
    assert apply_diff(held, diff(OLD, NEW)) is None


def test_a_full_document_is_no_diff() -> None:
    assert apply_diff(OLD, NEW) is None


def test_a_history_gives_every_generation_it_holds_of_its_own_boot() -> None:
    history = History()
    assert history.at(BOOT, 1) is None
    for one in (OLD, NEW):
        history.add(one)
    assert (history.at(BOOT, 1), history.at(BOOT, 3)) == (OLD, NEW)
    assert history.at(BOOT, 2) is None
    assert history.at(instance("y"), 1) is None


def test_a_history_forgets_the_oldest() -> None:
    history = History()
    for generation in range(HELD_GENERATIONS + 1):
        history.add(msgspec.structs.replace(OLD, generation=generation))
    assert history.at(BOOT, 0) is None
    assert history.at(BOOT, 1) is not None
    assert len(history.documents) == HELD_GENERATIONS
