"""A stand-in upstream gateway without its sockets: who answers a request, and what."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.federation.upstream_client import KEPT, Fetched
from tests.federation.upstream_json import (
    API,
    ApiError,
    Json,
    collection,
    detail,
    list_item,
    not_found,
    not_responding,
    relation,
    wrong_kind,
)
from tests.federation.upstream_peers import Asked, Refreshed, UpstreamPeers, entity_path
from tests.federation.upstream_resources import DEFAULT_STATUSES, Resources
from tests.federation.upstream_tree import KINDS, Entity, entities_of, merge

VERSION = {"version": "1.0.0", "base_uri": API, "vendor_info": {"name": "ros2_medkit", "version": "0.6.0"}}
FANNED = ("data", "operations", "configurations", "faults", "logs")
RELATIONS = (
    "subareas",
    "components",
    "contains",
    "subcomponents",
    "hosts",
    "depends-on",
    "is-located-on",
    "belongs-to",
)


@dataclass(frozen=True, slots=True)
class Told:
    """An answer. `body` is JSON, bytes are another gateway's, None is none."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class UpstreamGateway:
    """`spec`: as entities_of and Resources take it, with `peers` [[name, url]] and `timeout_ms`."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.resources = Resources(spec)
        self.peers = UpstreamPeers([*map(tuple, spec.get("peers", []))], spec.get("timeout_ms", 2000) / 1000)
        self._own = entities_of(spec)
        self.cache = merge(self._own, [])
        self.generation = 2
        # Mutable state: entities and cache.

    async def refresh(self) -> Refreshed:
        """Reads all peers and merges anew; a refresh that is lost changes nothing."""
        outcome, read = await self.peers.refresh()
        if outcome.lost is None:
            self.cache = merge(self._own, read)
            self.generation += 1
        return outcome

    def change(self, spec: Mapping[str, Any]) -> None:
        """Other entities of its own."""
        self._own = entities_of(spec)
        self.cache = merge(
            self._own, [(peer.name, peer.picture) for peer in self.peers.all if peer.picture is not None]
        )

    async def answer(self, asked: Asked) -> Told:
        """The answer; its own errors too."""
        try:
            return await self._answer(asked)
        except ApiError as error:
            return Told(error.status, error.body)

    async def _answer(self, asked: Asked) -> Told:
        decoded = unquote(asked.path).removeprefix(API)
        parts = decoded.removeprefix("/").split("/")
        match parts:
            case ["health"]:
                return Told(200, self._health())
            case ["version-info"]:
                return await self._version_info(asked)
            case ["faults"]:
                return await self._faults(asked)
            case [kind] if kind in KINDS:
                return Told(200, self._collection(kind))
            case [kind, entity_id, *rest] if kind in KINDS:
                return await self._entity(asked, kind, entity_id, "/".join(rest))
            case _:
                raise ApiError(404, "resource-not-found", "Resource not found", {"status": 404})

    def _health(self) -> Json:
        counts = {kind: len(self.cache.entities[kind]) for kind in KINDS}
        return {
            "status": "healthy",
            "timestamp": 1_700_000_000_000_000_000,
            "warning_schema_version": 2,
            "warnings": [],
            "discovery": {"mode": "manifest_only", "strategy": "fixture"},
            "peers": [
                {"name": peer.name, "url": peer.url, "status": "online" if peer.healthy else "offline"}
                for peer in self.peers.all
            ],
            "x-medkit-entity-cache": {"capacity": 0, **counts, "generation": self.generation, "grew": True},
        }

    async def _version_info(self, asked: Asked) -> Told:
        items: list[Json] = [VERSION]
        marks: Json = {}
        if not asked.no_fan_out:
            found, marks = await self._ask_all(f"{API}/version-info{'?' + asked.query if asked.query else ''}")
            items += found
        return Told(200, {"items": items, **({"x-medkit": marks} if marks else {})})

    async def _faults(self, asked: Asked) -> Told:
        """It asks its peers whatever the request says, and without the query."""
        own = self.resources.faults_with(parse_qs(asked.query).get("status", DEFAULT_STATUSES))
        found, marks = await self._ask_all(f"{API}/faults")
        medkit = {"count": len(own), "muted_count": 0, "cluster_count": 0, **marks}
        return Told(200, {"items": [*own, *found], "x-medkit": medkit})

    async def _ask_all(self, path: str) -> tuple[list[Json], Json]:
        found, marks = await self.peers.fan_out([peer.name for peer in self.peers.all], path, "")
        return [item for _, item in found], marks

    def _collection(self, kind: str) -> Json:
        entities = self.cache.entities[kind].values()
        return collection([list_item(one) for one in entities if kind in {"apps", "functions"} or not one.parent])

    async def _entity(self, asked: Asked, kind: str, entity_id: str, rest: str) -> Told:
        if re.fullmatch(r"[A-Za-z0-9_-]{1,256}", entity_id) is None:
            wrong = next((letter for letter in entity_id if not re.match(r"[A-Za-z0-9_-]", letter)), "")
            details = (
                f"Entity ID contains invalid character: '{wrong}'. Only alphanumeric, underscore and hyphen are allowed"
            )
            raise ApiError(400, "invalid-parameter", "Invalid entity ID", {"details": details, "entity_id": entity_id})
        one = self.cache.find(kind, entity_id)
        if rest in RELATIONS and kind != "apps":
            return self._relation(kind, entity_id, one, rest)
        if one is None:
            other = next((each for each in KINDS if self.cache.find(each, entity_id)), None)
            raise wrong_kind(entity_id, kind, other) if other else not_found(entity_id)
        if asked.method == "PUT" and rest.startswith("configurations/") and not {"data", "value"} & {*asked.json()}:
            raise ApiError(400, "invalid-request", "Request body must contain a 'data' field")
        peer = self.cache.routes.get((kind, entity_id))
        if peer is not None:
            if not one.available:
                raise not_responding(entity_id, peer)
            return await self._forward(peer, asked, asked.path)
        if not rest:
            return Told(200, detail(one))
        found = relation(self.cache, one, rest) if rest in RELATIONS else None
        return Told(200, found) if found is not None else await self._resource(asked, one, rest)

    def _relation(self, kind: str, entity_id: str, one: Entity | None, name: str) -> Told:
        found = None if one is None else relation(self.cache, one, name)
        if found is not None:
            return Told(200, found)
        singular = kind.removesuffix("s")
        message = f"{singular.capitalize()} not found"
        raise ApiError(404, "entity-not-found", message, {f"{singular}_id": entity_id})

    async def _forward(self, peer: str, asked: Asked, path: str) -> Told:
        answer = await self.peers.forward(peer, asked, path)
        return _verbatim(answer)

    async def _resource(self, asked: Asked, one: Entity, rest: str) -> Told:
        name, _, item = rest.partition("/")
        if not item and name in FANNED and asked.method == "GET":
            return Told(200, await self._combined(asked, one, name))
        if item and (told := await self._dispatched(asked, one, name, item)) is not None:
            return told
        match name:
            case "data" if asked.method == "PUT":
                return Told(200, self.resources.write_data(self.cache, one, item, asked.json()))
            case "data" if asked.method == "GET":
                return Told(200, self.resources.data_item(self.cache, one, item))
            case "operations":
                return self._operation(asked, one, item)
            case "configurations" if item and asked.method in {"GET", "PUT", "DELETE"}:
                body = asked.json() if asked.method == "PUT" else {}
                found = self.resources.configuration(self.cache, one, item, asked.method, body)
                return Told(204) if found is None else Told(200, found)
            case "faults" if asked.method in {"GET", "DELETE"}:
                found = self.resources.fault(self.cache, one, item, asked.method)
                return Told(204) if found is None else Told(200, found)
            case _:
                raise ApiError(404, "resource-not-found", "Resource not found", {"status": 404})

    def _operation(self, asked: Asked, one: Entity, rest: str) -> Told:
        found = re.fullmatch(r"(.+)/executions(/[^/]+)?", rest)
        if found is None:
            items = self.resources.operations(self.cache, one)["items"]
            self._add_declared(items, one, "operations")
            return Told(200, self.resources.operation(items, one, rest))
        if found[2]:
            body = asked.json() if asked.method == "PUT" else {}
            status, told = self.resources.execution(asked.path, asked.method, body)
            return Told(status, told, {"Location": asked.path} if status == 202 else {})
        if asked.method != "POST":
            return Told(200, self.resources.executions(asked.path))
        status, told, location = self.resources.execute(self.cache, one, found[1], asked.path)
        return Told(status, told, {"Location": location} if location else {})

    async def _dispatched(self, asked: Asked, one: Entity, name: str, item: str) -> Told | None:
        """The answer of a peer's member that has the item, or None if the item is our own members' business."""
        if one.kind == "apps" or name not in {"data", "operations"}:
            return None
        if name == "operations" and "/executions" not in item:
            return None
        bare = item.partition("/executions")[0]
        member, colon, _ = bare.partition(":")
        for app in self.resources.members(self.cache, one):
            peer = self.cache.routes.get(("apps", app.id))
            items = app.data if name == "data" else app.operations
            has = any(f"/{bare.lstrip('/')}" == each["id"] or bare == each["id"] for each in items)
            if peer is None or not (has or (colon and app.id == member)):
                continue
            if not app.available:
                raise _member_silent(one, app, item)
            unqualified = item.removeprefix(f"{app.id}:") if colon else item
            return await self._forward(peer, asked, entity_path("apps", app.id, name, unqualified))
        return None

    async def _combined(self, asked: Asked, one: Entity, name: str) -> Json:
        """Its own part, and those of the entity's peers."""
        own = self._own_part(asked, one, name)
        peers = [each.removeprefix("peer:") for each in one.contributors if each.startswith("peer:")]
        if not asked.no_fan_out and peers:
            query = f"?{asked.query}" if asked.query else ""
            found, marks = await self.peers.fan_out(peers, f"{entity_path(one.kind, one.id, name)}{query}", name)
            own["items"] += [self._translated(peer, item, name) for peer, item in found]
            if marks:
                own.setdefault("x-medkit", {}).update(marks)
        if name in {"data", "operations"} and one.kind != "apps":
            self._add_declared(own["items"], one, name)
            _qualify(own["items"])
        for count in ("count", "total_count"):
            if count in own.get("x-medkit", {}):
                own["x-medkit"][count] = len(own["items"])
        return own

    def _own_part(self, asked: Asked, one: Entity, name: str) -> Json:
        match name:
            case "data":
                return self.resources.data(self.cache, one)
            case "operations":
                return self.resources.operations(self.cache, one)
            case "configurations":
                return self.resources.configurations(self.cache, one)
            case "faults":
                statuses = parse_qs(asked.query).get("status", DEFAULT_STATUSES)
                return self.resources.faults(self.cache, one, statuses)
            case _:
                return self.resources.logs(self.cache, one)

    def _translated(self, peer: str, item: Json, name: str) -> Json:
        medkit = item.get("x-medkit", {})
        if name not in {"data", "operations"} or "member_ids" not in medkit:
            return item
        ids = [self._shown(peer, member) for member in medkit["member_ids"]]
        return {**item, "x-medkit": {**medkit, "member_ids": ids}}

    def _shown(self, peer: str, member: str) -> str:
        prefixed = f"{peer}__{member}"
        return prefixed if prefixed in self.cache.entities["apps"] else member

    def _add_declared(self, items: list[Json], one: Entity, name: str) -> None:
        """What peers' members had when they were read, if it did not come now."""
        brought = {member for item in items for member in item.get("x-medkit", {}).get("member_ids", ())}
        for app in self.resources.members(self.cache, one):
            if app.id in brought or ("apps", app.id) not in self.cache.routes:
                continue
            for item in app.data if name == "data" else app.operations:
                kept = {key: value for key, value in item["x-medkit"].items() if key not in {"member_ids", "type_info"}}
                if name == "operations":
                    kept = {**item["x-medkit"], "entity_id": one.id}
                else:
                    kept["ros2"] = {key: value for key, value in kept["ros2"].items() if key != "type"}
                silent = {} if app.available else {"available": False}
                items.append({**item, "x-medkit": {**kept, **silent, "member_ids": [app.id]}})


def _member_silent(one: Entity, app: Entity, item: str) -> ApiError:
    details = "The gateway contributing this member is not answering; it is retained from its last known declaration"
    parameters = {"details": details, "entity_id": one.id, "id": item, "member_id": app.id}
    return ApiError(504, "not-responding", f"Member '{app.id}' is not available", parameters)


def _qualify(items: Sequence[Json]) -> None:
    """An id that several items show gets its member in front, if there is exactly one."""
    ids = [item["id"] for item in items]
    for item in items:
        members = item.get("x-medkit", {}).get("member_ids", [])
        if ids.count(item["id"]) > 1 and len(members) == 1:
            item["id"] = f"{members[0]}:{item['id']}"


def _verbatim(answer: Fetched) -> Told:
    headers = {name.title(): value for name, value in answer.headers.items() if name in KEPT}
    return Told(answer.status, answer.body, headers)
