"""The resources of a stand-in upstream gateway's own entities: data, operations, configurations, faults, logs."""

import itertools
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.federation.upstream_json import SINGULAR, ApiError, Json
from tests.federation.upstream_tree import Cache, Entity

DEFAULT_STATUSES = ("PREFAILED", "CONFIRMED")
LABELS = ("INFO", "WARN", "ERROR", "CRITICAL")
_AGGREGATED = {"CONFIRMED": ("active", 1, 1, 0), "PREFAILED": ("passive", 1, 0, 1)}
_TYPES = {bool: "bool", int: "int", float: "double", str: "string"}


class Resources:
    """What it answers by itself; `available` Apps of peers are none of its business here."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.topics: dict[str, Any] = {topic: dict(told) for topic, told in spec.get("topics", {}).items()}
        self.all_faults: list[Json] = [dict(fault) for fault in spec.get("faults", [])]
        self._executions: dict[str, str] = {}
        self._numbers = itertools.count(1)
        # Mutable state: last samples, faults, executions by path.

    def members(self, cache: Cache, one: Entity) -> list[Entity]:
        """The Apps that belong to an entity, its own and those of peers."""
        match one.kind:
            case "apps":
                return [one]
            case "components":
                return cache.apps_on(one.id)
            case "areas":
                return [app for component in cache.components_in(one.id) for app in cache.apps_on(component.id)]
            case _:
                return [cache.entities["apps"][host] for host in one.hosts if host in cache.entities["apps"]]

    def own_members(self, cache: Cache, one: Entity) -> list[Entity]:
        """Those of them that are its own."""
        return [app for app in self.members(cache, one) if "local" in app.contributors]

    def sources(self, cache: Cache, one: Entity) -> list[str]:
        """Everything that counts to an entity, itself first."""
        match one.kind:
            case "areas":
                found = [one.id]
                for component in cache.components_in(one.id):
                    found += [component.id, *(app.id for app in cache.apps_on(component.id))]
                return found
            case _:
                return [one.id, *(app.id for app in self.members(cache, one) if app is not one)]

    def data(self, cache: Cache, one: Entity) -> Json:
        items = []
        for app in self.own_members(cache, one):
            whose = {} if app is one else {"member_ids": [app.id]}
            items += [{**item, "x-medkit": {**item["x-medkit"], **whose}} for item in app.data]
        medkit = {"entity_id": one.id, "total_count": len(items), **self._aggregated(cache, one)}
        return {"items": items, "x-medkit": medkit}

    def _aggregated(self, cache: Cache, one: Entity) -> Json:
        sources = self.sources(cache, one)
        if one.kind == "apps" or (one.kind == "components" and len(sources) == 1):
            return {}
        return {"aggregated": True, "aggregation_level": SINGULAR[one.kind], "aggregation_sources": sources}

    def data_item(self, cache: Cache, one: Entity, item_id: str) -> Json:
        topic = self._topic(cache, one, item_id)
        medkit = {
            "ros2": {"topic": topic, "type": self.topics[topic]["type"]},
            "entity_id": one.id,
            "timestamp": time.time_ns(),
            "publisher_count": 1,
            "subscriber_count": 0,
            "status": "data",
            "type_info": {"default_value": {}, "schema": {}},
        }
        return {"id": item_id, "data": self.topics[topic]["data"], "x-medkit": medkit}

    def write_data(self, cache: Cache, one: Entity, item_id: str, body: Any) -> Json:
        missing = [name for name in ("type", "data") if name not in body]
        if missing:
            text = "; ".join(f"{name}: missing required field" for name in missing[:1])
            raise ApiError(400, "invalid-request", text)
        topic = self._topic(cache, one, item_id)
        self.topics[topic]["data"] = body["data"]
        ros2 = {"topic": topic, "type": body["type"]}
        medkit = {"entity_id": one.id, "publisher_created": True, "ros2": ros2, "status": "published"}
        return {"id": item_id, "data": body["data"], "x-medkit": medkit}

    def _topic(self, cache: Cache, one: Entity, item_id: str) -> str:
        member, colon, rest = item_id.partition(":")
        wanted = f"/{(rest if colon else item_id).lstrip('/')}"
        for app in self.own_members(cache, one):
            if colon and app.id != member:
                continue
            if any(item["id"] == wanted for item in app.data):
                return wanted
        raise ApiError(404, "x-medkit-ros2-topic-unavailable", "Topic not available", {"entity_id": one.id})

    def operations(self, cache: Cache, one: Entity) -> Json:
        items = []
        for app in self.own_members(cache, one):
            whose = {} if app is one else {"member_ids": [app.id]}
            items += [
                {**item, "x-medkit": {**item["x-medkit"], "entity_id": one.id, **whose}} for item in app.operations
            ]
        return {"items": items}

    def operation(self, items: Sequence[Json], one: Entity, item_id: str) -> Json:
        """One of the items of an entity's list."""
        _, _, bare = item_id.rpartition(":")
        for item in items:
            if item["id"] in {item_id, bare}:
                medkit = {name: value for name, value in item["x-medkit"].items() if name != "member_ids"}
                return {"item": {**item, "x-medkit": medkit}}
        parameters = {"entity_id": one.id, "operation_id": item_id}
        raise ApiError(404, "operation-not-found", "Operation not found", parameters)

    def execute(self, cache: Cache, one: Entity, item_id: str, path: str) -> tuple[int, Json, str | None]:
        """(status, body, Location)."""
        item = self.operation(self.operations(cache, one)["items"], one, item_id)["item"]
        if not item["asynchronous_execution"]:
            service = item["x-medkit"]["ros2"]["service"]
            return 200, {"parameters": {"echo": {}, "message": service, "success": True}}, None
        number = f"goal-{next(self._numbers)}"
        self._executions[f"{path}/{number}"] = "running"
        return 202, {"id": number, "status": "running"}, f"{path}/{number}"

    def executions(self, path: str) -> Json:
        below = [each.removeprefix(f"{path}/") for each in self._executions if each.startswith(f"{path}/")]
        return {"items": [{"id": each} for each in below]}

    def execution(self, path: str, method: str, body: Any) -> tuple[int, Json | None]:
        if path not in self._executions:
            raise ApiError(404, "resource-not-found", "Execution not found")
        match method:
            case "DELETE":
                del self._executions[path]
                return 204, None
            case "PUT" if body.get("capability") == "stop":
                self._executions[path] = "completed"
                return 202, {"id": path.rpartition("/")[2], "status": "completed"}
            case "PUT":
                allowed = {"supported_capabilities": ["stop"]}
                raise ApiError(400, "invalid-parameter", "Unsupported capability", allowed)
            case _:
                return 200, {"status": self._executions[path], "capability": "execute", "x-medkit": {}}

    def configurations(self, cache: Cache, one: Entity) -> Json:
        nodes = [app for app in self.own_members(cache, one) if app.parameters]
        several = one.kind != "apps" and len(nodes) > 1
        items, parameters = [], []
        for app in nodes:
            for name in sorted(app.parameters):
                item: Json = {"id": f"{app.id}:{name}" if several else name, "name": name, "type": "parameter"}
                items.append({**item, "x-medkit": {"source": app.id}} if several else item)
                parameters.append({**_parameter(app, name), "x-medkit": {"node": app.node, "source": app.id}})
        medkit: Json = {
            "aggregation_level": SINGULAR[one.kind],
            "entity_id": one.id,
            "is_aggregated": several,
            "source": "runtime",
        }
        if nodes:
            own = {app.id for app in self.own_members(cache, one)}
            others = {app.id for app in self.members(cache, one)} - own
            sources = [source for source in self.sources(cache, one) if source not in others]
            medkit |= {"parameters": parameters, "queried_nodes": [app.node for app in nodes], "source_ids": sources}
        return {"items": items, "x-medkit": medkit}

    def configuration(self, cache: Cache, one: Entity, item_id: str, method: str, body: Any) -> Json | None:
        nodes = [app for app in self.own_members(cache, one) if app.parameters]
        if not nodes:
            parameters = {"entity_id": one.id, "id": item_id}
            raise ApiError(404, "resource-not-found", "No nodes available", parameters)
        member, colon, rest = item_id.partition(":")
        several = one.kind != "apps" and len(nodes) > 1
        if several and not colon and method != "GET":
            raise ApiError(400, "invalid-request", "Aggregated configuration requires app_id prefix")
        name = rest if several and colon else item_id
        for app in nodes:
            if name in app.parameters and (not (several and colon) or app.id == member):
                return self._at_parameter(
                    one, app, name=name, item_id=item_id, method=method, body=body, several=several
                )
        raise ApiError(404, "resource-not-found", "Parameter not found", {"entity_id": one.id, "id": item_id})

    def _at_parameter(
        self, one: Entity, app: Entity, *, name: str, item_id: str, method: str, body: Any, several: bool
    ) -> Json | None:
        if method == "DELETE":
            return None
        if method == "PUT":
            app.parameters[name] = body.get("data", body.get("value"))
        source = {"source_app": app.id} if several else {}
        medkit = {
            "ros2": {"node": app.node},
            "entity_id": one.id,
            "source": "runtime",
            "parameter": _parameter(app, name),
            **source,
        }
        return {"id": item_id, "data": app.parameters[name], "x-medkit": medkit}

    def faults(self, cache: Cache, one: Entity, statuses: Sequence[str]) -> Json:
        apps = self.own_members(cache, one)
        nodes = [app.node for app in apps]
        items = [fault for fault in self.faults_with(statuses) if _is_of(fault, nodes)]
        if one.kind == "apps":
            counts = {"count": len(items), "muted_count": 0, "cluster_count": 0}
            return {"items": items, "x-medkit": {"entity_id": one.id, "source_id": one.node, **counts}}
        medkit = {**self._counts(cache, one, nodes), "count": len(items)}
        return {"items": items, "x-medkit": medkit}

    def faults_with(self, statuses: Sequence[str]) -> list[Json]:
        return [fault for fault in self.all_faults if "all" in statuses or fault["status"] in statuses]

    def fault(self, cache: Cache, one: Entity, code: str, method: str) -> Json | None:
        nodes = [app.node for app in self.own_members(cache, one)]
        for fault in self.all_faults:
            if fault["fault_code"] == code and _is_of(fault, nodes):
                if method == "DELETE":
                    self.all_faults.remove(fault)
                    return None
                return _fault_detail(fault)
        parameters = {f"{SINGULAR[one.kind]}_id": one.id, "details": "Fault not found", "fault_code": code}
        raise ApiError(404, "resource-not-found", "Fault not found", parameters)

    def logs(self, cache: Cache, one: Entity) -> Json:
        if one.kind == "apps":
            return {"items": []}
        nodes = [app.node for app in self.own_members(cache, one)]
        medkit = self._counts(cache, one, nodes)
        if not nodes:
            medkit = {name: value for name, value in medkit.items() if not name.endswith("_count")}
        return {"items": [], "x-medkit": medkit}

    def _counts(self, cache: Cache, one: Entity, nodes: Sequence[str]) -> Json:
        counts: Json = {"entity_id": one.id, "aggregation_level": SINGULAR[one.kind], "aggregated": True}
        match one.kind:
            case "areas":
                counts |= {"app_count": len(nodes), "component_count": len(cache.components_in(one.id))}
            case "components":
                counts |= {"app_count": len(nodes)}
            case _:
                counts |= {"host_count": len(nodes)}
        return {**counts, "aggregation_sources": sorted(nodes)} if nodes else counts


