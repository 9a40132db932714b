"""How a stand-in upstream gateway writes its entities: list items, details, relations, errors."""

from typing import Any

from tests.federation.upstream_tree import Cache, Entity

Json = dict[str, Any]
API = "/api/v1"
SINGULAR = {"areas": "area", "components": "component", "apps": "app", "functions": "function"}

_COMMON = ("data", "operations", "configurations", "faults", "logs")
_CAPABILITIES = {
    "areas": ("subareas", "contains", *_COMMON, "bulk-data", "triggers"),
    "components": (
        *("status", *_COMMON, "subcomponents", "hosts", "bulk-data", "cyclic-subscriptions"),
        "triggers",
    ),
    "apps": ("status", *_COMMON, "bulk-data", "cyclic-subscriptions", "triggers"),
    "functions": ("hosts", *_COMMON, "bulk-data", "cyclic-subscriptions", "triggers"),
}
_URI_ONLY = {"areas": ("components",), "components": (), "apps": (), "functions": ("x-medkit-graph",)}


def href(kind: str, entity_id: str) -> str:
    return f"{API}/{kind}/{entity_id}"


def bare_item(one: Entity) -> Json:
    """What is in every list."""
    return {"href": href(one.kind, one.id), "id": one.id, "name": one.name, "type": SINGULAR[one.kind]}


def list_item(one: Entity, *, tags: bool = True, component: bool = True) -> Json:
    """In a top-level collection; sub-collections leave out tags, and an App's Component."""
    item = bare_item(one)
    if tags and one.tags:
        item["tags"] = one.tags
    if one.kind == "apps" and one.description:
        item["description"] = one.description
    marks = _marks(one)
    if one.kind == "apps" and component and one.component_id:
        marks["component_id"] = one.component_id
    if marks:
        item["x-medkit"] = marks
    return item


def _marks(one: Entity) -> Json:
    marks: Json = {}
    if one.kind == "areas":
        return {"ros2": {"namespace": one.namespace}} if one.namespace else {}
    marks["source"] = one.source
    if not one.available:
        marks["available"] = False
    if one.kind == "apps":
        marks["is_online"] = one.is_online
        if one.node:
            marks["ros2"] = {"node": one.node}
    return marks


def collection(items: list[Json], links: Json | None = None) -> Json:
    return {"items": items, "x-medkit": {"total_count": len(items)}, **({"_links": links} if links else {})}


def detail(one: Entity) -> Json:
    """The entity itself."""
    base = href(one.kind, one.id)
    extra = _extra_capabilities(one)
    capabilities = [{"href": f"{base}/{name}", "name": name} for name in (*_CAPABILITIES[one.kind], *extra)]
    marks = {**_marks(one), "contributors": one.contributors, **_detail_marks(one, capabilities)}
    links: Json = {"collection": f"{API}/{one.kind}", "self": base}
    uris: Json = {name: f"{base}/{name}" for name in (*_CAPABILITIES[one.kind], *_URI_ONLY[one.kind], *extra)}
    match one.kind:
        case "areas" if one.parent:
            links["parent"] = href("areas", one.parent)
        case "components":
            if one.area:
                links["area"] = uris["belongs-to"] = href("areas", one.area)
            if one.parent:
                links["parent"] = href("components", one.parent)
        case "apps" if one.component_id:
            links["is-located-on"] = uris["is-located-on"] = href("components", one.component_id)
            links["belongs-to"] = f"{base}/belongs-to"
    if one.kind in {"apps", "functions"} and one.depends_on:
        links["depends-on"] = [href(one.kind, other) for other in one.depends_on]
    tags = {"tags": one.tags} if one.tags else {}
    named = {"id": one.id, "name": one.name, "type": SINGULAR[one.kind]}
    return {**named, **tags, **uris, "capabilities": capabilities, "_links": links, "x-medkit": marks}


def _extra_capabilities(one: Entity) -> tuple[str, ...]:
    if one.kind == "apps":
        located = ("is-located-on", "belongs-to") if one.component_id else ()
        return (*located, *(("depends-on",) if one.depends_on else ()))
    return ("depends-on",) if one.kind == "components" and one.depends_on else ()


