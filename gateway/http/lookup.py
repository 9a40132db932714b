"""From an id in a path to the entity it names here, or the error that says why not. The order is the API's.

Source: docs/api.md, "Entities". Pure; raises ApiError.
"""

from entities.merge import MergedEntity
from entities.model import App, Area, Component, EntityKind, Function, is_valid_id
from entities.names import SEPARATOR
from entities.records import LinkState
from gateway.http import errors
from gateway.http.gaps import gap_of, gap_of_peer
from peers.view import FederatedView


def find_entity(view: FederatedView, kind: EntityKind, entity_id: str, *, own: bool = False) -> MergedEntity:
    """The entity of this kind and id, known though perhaps silent; `own`: among what is ours, under our ids.

    Raises ApiError: 400 bad id, 400 another kind, 502 an App of a peer that is silent, 404 nobody has it.
    """
    if not is_valid_id(entity_id):
        raise errors.invalid_entity_id(entity_id)
    shown = view.own if own else view.merged
    found = shown.find(kind, entity_id)
    if found is not None:
        return found
    for other in EntityKind:
        if shown.find(other, entity_id) is not None:
            raise errors.wrong_kind(entity_id, kind, other)
    if kind is EntityKind.APP and not own:
        _refuse_silent_prefix(view, entity_id)
    raise errors.entity_not_found(entity_id)


def find_related(view: FederatedView, kind: EntityKind, entity_id: str, *, own: bool = False) -> MergedEntity:
    """The entity whose relations are asked for. Relations of all kinds but Apps have errors of their own.

    Raises ApiError as `find_entity`, but without looking among other kinds.
    """
    if kind is EntityKind.APP:
        return find_entity(view, kind, entity_id, own=own)
    if not is_valid_id(entity_id):
        raise errors.invalid_relation_id(kind, entity_id)
    found = (view.own if own else view.merged).find(kind, entity_id)
    if found is None:
        raise errors.relation_not_found(kind, entity_id)
    return found


def gone(view: FederatedView, entity: MergedEntity, *, is_read: bool = True) -> errors.ApiError:
    """What an entity answers whose contributors all are silent: 504 while it stays listed, else 502."""
    instance = entity.contributions[0].instance
    if entity.listed:
        return errors.member_unavailable(entity.id, view.first_peer(instance) or entity.id)
    return errors.peer_unavailable(gap_of(view, instance), may_have_executed=None if is_read else False)


def _refuse_silent_prefix(view: FederatedView, app_id: str) -> None:
    """`<peer>__<rest>` of a peer that is not up is 502, not 404: nobody can know whether it has such an App."""
    peer, separator, rest = app_id.partition(SEPARATOR)
    if not (separator and rest):
        return
    for hop in view.topology.first_hops:
        if hop.link.peer == peer and hop.link.state is not LinkState.UP:
            raise errors.peer_unavailable(gap_of_peer(view, peer))


def unknown_here(kind: EntityKind, entity_id: str) -> MergedEntity:
    """An entity that only others contribute to, while members of it may be ours."""
    empty = {EntityKind.AREA: Area, EntityKind.COMPONENT: Component, EntityKind.APP: App, EntityKind.FUNCTION: Function}
    return MergedEntity(kind, empty[kind](id=entity_id, name=entity_id), (), available=True, listed=False)
