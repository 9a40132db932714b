"""Ids of single items (data, operations) under an entity: how they are shown, and whose they are when sent back.

Everything is decided from the records, never from who answered. Within one Component of several contributors the
first keeps the bare id and the others are `<way>:<item>`; an id that several members of an entity show is
`<member>:<item>` for all of them. Lookup: exact id, then member, then way. Source: docs/api.md, "Item ids".
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Final, Literal

import msgspec

from entities.classify import Structure, members_of
from entities.merge import Contribution, MergedEntity, MergedTree
from entities.model import EntityKind
from entities.names import NameTable
from entities.routes import Topology

Listed = Literal["data", "operations"]
"""The collections whose ids stand in the records."""

WAY_SEPARATOR = "__"

NOT_IN_IDS: Final = "control characters, '\\', ';', '%' before two hex digits, or '.' or '..' alone between '/' and ':'"
"""What no item is called, in words: it could mean one thing in a path here, and another at the next gateway."""

_TREACHEROUS: Final = re.compile(r"[\x00-\x1f\x7f\\;]|%[0-9A-Fa-f]{2}")


def is_addressable(text: str) -> bool:
    """Whether this may be an item's id: a part of a path, decoded.

    What stands before a colon may be a member or a way, taken off before the rest becomes a segment at the owner.
    """
    return _TREACHEROUS.search(text) is None and {".", ".."}.isdisjoint(text.replace(":", "/").split("/"))


class Member(msgspec.Struct, frozen=True):
    """Whose item it is: the owner's instance, and the member under the owner's own id; `here` is its id here."""

    instance: str
    kind: EntityKind
    own_id: str
    here: str

    @property
    def words(self) -> tuple[str, str]:
        """What may stand before its items: the id alone, or where that is taken, with its kind."""
        return self.here, f"{self.kind.singular}__{self.here}"


class ItemAddress(msgspec.Struct, frozen=True):
    """One item of one member, by the id the owner itself shows."""

    member: Member
    item: str


@dataclass(frozen=True, slots=True)
class ItemTable:
    """Item ids of one entity and collection. `ambiguous`: bare id -> the qualified ones that stand for it."""

    shown: Mapping[ItemAddress, str]
    addresses: Mapping[str, ItemAddress]
    ambiguous: Mapping[str, tuple[str, ...]]
    members: tuple[Member, ...]
    by_member: Mapping[Member, Mapping[str, str]]
    """`shown` once more: member -> item -> id shown."""

    def show(self, member: Member, item: str) -> str:
        """The id shown for an item; one the records do not list yet is qualified if its bare id is taken."""
        found = self.by_member.get(member, {}).get(item)
        if found is not None:
            return found
        return f"{member.here}:{item}" if item in self.addresses or item in self.ambiguous else item


def way_prefix(topology: Topology, instance: str) -> str:
    """Peer names of the shortest configured way joined by `__`: how a contributor's equal ids are told apart."""
    way = topology.configured.get(instance)
    return "local" if way is None else WAY_SEPARATOR.join(way.peers)


def members(tree: MergedTree, structure: Structure, one: MergedEntity) -> Iterator[tuple[MergedEntity, Contribution]]:
    """Every contribution that has items of its own under `one`: itself, then its Components, then its Apps."""
    components, apps = members_of(tree, structure, one)
    if one.kind in (EntityKind.AREA, EntityKind.FUNCTION):
        for contribution in one.contributions:
            yield one, contribution
    for component in components:
        for contribution in tree.components[component].contributions:
            yield tree.components[component], contribution
    for app in apps:
        for contribution in tree.apps[app].contributions:
            yield tree.apps[app], contribution


def item_table(
    tree: MergedTree,
    structure: Structure,
    topology: Topology,
    names: NameTable,
    *,
    one: MergedEntity,
    collection: Listed,
) -> ItemTable:
    """The table of `one` for a collection, in the order of its members."""
    in_member: dict[ItemAddress, str] = {}
    found: list[Member] = []
    seen: dict[tuple[EntityKind, str], set[str]] = {}
    for merged, contribution in members(tree, structure, one):
        own_id = names.origins.get(merged.id, ("", merged.id))[1] if merged.kind is EntityKind.APP else merged.id
        member = Member(contribution.instance, merged.kind, own_id, merged.id)
        found.append(member)
        before = seen.setdefault((merged.kind, merged.id), set())
        for item in getattr(contribution.entity, collection):
            qualified = f"{way_prefix(topology, contribution.instance)}:{item}" if item in before else item
            in_member[ItemAddress(member, item)] = qualified
            before.add(item)
    return _table(in_member, tuple(found))


def _table(in_member: Mapping[ItemAddress, str], found: tuple[Member, ...]) -> ItemTable:
    """Qualifies by member what several members show under one id; no two items are shown under one."""
    counts = Counter(in_member.values())
    addresses: dict[str, ItemAddress] = {item: address for address, item in in_member.items() if counts[item] == 1}
    ambiguous: dict[str, list[str]] = {}
    for address, item in in_member.items():
        if counts[item] > 1:
            qualified = next(free for free in _qualified(address.member, item) if free not in addresses)
            addresses[qualified] = address
            ambiguous.setdefault(item, []).append(qualified)
    shown = {address: item for item, address in addresses.items()}
    by_member: dict[Member, dict[str, str]] = {}
    for address, item in shown.items():
        by_member.setdefault(address.member, {})[address.item] = item
    return ItemTable(
        shown={address: shown[address] for address in in_member},
        addresses=addresses,
        ambiguous={item: tuple(ids) for item, ids in ambiguous.items()},
        members=found,
        by_member=by_member,
    )


def _qualified(member: Member, item: str) -> Iterator[str]:
    """Ids to try in turn; a Component and an App of one id, or an item called like another's, need more than one."""
    alone, with_kind = member.words
    yield f"{alone}:{item}"
    for number in count(1):
        yield f"{with_kind}{f'_{number}' if number > 1 else ''}:{item}"


@dataclass(frozen=True, slots=True)
class Found:
    """The item's address."""

    address: ItemAddress


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several members show this id; these are the ids to send instead."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unlisted:
    """No record lists it; the first contributor is asked, for it may know it by now."""


def look_up(table: ItemTable, topology: Topology, item_id: str) -> Found | Ambiguous | Unlisted:
    """Whose item a client means: exact id, then `<member>:<item>`, then `<way>:<item>`."""
    exact = table.addresses.get(item_id)
    if exact is not None:
        return Found(exact)
    if item_id in table.ambiguous:
        return Ambiguous(table.ambiguous[item_id])
    head, colon, rest = item_id.partition(":")
    if colon and rest:
        named = [member for member in table.members if member.here == head]
        by_way = [member for member in table.members if way_prefix(topology, member.instance) == head]
        for member in (*named, *by_way):
            if ItemAddress(member, rest) in table.shown:
                return Found(ItemAddress(member, rest))
        for member in named or by_way:
            return Found(ItemAddress(member, rest))
    return Unlisted()