def _parameter(app: Entity, name: str) -> Json:
    value = app.parameters[name]
    return {"description": "", "name": name, "read_only": False, "type": _TYPES[type(value)], "value": value}


def _is_of(fault: Json, nodes: Sequence[str]) -> bool:
    """Every source is one of the nodes, or below one."""
    sources = fault["reporting_sources"]
    return all(any(source == node or source.startswith(f"{node}/") for node in nodes) for source in sources)


def _fault_detail(fault: Json) -> Json:
    word, failed, confirmed, pending = _AGGREGATED.get(fault["status"], ("cleared", 0, 0, 0))
    status = {
        "aggregatedStatus": word,
        "testFailed": str(failed),
        "confirmedDTC": str(confirmed),
        "pendingDTC": str(pending),
    }
    return {
        "item": {
            "code": fault["fault_code"],
            "fault_name": fault["description"],
            "severity": fault["severity"],
            "status": status,
        },
        "environment_data": {
            "extended_data_records": {"first_occurrence": "", "last_occurrence": ""},
            "snapshots": [],
        },
        "x-medkit": {
            "occurrence_count": fault["occurrence_count"],
            "reporting_sources": fault["reporting_sources"],
            "severity_label": LABELS[fault["severity"]],
            "status_raw": fault["status"],
        },
    }
