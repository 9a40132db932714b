"""The entities of a stand-in upstream gateway: its own, those it read from peers, and how it merges them.

Its rules, with their flaws, are those of upstream at 505bc2d: nobody's origin is kept, a leaf Component that a peer
lists too is that peer's from then on, an App whose id is taken is renamed by text.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

KINDS = ("areas", "components", "apps", "functions")


@dataclass(slots=True)
class Entity:
    """One entity as its cache has it."""

    kind: str
    id: str
    name: str
    tags: list[str] = field(default_factory=list)
    source: str = "manifest"
    description: str = ""
    namespace: str = ""
    node: str = ""
    area: str = ""
    parent: str = ""
    component_id: str = ""
    depends_on: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    is_online: bool = True
    available: bool = True
    contributors: list[str] = field(default_factory=list)
    data: list[dict[str, Any]] = field(default_factory=list)
    """List items."""
    operations: list[dict[str, Any]] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    declared_source: str = "manifest"


Entities = dict[str, list[Entity]]


def entities_of(spec: Mapping[str, Any]) -> Entities:
    """A spec (the form of tests/data/wire/*.tree.json) as entities."""
    topics = spec.get("topics", {})
    return {
        "areas": [
            Entity(
                "areas",
                one["id"],
                one.get("name", one["id"]),
                list(one.get("tags", [])),
                namespace=one.get("namespace", f"/{one['id']}"),
                parent=one.get("parent_area_id", ""),
            )
            for one in spec.get("areas", [])
        ],
        "components": [
            Entity(
                "components",
                one["id"],
                one.get("name", one["id"]),
                list(one.get("tags", [])),
                description=one.get("description", ""),
                area=one.get("area", ""),
                parent=one.get("parent_component_id", ""),
                depends_on=list(one.get("depends_on", [])),
            )
            for one in spec.get("components", [])
        ],
        "apps": [_app(one, topics) for one in spec.get("apps", [])],
        "functions": [
            Entity("functions", one["id"], one.get("name", one["id"]), hosts=list(one["hosts"]))
            for one in spec.get("functions", [])
        ],
    }


def _app(one: Mapping[str, Any], topics: Mapping[str, Any]) -> Entity:
    node = one.get("fqn", f"/{one['id']}")
    published = one.get("topics", {}).get("publishes", [])
    return Entity(
        "apps",
        one["id"],
        one.get("name", one["id"]),
        list(one.get("tags", [])),
        node=node,
        component_id=one.get("component_id", ""),
        depends_on=list(one.get("depends_on", [])),
        data=[data_item(topic, topics.get(topic, {}).get("type", "std_msgs/msg/String")) for topic in published],
        operations=[
            *(_operation(one["id"], each, "service", is_async=False) for each in one.get("services", [])),
            *(_operation(one["id"], each, "action", is_async=True) for each in one.get("actions", [])),
        ],
        parameters=dict(one.get("params", {})),
    )


def data_item(topic: str, type_name: str) -> dict[str, Any]:
    """The list item of a topic."""
    return {
        "category": "currentData",
        "id": topic,
        "name": topic,
        "x-medkit": {
            "ros2": {"direction": "publish", "topic": topic, "type": type_name},
            "type_info": {"default_value": {}, "schema": {}},
        },
    }


def _operation(app: str, each: Mapping[str, Any], kind: str, *, is_async: bool) -> dict[str, Any]:
    parts = ("feedback", "goal", "result") if is_async else ("request", "response")
    return {
        "asynchronous_execution": is_async,
        "id": each["name"],
        "name": each["name"],
        "proximity_proof_required": False,
        "x-medkit": {
            "entity_id": app,
            "ros2": {"kind": kind, kind: each["full_path"], "type": each["type"]},
            "source": "ros2_medkit_gateway",
            "type_info": {part: {} for part in parts},
        },
    }


@dataclass(slots=True)
class Cache:
    """What it serves: the merged entities by kind and id, whose they are, and the peer each is forwarded to."""

    entities: dict[str, dict[str, Entity]]
    routes: dict[tuple[str, str], str] = field(default_factory=dict)

    def find(self, kind: str, entity_id: str) -> Entity | None:
        return self.entities[kind].get(entity_id)

    def children(self, kind: str, parent: str) -> list[Entity]:
        return [one for one in self.entities[kind].values() if one.parent == parent]

    def apps_on(self, component: str) -> list[Entity]:
        return [one for one in self.entities["apps"].values() if one.component_id == component]

    def components_in(self, area: str) -> list[Entity]:
        return [one for one in self.entities["components"].values() if one.area == area]


def merge(own: Entities, read: Iterable[tuple[str, Entities]]) -> Cache:
    """Everything in one cache; `read`: by peer, in peer order."""
    cache = Cache({kind: {} for kind in KINDS})
    for kind in KINDS:
        for one in own[kind]:
            cache.entities[kind][one.id] = replace(
                one, tags=[*one.tags], hosts=[*one.hosts], contributors=["local"], declared_source=one.source
            )
    for peer, entities in read:
        renamed: dict[str, str] = {}
        for one in entities["apps"]:
            shown = replace(one, source=f"peer:{peer}", contributors=[f"peer:{peer}"])
            if one.id in cache.entities["apps"]:
                renamed[one.id] = f"{peer}__{one.id}"
                shown = replace(shown, id=renamed[one.id], name=f"{peer}__{one.name}")
            cache.entities["apps"][shown.id] = shown
            cache.routes["apps", shown.id] = peer
        for kind in ("areas", "components", "functions"):
            for one in entities[kind]:
                _claim(cache, kind, one, peer, renamed)
    for parent in {one.parent for one in cache.entities["components"].values()}:
        cache.routes.pop(("components", parent), None)
    return cache


def _claim(cache: Cache, kind: str, one: Entity, peer: str, renamed: Mapping[str, str]) -> None:
    hosts = [renamed.get(host, host) for host in one.hosts]
    known = cache.entities[kind].get(one.id)
    if known is None:
        cache.entities[kind][one.id] = replace(
            one, source=f"peer:{peer}", contributors=[f"peer:{peer}"], hosts=hosts, tags=[*one.tags]
        )
        cache.routes[kind, one.id] = peer
        return
    known.contributors = sorted({*known.contributors, f"peer:{peer}"}, key=lambda each: (each != "local", each))
    known.tags += [tag for tag in one.tags if tag not in known.tags]
    known.hosts += [host for host in hosts if host not in known.hosts]
    known.description = known.description or one.description
    if kind == "components":
        cache.routes[kind, one.id] = peer
