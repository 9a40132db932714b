"""An upstream gateway's answer for one collection -> single items with whose they are. Pure.

It combines what its members have: the items name their members (data, operations), their source (configurations), or
the ROS nodes they come from (faults, logs). Source: docs/api.md, "Reading upstream gateways".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from entities.identity import is_instance_id
from entities.jsontext import InvalidJsonError
from entities.model import EntityKind, GatewayTree
from peers.division import Item
from peers.errors import PeerReason
from peers.foreign_names import fit_name
from peers.foreign_tree import ANSWERED_BY
from peers.view import Gap

MAX_NODE: Final = 256
"""Characters of the name of a ROS node; the middleware allows no more."""

About = tuple[EntityKind, str]
"""An entity by kind and id, at the gateway that was asked."""

MAX_BEHIND: Final = 64
"""Silent gateways behind it that it may name when it is asked; further ones are not named."""


@dataclass(frozen=True, slots=True)
class ForeignAnswer:
    """Items in the form in which gateways tell parts to each other, and the gateway's own peers that are missing.

    `echo_of`: it did not answer itself, but sent the question back to this Grove gateway.
    """

    items: tuple[Item, ...] = ()
    behind: tuple[Gap, ...] = ()
    echo_of: str | None = None


def read_foreign_answer(
    document: Any, collection: str, *, tree: GatewayTree, origin: str, asked: About | None
) -> ForeignAnswer:
    """The answer of foreign gateway `origin`, whose entities are `tree`, about `asked`. Raises InvalidJsonError."""
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise InvalidJsonError("an object with a list `items` is needed")
    medkit = _object(document, "x-medkit")
    echo_of = medkit.get(ANSWERED_BY)
    if isinstance(echo_of, str):
        return ForeignAnswer(echo_of=echo_of)
    told: list[Any] = document["items"]
    reader = _Reader(tree, collection, asked, medkit)
    if collection == "version-info":
        told = told[:1]  # its own stands first, those of its peers are not its
    marked = tuple(
        _marked(item, origin, member)
        for one in map(_item, told)
        if not _is_echo(one, origin)
        for member, item in reader.parts(one)
    )
    return ForeignAnswer(marked, tuple(_behind(medkit, origin)))


class _Reader:
    """Tells, of the items of one answer, whose they are and what their members themselves call them.

    An answer that the gateway has from a peer of its own names members as that peer does: these are asked themselves.
    """

    def __init__(self, tree: GatewayTree, collection: str, asked: About | None, medkit: Mapping[str, Any]) -> None:
        entity = None if asked is None else tree.find(*asked)
        self._tree = tree
        self._collection = collection
        self._asked = asked
        self._is_app = asked is not None and asked[0] is EntityKind.APP
        self._is_forwarded = entity is not None and entity.source.startswith("peer:")
        self._parameters = _parameters(medkit)
        self._sources: dict[str, list[str]] = {}
        for source, name in self._parameters:
            self._sources.setdefault(name, []).append(source)

    def parts(self, item: Item) -> Iterator[tuple[About | None, Item]]:
        """The item once for each member that has it."""
        match self._collection:
            case "data" | "operations" if not self._is_app and isinstance(item.get("id"), str):
                yield from self._listed(item)
            case "configurations" if isinstance(item.get("id"), str):
                yield from self._configuration(item)
            case "faults" if not self._is_app:
                sources = item.get("reporting_sources")
                nodes = [one for one in sources if isinstance(one, str)] if isinstance(sources, list) else []
                yield self._reporter(nodes) or self._asked, item
            case "logs" if not self._is_app:
                node = _object(item, "context").get("node")
                yield self._reporter([node] if isinstance(node, str) else []) or self._asked, item
            case _:
                yield self._asked, item

    def _listed(self, item: Item) -> Iterator[tuple[About | None, Item]]:
        told = _object(item, "x-medkit").get("member_ids")
        members = [one for one in told if isinstance(one, str)] if isinstance(told, list) else []
        if not members:
            yield self._asked, item
        medkit = {name: value for name, value in _object(item, "x-medkit").items() if name != "member_ids"}
        for member in () if self._is_forwarded else members:
            yield self._member(member), {**item, "id": _bare(item["id"], member), "x-medkit": medkit}

    def _configuration(self, item: Item) -> Iterator[tuple[About | None, Item]]:
        """The parameter itself stands beside the items, by name and source."""
        name = str(item.get("name"))
        source = _object(item, "x-medkit").get("source")
        sources = self._sources.get(name, [])
        whose = sources[0] if source is None and len(sources) == 1 else source
        parameter = self._parameters.get((whose, name), {}) if isinstance(whose, str) else {}
        if self._is_forwarded and not self._is_app and whose is not None:
            return
        node = _object(parameter, "x-medkit").get("node")
        own = {key: value for key, value in parameter.items() if key != "x-medkit"}
        medkit = {**({"parameter": own} if own else {}), **({"node": node} if isinstance(node, str) else {})}
        member = self._asked if self._is_app or not isinstance(whose, str) else self._member(whose)
        own_id = _bare(item["id"], whose) if isinstance(whose, str) else item["id"]
        yield member, {**item, "id": own_id, "x-medkit": medkit}

    def _member(self, own_id: str) -> About | None:
        for kind in (EntityKind.APP, EntityKind.COMPONENT):
            if self._tree.find(kind, own_id) is not None:
                return kind, own_id
        return self._asked

    def _reporter(self, nodes: list[str]) -> About | None:
        """The App to whose ROS node, or to names below it, all of `nodes` belong; of several, the nearest."""
        for name in _names_above(nodes[0]) if nodes else ():
            app = self._tree.app_by_node.get(name)
            if app is not None and all(node == name or node.startswith(f"{name}/") for node in nodes):
                return EntityKind.APP, app.id
        return None


def _names_above(node: str) -> Iterator[str]:
    """The name and those it is below, longest first."""
    name = node if len(node) <= MAX_NODE else node[: MAX_NODE + 1].rpartition("/")[0]
    while name:
        yield name
        name = name.rpartition("/")[0]


def _bare(item_id: str, member: str) -> str:
    """The item half of a member-qualified id."""
    return item_id.removeprefix(f"{member}:")


def _item(told: Any) -> Item:
    """Some collections list bare ids."""
    return told if isinstance(told, dict) else {"id": told}


def _is_echo(item: Item, origin: str) -> bool:
    """Whether it is an item that a Grove gateway gave to this one, which asks its peers even when told not to."""
    came_from = _object(item, "x-medkit").get("origin")
    return is_instance_id(came_from) and came_from != origin


def _marked(item: Item, origin: str, member: About | None) -> Item:
    whose = {} if member is None else {"member": f"{member[0].value}/{member[1]}"}
    return {**item, "x-medkit": {**_object(item, "x-medkit"), "origin": origin, **whose}}


def _behind(medkit: Mapping[str, Any], origin: str) -> Iterator[Gap]:
    told = medkit.get("failed_peers")
    names = (fit_name(name) for name in (told if isinstance(told, list) else []) if isinstance(name, str) and name)
    for name in dict.fromkeys(islice(names, MAX_BEHIND)):
        yield Gap("", PeerReason.DESTINATION_UNAVAILABLE.value, origin, behind=name)


def _parameters(medkit: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    told = medkit.get("parameters")
    found = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    return {(str(_object(one, "x-medkit").get("source", "")), str(one.get("name"))): one for one in found}


def _object(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = told.get(name)
    return value if isinstance(value, dict) else {}
