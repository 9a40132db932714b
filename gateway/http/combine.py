"""Parts of several gateways -> one resource collection as clients see it. Pure.

Ids of members are translated to what they are called here, ambiguous item ids qualified, each item shown once.
Source: docs/api.md, "Resources" and "Item ids".
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from entities.items import Member, way_prefix
from entities.model import App, EntityKind
from gateway.http.gaps import gap_marks
from gateway.http.log_list import sort_out
from gateway.http.parts import Part
from gateway.http.subject import Subject, Whose
from gateway.http.translate import reported_as
from peers.view import Gap

_WIRE_ONLY = frozenset({"origin", "member", "parameter", "node"})
"""Fields of `x-medkit` that gateways tell each other and clients do not see in items."""


def render_collection(subject: Subject, collection: str, parts: Iterable[Part], gaps: Sequence[Gap]) -> dict[str, Any]:
    """The body of `GET /{entity}/{collection}`."""
    found = [*{part.key: part for part in parts}.values()]
    failed: dict[str, Any] = {}
    if collection == "logs":
        found, unreadable = sort_out(subject, found)
        failed = {"failed_logs": unreadable} if unreadable else {}
    items: list[dict[str, Any]] = []
    configurations = iter(configuration_ids(subject, found) if collection == "configurations" else ())
    for _, group in groupby(found, key=lambda part: (part.origin, part.member)):
        run = [*group]
        whose = subject.whose(run[0], collection)
        if collection == "configurations":
            items.extend([_configuration_item(part, whose, next(configurations)) for part in run])
        else:
            items.extend([_item(subject, collection, part, whose) for part in run])
    medkit = {**_envelope(subject, collection, found, items), **failed, **gap_marks(gaps)}
    return {"items": items, "x-medkit": medkit} if medkit else {"items": items}


def _item(subject: Subject, collection: str, part: Part, whose: Whose) -> dict[str, Any]:
    """The part as clients see it."""
    match collection:
        case "data" | "operations":
            item_id = str(part.body["id"])
            return _shown(part, whose, whose.ids.get(item_id) or subject.table(collection).show(whose.member, item_id))
        case "faults":
            return reported_as(_shown(part, whose), whose.member.own_id, whose.member.here)
        case "logs":
            return _shown(part, whose)
        case _:
            return _shown(part, whose, f"{_contributor_prefix(subject, part.origin)}{part.body.get('id')}")


def _shown(part: Part, whose: Whose, item_id: str | None = None) -> dict[str, Any]:
    """The item without what only gateways tell each other, and with whose it is."""
    told = part.body.get("x-medkit")
    medkit = {name: value for name, value in told.items() if name not in _WIRE_ONLY} if isinstance(told, dict) else {}
    medkit.update(whose.medkit)
    item = {**part.body}
    item.pop("x-medkit", None)
    if item_id is not None:
        item["id"] = item_id
    if medkit:
        item["x-medkit"] = medkit
    return item


def configuration_prefix(subject: Subject, member: Member) -> str:
    """What stands before a configuration's id: nothing, `<app>:`, `<way>:` or `<component>:<way>:`."""
    _, apps = subject.members
    if member.kind is EntityKind.APP:
        return f"{member.here}:" if len(apps) > 1 else ""
    merged = subject.shown.find(member.kind, member.here)
    first = merged is None or merged.contributions[0].instance == member.instance
    way = "" if first else f"{way_prefix(subject.view.topology, member.instance)}:"
    return way if subject.is_itself(member) else f"{member.here}:{way}"


def configuration_ids(subject: Subject, parts: Sequence[Part]) -> list[str]:
    """The id under which each is listed; an App's that is a Component's already has the App in front."""
    members = [subject.member(part) for part in parts]
    ids = [
        f"{configuration_prefix(subject, member)}{part.body['id']}" for member, part in zip(members, parts, strict=True)
    ]
    taken = {item for member, item in zip(members, ids, strict=True) if member.kind is not EntityKind.APP}
    for at, member in enumerate(members):
        if member.kind is EntityKind.APP and ids[at] in taken:
            alone, with_kind = (f"{word}:{parts[at].body['id']}" for word in member.words)
            ids[at] = with_kind if alone in taken else alone
    return ids


