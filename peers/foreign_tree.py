"""What an upstream gateway told -> its entities, without its copies of ours. Pure.

Nothing in an answer is believed beyond its type: a field of a wrong type is as if it were not there. Source:
docs/api.md, "Reading upstream gateways".
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from entities.model import App, Area, Component, EntityKind, Function, GatewayTree, Identity, is_valid_id
from entities.origin_tags import Original, sort_tags
from peers.foreign_walk import Json, ToldEntity, Walked

ANSWERED_BY: Final = "answered_by"
"""In `x-medkit` of what a Grove gateway answers to an upstream one: who it is, for it may come back forwarded."""

_NOTHING: Final[Json] = {}


@dataclass(frozen=True, slots=True)
class ForeignTree:
    """The gateway's own entities. `copies_of`: the originals of the others, which were recognised and left out."""

    tree: GatewayTree
    copies_of: frozenset[Original]


def build_tree(walked: Walked, is_recognised: Callable[[Original], bool]) -> ForeignTree:
    """The tree of what was walked. `is_recognised`: whether this entity comes to us another way."""
    own: list[ToldEntity] = []
    copies_of: set[Original] = set()
    for told in walked.told:
        originals = {(told.kind, instance, own_id) for instance, own_id in sort_tags(_tags(told)).origins}
        if originals and all(map(is_recognised, originals)) and _is_from_elsewhere(told):
            copies_of |= originals
        else:
            own.append(told)
    copied = {told.id for told in walked.told} - {told.id for told in own}
    tree = GatewayTree(
        areas=tuple(_area(told) for told in own if told.kind is EntityKind.AREA),
        components=tuple(_component(told) for told in own if told.kind is EntityKind.COMPONENT),
        apps=tuple(_app(told) for told in own if told.kind is EntityKind.APP),
        functions=tuple(_function(told, copied) for told in own if told.kind is EntityKind.FUNCTION),
    )
    return ForeignTree(tree, frozenset(copies_of))


def _is_from_elsewhere(told: ToldEntity) -> bool:
    """Whether the gateway has what others tagged from these alone.

    An App is never merged with others. Of what may be merged, the list tells the source of Components and Functions;
    the detail of an Area comes from the gateway itself if it contributes, and else is forwarded.
    """
    if told.kind is EntityKind.APP:
        return True
    source = _text(_medkit(told.item), "source")
    if source is not None and not source.startswith("peer:"):
        return False
    detail = _medkit(told.detail or _NOTHING)
    contributors = _texts(detail, "contributors")
    return ANSWERED_BY in detail or ("local" not in contributors and len(contributors) <= 1)


def _area(told: ToldEntity) -> Area:
    medkit = _medkits(told)
    return Area(
        **_of_any_kind(told, medkit),
        namespace=_text(medkit, "namespace") or _text(_object(medkit, "ros2"), "namespace"),
        parent_area_id=told.parent or _id(medkit, "parent_area_id"),
    )


def _component(told: ToldEntity) -> Component:
    medkit = _medkits(told)
    ros2 = _object(medkit, "ros2")
    return Component(
        **_of_any_kind(told, medkit),
        type=_text(medkit, "type"),
        variant=_text(medkit, "variant"),
        namespace=_text(medkit, "namespace") or _text(ros2, "namespace"),
        fqn=_text(medkit, "fqn") or _text(ros2, "node"),
        area=_id(medkit, "area"),
        parent_component_id=told.parent or _id(medkit, "parentComponentId"),
        depends_on=_ids(_texts(medkit, "dependsOn")),
        external=medkit.get("external") is True,
        available=_is_available(told),
        identity=_identity(medkit.get("identity")),
    )


def _app(told: ToldEntity) -> App:
    medkit = _medkits(told)
    return App(
        **_of_any_kind(told, medkit),
        component_id=_located_on(told, medkit),
        depends_on=_depends_on(told),
        external=medkit.get("external") is True,
        available=_is_available(told),
        is_online=medkit.get("is_online") is True,
        node=_text(_object(medkit, "ros2"), "node"),
        data=told.data,
        operations=told.operations,
    )


