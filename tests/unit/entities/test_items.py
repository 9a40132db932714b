"""Ids of single items under an entity: never two alike, and every one leads back to its owner."""

import pytest

from entities.classify import classify
from entities.items import Ambiguous, Found, ItemAddress, ItemTable, Member, Unlisted, item_table, look_up
from entities.model import App, Area, Component, EntityKind
from entities.records import Record
from entities.routes import Topology
from tests.unit.entities.sketch import instance, merged, named, record, seen_from


def table_of(kind: EntityKind, entity_id: str, *records: Record) -> tuple[ItemTable, Topology]:
    topology = seen_from(*records)
    tree = merged(*records)
    names = named(topology).table
    table = item_table(tree, classify(tree), topology, names, one=tree.of(kind)[entity_id], collection="data")
    return table, topology


def shown(table: ItemTable) -> list[str]:
    return list(table.shown.values())


def robot(*data: str, area: str | None = None) -> Component:
    return Component("robot", data=data, area=area)


def test_items_of_one_contributor_are_bare() -> None:
    table, _ = table_of(EntityKind.COMPONENT, "robot", record("a", "", robot("temp", "load")))
    assert shown(table) == ["temp", "load"]


def test_of_several_contributors_the_first_keeps_the_bare_id_and_the_others_say_the_way() -> None:
    records = (record("a", "b", robot("temp")), record("b", "c", robot("temp", "load")), record("c", "", robot("temp")))
    table, _ = table_of(EntityKind.COMPONENT, "robot", *records)
    assert shown(table) == ["temp", "b:temp", "load", "b__c:temp"]


def test_the_first_contributor_keeps_the_bare_id_while_it_is_silent() -> None:
    records = (record("a", "-b c"), record("b", "", robot("temp")), record("c", "", robot("temp")))
    table, _ = table_of(EntityKind.COMPONENT, "robot", *records)
    assert shown(table) == ["temp", "c:temp"]


def test_what_several_members_show_is_qualified_by_the_member_for_all_of_them() -> None:
    table, _ = table_of(
        EntityKind.COMPONENT,
        "robot",
        record("a", "", robot("load"), App("cam", component_id="robot", data=("temp",))),
        record("b"),
    )
    assert shown(table) == ["load", "temp"]
    table, topology = table_of(
        EntityKind.COMPONENT,
        "robot",
        record("a", "b", robot("temp"), App("cam", component_id="robot", data=("temp",))),
        record("b", "", App("cam", component_id="robot", data=("temp",))),
    )
    assert shown(table) == ["robot:temp", "cam:temp", "b__cam:temp"]
    assert look_up(table, topology, "temp") == Ambiguous(("robot:temp", "cam:temp", "b__cam:temp"))
    assert look_up(table, topology, "b__cam:temp") == Found(
        ItemAddress(Member(instance("b"), EntityKind.APP, "cam", "b__cam"), "temp")
    )


CLASHES = {
    "a Component and an App of one id": (
        record("a", "", robot("temp"), App("robot", component_id="robot", data=("temp",))),
    ),
    "an item called like another contributor's": (
        record("a", "b", robot("temp", "b:temp")),
        record("b", "", robot("temp")),
    ),
    "an item called like another member's": (
        record(
            "a",
            "",
            robot("cam:temp", "temp"),
            App("cam", component_id="robot", data=("temp",)),
            App("arm", component_id="robot", data=("cam:temp", "app__cam:temp")),
        ),
    ),
    "all at once": (
        record("a", "b", robot("temp", "b:temp", "robot:temp", "component__robot:temp")),
        record("b", "", robot("temp", "b:temp"), App("robot", component_id="robot", data=("temp", "robot:temp"))),
    ),
}


@pytest.mark.parametrize("records", CLASHES.values(), ids=CLASHES)
def test_no_two_items_are_shown_under_one_id_and_each_is_found_under_its_own(records: tuple[Record, ...]) -> None:
    table, topology = table_of(EntityKind.COMPONENT, "robot", *records)
    total = sum(len(entity.data) for one in records for entity in one.tree.all())
    assert len(table.shown) == len(table.addresses) == len(set(shown(table))) == total
    for address, item in table.shown.items():
        assert look_up(table, topology, item) == Found(address)
        assert table.show(address.member, address.item) == item


AREA = (
    record("a", "b", Area("lab", data=("light",)), robot("temp", area="lab")),
    record("b", "", robot("temp", "load"), App("cam", component_id="robot", data=("image",))),
)


@pytest.mark.parametrize(
    ("sent", "letter", "member", "item"),
    [
        ("light", "a", "lab", "light"),
        ("temp", "a", "robot", "temp"),
        ("b:temp", "b", "robot", "temp"),
        ("load", "b", "robot", "load"),
        ("b:load", "b", "robot", "load"),
        ("robot:load", "b", "robot", "load"),
        ("robot:temp", "a", "robot", "temp"),
        ("cam:image", "b", "cam", "image"),
        ("cam:new", "b", "cam", "new"),
        ("b:new", "b", "robot", "new"),
        ("robot:new", "a", "robot", "new"),
    ],
)
def test_an_item_is_looked_up_by_its_id_then_by_member_then_by_way(
    sent: str, letter: str, member: str, item: str
) -> None:
    table, topology = table_of(EntityKind.AREA, "lab", *AREA)
    found = look_up(table, topology, sent)
    assert isinstance(found, Found)
    assert (found.address.member.instance, found.address.member.own_id, found.address.item) == (
        instance(letter),
        member,
        item,
    )


@pytest.mark.parametrize("sent", ["new", "nobody:temp", ":temp", "cam:", ":"])
def test_what_no_record_lists_is_told_apart(sent: str) -> None:
    table, topology = table_of(EntityKind.AREA, "lab", *AREA)
    assert look_up(table, topology, sent) == Unlisted()


def test_an_item_that_is_not_listed_yet_is_qualified_only_if_its_id_is_taken() -> None:
    table, _ = table_of(EntityKind.AREA, "lab", *AREA)
    cam = next(member for member in table.members if member.here == "cam")
    assert table.show(cam, "new") == "new"
    assert table.show(cam, "temp") == "cam:temp"
