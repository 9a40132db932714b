"""The path under which an owner knows what a client addressed here. Pure."""

from urllib.parse import quote

from entities.merge import MergedEntity
from gateway.http.call import Call
from gateway.http.exchange import entity_path
from gateway.http.path import API_PREFIX, SLASHED_COLLECTIONS


def owner_path(call: Call, entity: MergedEntity, instance: str) -> str:
    """The client's path with ids in the words of `instance`; the rest goes on byte for byte."""
    route = entity_path(call)
    own_id = call.view.own_id(entity.kind, entity.id)
    parts = [API_PREFIX, route.kind.value, own_id]
    rest = _rest_in_owners_words(call, instance)
    if rest:
        parts.append(rest)
    return "/".join(parts)


def _rest_in_owners_words(call: Call, instance: str) -> str:
    """What stands below the entity; the member half of a qualified item id is translated where it must be."""
    route = entity_path(call)
    if route.collection not in SLASHED_COLLECTIONS or len(route.rest) < 2 or not call.view.renamed.get(instance):
        return route.raw_rest
    head, colon, rest = route.rest[1].partition(":")
    if not colon:
        return route.raw_rest
    origin = call.view.names.origins.get(head)
    if origin is None or origin[0] != instance or origin[1] == head:
        return route.raw_rest
    collection, _, *below = route.raw_rest.split("/", 2)
    return "/".join((collection, quote(f"{origin[1]}:{rest}", safe=""), *below))