def _configuration_item(part: Part, whose: Whose, item_id: str) -> dict[str, Any]:
    member = whose.member
    item = _shown(part, whose, item_id)
    if item_id != part.body["id"]:
        medkit = item.setdefault("x-medkit", {})
        medkit["source"] = member.here if member.kind is EntityKind.APP else medkit.get("source", member.here)
    return item


def _contributor_prefix(subject: Subject, origin: str) -> str:
    """Nothing for the first contributor, `<way>:` for the others."""
    is_first = origin == subject.entity.contributions[0].instance
    return "" if is_first else f"{way_prefix(subject.view.topology, origin)}:"


def _envelope(
    subject: Subject, collection: str, parts: Sequence[Part], items: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The collection's `x-medkit`, as upstream's clients know it."""
    kind = subject.entity.kind
    components, apps = subject.members
    aggregated = kind in (EntityKind.AREA, EntityKind.FUNCTION) or bool(apps)
    entity_id = subject.entity.id
    match collection:
        case "data":
            medkit: dict[str, Any] = {"entity_id": entity_id, "total_count": len(items)}
            if aggregated and kind is not EntityKind.APP:
                sources = list(dict.fromkeys((entity_id, *components, *apps)))
                medkit |= {"aggregated": True, "aggregation_level": kind.singular, "aggregation_sources": sources}
            return medkit
        case "configurations":
            return _configurations_envelope(subject, parts)
        case "faults" if kind is EntityKind.APP:
            sources = _fault_sources(subject, apps)
            source = {"source_id": sources[0]} if sources else {}
            return {"entity_id": entity_id, **source, "count": len(items), "muted_count": 0, "cluster_count": 0}
        case "faults":
            return {**_aggregation(subject, components, apps), "count": len(items)}
        case "logs" if kind is not EntityKind.APP:
            return _aggregation(subject, components, apps)
        case _:
            return {}


def _aggregation(subject: Subject, components: Sequence[str], apps: Sequence[str]) -> dict[str, Any]:
    kind = subject.entity.kind
    medkit: dict[str, Any] = {"entity_id": subject.entity.id, "aggregation_level": kind.singular, "aggregated": True}
    match kind:
        case EntityKind.FUNCTION:
            medkit["host_count"] = len(apps)
        case EntityKind.AREA:
            medkit |= {"component_count": len(components), "app_count": len(apps)}
        case _:
            medkit["app_count"] = len(apps)
    sources = _fault_sources(subject, apps)
    return {**medkit, "aggregation_sources": sources} if sources else medkit


def _fault_sources(subject: Subject, apps: Iterable[str]) -> list[str]:
    """Under which names the Apps report: the node of a ROS App, the id of any other."""
    found = []
    for app_id in apps:
        merged = subject.shown.find(EntityKind.APP, app_id)
        if merged is not None and isinstance(merged.entity, App):
            node = None if merged.entity.external else merged.entity.node
            found.append(node or app_id)
    return found


def _configurations_envelope(subject: Subject, parts: Sequence[Part]) -> dict[str, Any]:
    components, apps = subject.members
    kind, entity_id = subject.entity.kind, subject.entity.id
    medkit: dict[str, Any] = {
        "aggregation_level": kind.singular,
        "entity_id": entity_id,
        "is_aggregated": kind is not EntityKind.APP and len(apps) > 1,
        "source": "runtime",
    }
    parameters = []
    nodes: dict[str, None] = {}
    for part in parts:
        told = part.body.get("x-medkit")
        parameter = told.get("parameter") if isinstance(told, dict) else None
        if not isinstance(parameter, dict):
            continue
        node = told.get("node") if isinstance(told, dict) else None
        whose = {"source": subject.member(part).here, **({"node": node} if isinstance(node, str) else {})}
        nodes.update({node: None} if isinstance(node, str) else {})
        parameters.append({**parameter, "x-medkit": whose})
    if parameters:
        sources = list(dict.fromkeys((entity_id, *components, *apps)))
        medkit |= {"parameters": parameters, "source_ids": sources}
    return {**medkit, "queried_nodes": list(nodes)} if nodes else medkit