def _detail_marks(one: Entity, capabilities: list[Json]) -> Json:
    match one.kind:
        case "areas":
            return {"parent_area_id": one.parent} if one.parent else {}
        case "components":
            optional = {
                "area": one.area,
                "description": one.description,
                "parentComponentId": one.parent,
                "dependsOn": one.depends_on,
            }
            present = {name: value for name, value in optional.items() if value}
            return {**present, "type": "Component", "capabilities": capabilities}
        case "apps":
            return {"component_id": one.component_id} if one.component_id else {}
        case _:
            return {"hosts": one.hosts}


def relation(cache: Cache, one: Entity, name: str) -> Json | None:
    """A relation of an entity, or None if its kind has none of this name."""
    base = href(one.kind, one.id)
    links = {"self": f"{base}/{name}"}
    match one.kind, name:
        case "areas", "subareas":
            found = [list_item(each, tags=False) for each in cache.children("areas", one.id)]
            return collection(found, {**links, "parent": base})
        case "areas", "components":
            return collection([list_item(each, tags=False) for each in cache.components_in(one.id)])
        case "areas", "contains":
            found = [list_item(each, tags=False) for each in _contained(cache, one.id)]
            return collection(found, {**links, "area": base})
        case "components", "subcomponents":
            found = [list_item(each, tags=False) for each in cache.children("components", one.id)]
            return collection(found, {**links, "parent": base})
        case "components", "hosts":
            found = [list_item(each, tags=False, component=False) for each in cache.apps_on(one.id)]
            return collection(found, {**links, "component": base})
        case "functions", "hosts":
            apps = [cache.entities["apps"][host] for host in one.hosts if host in cache.entities["apps"]]
            found = [list_item(each, tags=False, component=False) for each in apps]
            return collection(found, {**links, "function": base})
        case (("components" | "apps"), "depends-on"):
            return collection(
                [_reference(cache, one.kind, other) for other in one.depends_on],
                {**links, SINGULAR[one.kind]: base},
            )
        case "apps", "is-located-on":
            component = cache.find("components", one.component_id)
            return collection([bare_item(component)] if component else [], {**links, "app": base})
        case "apps", "belongs-to":
            component = cache.find("components", one.component_id)
            area = cache.find("areas", component.area) if component else None
            return collection([bare_item(area)] if area else [], {**links, "app": base})
        case _:
            return None


def _contained(cache: Cache, area: str) -> list[Entity]:
    nested = [each for child in cache.children("areas", area) for each in _contained(cache, child.id)]
    return [*cache.components_in(area), *nested]


def _reference(cache: Cache, kind: str, other: str) -> Json:
    found = cache.find(kind, other)
    if found is not None:
        return list_item(found, tags=False, component=False)
    missing = {"href": href(kind, other), "id": other, "name": other, "type": SINGULAR[kind]}
    return {**missing, "x-medkit": {"missing": True}}


class ApiError(Exception):
    """An answer in its error form."""

    def __init__(self, status: int, code: str, message: str, parameters: Json | None = None) -> None:
        super().__init__(message)
        self.status = status
        vendor = {"vendor_code": code} if code.startswith("x-medkit-") else {}
        self.body: Json = {"error_code": "vendor-error" if vendor else code, "message": message, **vendor}
        if parameters:
            self.body["parameters"] = parameters


def not_found(entity_id: str) -> ApiError:
    return ApiError(404, "entity-not-found", "Entity not found", {"entity_id": entity_id})


def not_responding(entity_id: str, peer: str) -> ApiError:
    """What a retained entity of a silent peer answers."""
    details = "The gateway contributing this entity is not answering; it is retained from its last known declaration"
    parameters = {"details": details, "entity_id": entity_id, "peer": peer}
    return ApiError(504, "not-responding", f"Member '{entity_id}' is not available", parameters)


def wrong_kind(entity_id: str, expected: str, actual: str) -> ApiError:
    names = {"expected_type": SINGULAR[expected].capitalize(), "actual_type": SINGULAR[actual].capitalize()}
    message = f"Invalid entity type for route: expected {names['expected_type']}, got {names['actual_type']}"
    return ApiError(400, "invalid-parameter", message, {"entity_id": entity_id, **names})