def _function(told: ToldEntity, copied: Iterable[str]) -> Function:
    """Hosts that are copies of ours are ours to name."""
    medkit = _medkits(told)
    return Function(
        **_of_any_kind(told, medkit),
        hosts=tuple(host for host in _ids(_texts(medkit, "hosts")) if host not in copied),
        depends_on=_depends_on(told),
    )


def _of_any_kind(told: ToldEntity, medkit: Json) -> dict[str, Any]:
    """What is told alike of all four kinds."""
    source = _text(medkit, "source")
    return {
        "id": told.id,
        "name": _text(told.item, "name") or "",
        "description": _description(told),
        "tags": sort_tags(_tags(told)).plain,
        "translation_id": _translation_id(told),
        "source": source or "runtime",
        "declared": source == "manifest",
    }


def _medkit(document: Json) -> Json:
    return _object(document, "x-medkit")


def _medkits(told: ToldEntity) -> Json:
    """The detail's `x-medkit`, with the list item's in front: a forwarded detail is another gateway's view."""
    return {**_medkit(told.detail or _NOTHING), **_medkit(told.item)}


def _tags(told: ToldEntity) -> tuple[str, ...]:
    return (*_texts(told.item, "tags"), *_texts(told.detail or _NOTHING, "tags"))


def _is_available(told: ToldEntity) -> bool:
    return not told.silent and _medkit(told.item).get("available") is not False


def _description(told: ToldEntity) -> str | None:
    detail = told.detail or _NOTHING
    return _text(told.item, "description") or _text(detail, "description") or _text(_medkits(told), "description")


def _translation_id(told: ToldEntity) -> str | None:
    documents = (told.item, told.detail or _NOTHING)
    found = (_text(document, name) for document in documents for name in ("translationId", "translation_id"))
    return next((text for text in found if text), None)


def _located_on(told: ToldEntity, medkit: Json) -> str | None:
    """The Component, from the first place that names one: the link as text or object, else `component_id`."""
    for document in (told.item, told.detail or _NOTHING):
        linked = _object(document, "_links").get("is-located-on")
        for link in (document.get("is-located-on"), linked.get("href") if isinstance(linked, dict) else linked):
            component = _last_id(link, EntityKind.COMPONENT)
            if component is not None:
                return component
    return _id(medkit, "component_id")


def _depends_on(told: ToldEntity) -> tuple[str, ...]:
    """Of the detail's links; a forwarded detail, known by its other id, links to Apps by names that are not its."""
    detail = told.detail or _NOTHING
    if detail.get("id") != told.id:
        return ()
    links = _texts(_object(detail, "_links"), "depends-on")
    return tuple(own_id for link in links if (own_id := _last_id(link, told.kind)) is not None)


def _last_id(link: Any, kind: EntityKind) -> str | None:
    if not isinstance(link, str):
        return None
    _, found, own_id = link.rpartition(f"/{kind.value}/")
    return own_id if found and is_valid_id(own_id) else None


def _identity(told: Any) -> Identity | None:
    if not isinstance(told, dict):
        return None
    fields = {name: value for name, value in told.items() if isinstance(value, str)}
    extra = {name: value for name, value in _object(told, "extra").items() if isinstance(value, str)}
    return msgspec.convert({**fields, "extra": extra}, Identity)


def _object(told: Json, name: str) -> Mapping[str, Any]:
    value = told.get(name)
    return value if isinstance(value, dict) else _NOTHING


def _text(told: Json, name: str) -> str | None:
    value = told.get(name)
    return value if isinstance(value, str) and value else None


def _texts(told: Json, name: str) -> tuple[str, ...]:
    value = told.get(name)
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _id(told: Json, name: str) -> str | None:
    value = told.get(name)
    return value if isinstance(value, str) and is_valid_id(value) else None


def _ids(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for one in found if is_valid_id(one)))
