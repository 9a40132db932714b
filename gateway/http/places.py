"""Whose a single item is: from the id a client sends to the gateway, member and id it belongs to. Pure.

Lookup: exact id, then `<member>:<item>`, then `<way>:<item>`. Source: docs/api.md, "Item ids".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from entities.items import Ambiguous, Found, Listed, Member, Unlisted, look_up, members, way_prefix
from entities.model import EntityKind
from gateway.http.combine import configuration_prefix
from gateway.http.path import API_PREFIX
from gateway.http.subject import Subject
from gateway.local.answers import EntityRef


class Place(msgspec.Struct, frozen=True):
    """Where an item is: ask gateway `instance` for `item` of its own entity `ref`."""

    instance: str
    ref: EntityRef
    item: str

    def path(self, collection: str, tail: Sequence[str] = (), *, by_member: bool = False) -> str:
        """The path to it there; whatever stands in the ids travels as one segment each.

        `by_member`: the item of a Component is told apart from those of the Apps on it, that are listed there too.
        """
        is_named = by_member and self.ref.kind is EntityKind.COMPONENT and collection in ("data", "operations")
        item = f"{self.ref.id}:{self.item}" if is_named else self.item
        parts = (self.ref.kind.value, self.ref.id, collection, item, *tail)
        return "/".join((API_PREFIX, *(quote(part, safe="") for part in parts)))


@dataclass(frozen=True, slots=True)
class Undecided:
    """Several members have an item of this id; one of `ids` must be sent instead."""

    ids: tuple[str, ...]


def listed_place(subject: Subject, collection: Listed, item: str) -> Place | Undecided | None:
    """The place of a data item or operation; None if no record lists it and no member is named."""
    table = subject.table(collection)
    for spelling in spellings(item):
        match look_up(table, subject.view.topology, spelling):
            case Found(address):
                return Place(
                    address.member.instance, EntityRef(address.member.kind, address.member.own_id), address.item
                )
            case Ambiguous(ids):
                return Undecided(ids)
            case Unlisted():
                continue
    return None


def spellings(item: str) -> tuple[str, ...]:
    """The id as sent, and as ROS names are also written: with and without the slash in front."""
    return tuple(dict.fromkeys((item, f"/{item.lstrip('/')}", item.lstrip("/"))))


def configuration_places(subject: Subject, item: str) -> Iterator[tuple[Place, bool]]:
    """Where a configuration would be listed under this id, and whether the id named its member.

    The records do not list configurations: a bare id may belong to any member that needs no prefix.
    """
    found = list(_members(subject))
    head, colon, rest = item.partition(":")
    for member in found:
        prefix = configuration_prefix(subject, member)
        if prefix and item.startswith(prefix) and len(item) > len(prefix):
            yield _place(member, item[len(prefix) :]), True
        elif colon and rest and head in (*member.words, way_prefix(subject.view.topology, member.instance)):
            yield _place(member, rest), True
    for member in found:
        if not configuration_prefix(subject, member):
            yield _place(member, item), False


def _place(member: Member, item: str) -> Place:
    return Place(member.instance, EntityRef(member.kind, member.own_id), item)


def _members(subject: Subject) -> Iterator[Member]:
    view = subject.view
    for merged, contribution in members(subject.shown.tree, subject.shown.structure, subject.entity):
        own_id = merged.id if subject.is_own else view.own_id(merged.kind, merged.id)
        yield Member(contribution.instance, merged.kind, own_id, merged.id)


def contributor_place(subject: Subject, item: str) -> Place:
    """Where an item of any other collection is: `<way>:<item>` at that contributor, else at the first one."""
    entity = subject.entity
    ref = EntityRef(entity.kind, subject.own_id)
    head, colon, rest = item.partition(":")
    if colon and rest:
        for instance in entity.instances:
            if way_prefix(subject.view.topology, instance) == head:
                return Place(instance, ref, rest)
    return Place(entity.instances[0], ref, item)
