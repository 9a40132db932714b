"""Recorded answers of upstream gateways, the entities behind them as manifests, and where other answers differ."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

RECORDINGS: Final = Path(__file__).parents[1] / "data" / "wire"

RESOURCES: Final = frozenset({"data", "operations", "configurations", "faults", "logs"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as it was recorded, and what upstream answered. `body` is None where none was sent."""

    method: str
    path: str
    body: Any
    status: int
    answer: Any

    @property
    def is_about_resources(self) -> bool:
        """Not about entities themselves and the server: these are compared elsewhere."""
        _, _, *parts = self.path.strip("/").split("/")
        return parts[:1] == ["faults"] or (len(parts) > 2 and parts[2] in RESOURCES)

    def __str__(self) -> str:
        return f"{self.method} {self.path.removeprefix('/api/v1')}"


def resource_exchanges(recording: str) -> list[Exchange]:
    """Those of one recording that are about resources, in the order in which they were recorded."""
    told = json.loads((RECORDINGS / f"{recording}.json").read_text())
    return [exchange for exchange in map(_exchange, told) if exchange.is_about_resources]


def _exchange(told: Mapping[str, Any]) -> Exchange:
    method, path = told["request"].split(" ")
    return Exchange(method, path, told.get("body"), told["status"], told["answer"])


def manifest_of(gateway: str) -> Mapping[str, Any]:
    """The tree behind a recording: topics as data items of the topic's name, parameters as configurations."""
    told = json.loads((RECORDINGS / f"{gateway}.tree.json").read_text())
    areas = [{**_without(area, "parent_area_id"), **_parent(area)} for area in told["areas"]]
    functions = [{"id": each["id"], "name": each["name"], "hosted_by": each["hosts"]} for each in told["functions"]]
    apps = [_app(app, told["topics"], told["faults"]) for app in told["apps"]]
    return {"areas": areas, "components": told["components"], "apps": apps, "functions": functions}


def _without(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


def _parent(area: Mapping[str, Any]) -> dict[str, str]:
    return {"parent_area": area["parent_area_id"]} if "parent_area_id" in area else {}


def _app(app: Mapping[str, Any], topics: Mapping[str, Any], faults: list[dict[str, Any]]) -> dict[str, Any]:
    namespace, _, node = app["fqn"].rpartition("/")
    return {
        "id": app["id"],
        "name": app["name"],
        "is_located_on": app["component_id"],
        "ros_binding": {"node_name": node, "namespace": namespace},
        "data": [{"id": each, "value": topics[each]["data"], "writable": True} for each in app["topics"]["publishes"]],
        "operations": [*_operations(app)],
        "configurations": [{"id": name, "value": value} for name, value in app["params"].items()],
        "faults": [
            {"code": fault["fault_code"], **_without(_without(fault, "fault_code"), "reporting_sources")}
            for fault in faults
            if fault["reporting_sources"] == [app["fqn"]]
        ],
    }


def _operations(app: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Services answer as the recorded ones did; actions run until they are stopped."""
    for service in app.get("services", ()):
        answer = {"success": True, "message": service["full_path"], "echo": {}}
        yield {"id": service["name"], "command": ["printf", "%s", json.dumps(answer)]}
    for action in app.get("actions", ()):
        yield {"id": action["name"], "command": ["sleep", "1000"], "asynchronous": True}


def differences(theirs: Any, ours: Any, place: str = "") -> Iterator[str]:
    """The places where `ours` lacks, or has with another type or value, what `theirs` has.

    The items of lists are compared by what they are called, whatever their order; one too many begins with `+`.
    """
    match theirs:
        case dict() if isinstance(ours, dict):
            for key, value in theirs.items():
                if key in ours:
                    yield from differences(value, ours[key], f"{place}.{key}")
                else:
                    yield f"{place}.{key}"
        case list() if isinstance(ours, list):
            yield from differences(_by_name(theirs), _by_name(ours), place)
            yield from (f"{place}.+{name}" for name in _by_name(ours).keys() - _by_name(theirs))
        case _ if theirs != ours or type(theirs) is not type(ours):
            yield place
        case _:
            pass


def _by_name(items: list[Any]) -> dict[str, Any]:
    return {_name(item): item for item in items}


def _name(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    return str(item.get("id") or item.get("fault_code") or item.get("name"))
