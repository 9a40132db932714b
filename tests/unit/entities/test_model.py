"""Entity ids, the four kinds, and the tree of one gateway."""

import uuid

import msgspec
import pytest

from entities.identity import instance_id_of, is_instance_id
from entities.model import KIND_OF, App, Area, Component, EntityKind, Function, GatewayTree, is_valid_id
from entities.records import is_peer_name, url_digest
from tests.unit.entities.sketch import record


@pytest.mark.parametrize("text", ["a", "A-b_9", "_", "-", "x" * 256])
def test_ids_are_letters_digits_underscore_and_hyphen(text: str) -> None:
    assert is_valid_id(text)


NOT_IDS = ["", "x" * 257, "a\n", "\na", "a b", "a/b", "a.b", "a:b", "é", "a\x00", "%20", "../x", "٣", None, 7, b"a"]


@pytest.mark.parametrize("text", NOT_IDS)
def test_everything_else_is_no_id(text: object) -> None:
    assert not is_valid_id(text)


@pytest.mark.parametrize(
    ("text", "usable"), [("b", True), ("b_c-d", True), ("b__c", False), ("__", False), ("", False)]
)
def test_a_peer_name_is_an_id_that_cannot_be_taken_for_a_way(text: str, usable: bool) -> None:
    assert is_peer_name(text) is usable


def test_instance_ids_are_uuids_in_base64url() -> None:
    found = instance_id_of(uuid.UUID("00112233-4455-6677-8899-aabbccddeeff"))
    assert found == "ABEiM0RVZneImaq7zN3u_w"
    assert is_instance_id(found)


@pytest.mark.parametrize("text", ["", "x" * 21, "x" * 23, "x" * 21 + "\n", "x" * 22 + "\n", "x" * 21 + "=", None])
def test_nothing_else_is_an_instance_id(text: object) -> None:
    assert not is_instance_id(text)


def test_a_kind_says_its_words() -> None:
    assert [(kind.value, kind.singular, kind.title) for kind in EntityKind] == [
        ("areas", "area", "Area"),
        ("components", "component", "Component"),
        ("apps", "app", "App"),
        ("functions", "function", "Function"),
    ]
    assert set(KIND_OF.values()) == set(EntityKind)


TREE = GatewayTree((Area("x"),), (Component("x"), Component("y")), (App("z"),), (Function("f"),))


def test_a_tree_finds_by_kind_and_id() -> None:
    assert TREE.find(EntityKind.AREA, "x") == Area("x")
    assert TREE.find(EntityKind.COMPONENT, "x") == Component("x")
    assert TREE.find(EntityKind.APP, "x") is None


def test_a_tree_has_all_its_entities_areas_first() -> None:
    assert [one.id for one in TREE.all()] == ["x", "x", "y", "z", "f"]
    assert [one for kind in EntityKind for one in TREE.of(kind)] == list(TREE.all())
    assert len(TREE) == 5


def test_a_changed_copy_of_a_record_has_its_own_tree() -> None:
    before = record("a", "", App("cam"))
    assert before.tree is before.tree
    after = msgspec.structs.replace(before, apps=(App("lidar"),))
    assert [one.id for one in after.tree.all()] == ["lidar"]


def test_a_link_tells_a_digest_of_the_url() -> None:
    assert url_digest("http://robot:8080") == "df4a3b71"
