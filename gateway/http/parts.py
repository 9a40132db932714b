"""One gateway's part of a resource collection: single items with whose they are, as gateways tell each other.

On the wire a part's item carries `x-medkit.origin` (instance) and `x-medkit.member` (`apps/cam`, the owner's own
ids). Source: docs/api.md, "Between gateways".
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from entities.model import EntityKind, is_valid_id
from gateway.http.log_items import own_log_items
from gateway.local.answers import EntityRef, ResourceError
from gateway.local.fault_record import parse_status_filter
from gateway.local.log_store import SEVERITIES, LogConfiguration
from gateway.local.own import OwnEntities
from peers.division import Item
from peers.view import FederatedView, Gap, TreeView

_KINDS = {kind.value: kind for kind in EntityKind}
MANY_ITEMS = 100
"""Items of one member, after more of which others have their turn."""

_LONGEST_MEMBER = len("components/") + 256

MEMBERLESS = frozenset({"version-info", "faults"})
"""Collections whose items may belong to a gateway and none of its entities: foreign ones tell no members of faults."""

_NEEDED: Mapping[str, Mapping[str, type]] = {
    "data": {"id": str, "name": str, "category": str},
    "operations": {"id": str, "name": str, "proximity_proof_required": bool, "asynchronous_execution": bool},
    "configurations": {"id": str, "name": str, "type": str},
    "faults": {"fault_code": str, "severity": int, "status": str, "reporting_sources": list},
    "version-info": {"version": str, "base_uri": str},
    "logs": {"id": str, "timestamp": str, "severity": str, "message": str},
}


class Part(msgspec.Struct, frozen=True, gc=False):
    """One item of one member: the gateway it comes from, the member by the gateway's own id, the item's body.

    `member` is None for what belongs to the gateway itself (`/version-info`).
    """

    origin: str
    member: EntityRef | None
    body: Item

    @property
    def key(self) -> tuple[str, EntityRef | None, str]:
        """What makes it one item: origin, entity, item."""
        return self.origin, self.member, str(self.body.get("id", self.body.get("fault_code")))


async def own_parts(
    own: OwnEntities,
    view: FederatedView,
    members: Sequence[EntityRef],
    *,
    collection: str,
    query: Mapping[str, str],
    limits: LogConfiguration | None = None,
) -> list[Part] | ResourceError:
    """What our own members have in a collection; collections that no source fills are empty.

    `limits`: what of their logs together is shown.
    """
    statuses = parse_status_filter(query.get("status")) if collection == "faults" else frozenset[str]()
    if isinstance(statuses, ResourceError):
        return statuses
    parts: list[Part] = []
    if collection == "logs":
        logs = await own_log_items(own, members, query, limits)
        if isinstance(logs, ResourceError):
            return logs
        for ref, entries in logs:
            await _add(parts, view.self_id, ref, entries)
        return parts
    if collection == "data":
        await own.prepare_data(members)
    for ref in members:
        match collection:
            case "data":
                items: Sequence[Mapping[str, Any]] | ResourceError = await own.data_items(ref)
            case "operations":
                items = own.operations.items(ref)
            case "configurations":
                items = _configurations(own, view.own, ref)
            case "faults":
                items = own.faults.items(ref, statuses)
            case _:
                items = ()
        if isinstance(items, ResourceError):
            return items
        await _add(parts, view.self_id, ref, items)
    return parts


async def _add(parts: list[Part], origin: str, ref: EntityRef, items: Iterable[Mapping[str, Any]]) -> None:
    """The items of one member, after which the loop may do something else if they are many."""
    before = len(parts)
    parts.extend(Part(origin, ref, dict(item)) for item in items)
    if len(parts) - before > MANY_ITEMS:
        await asyncio.sleep(0)


def _configurations(own: OwnEntities, view: TreeView, ref: EntityRef) -> list[dict[str, Any]]:
    """Items with their parameter and node beside them, for `combine` to list."""
    listed = own.configurations.items(ref)
    merged = view.find(ref.kind, ref.id)
    node = None if merged is None else getattr(merged.entity, "node", None)
    extra = {} if node is None else {"node": node}
    return [
        {**item, "x-medkit": {"parameter": dict(parameter), **extra}}
        for item, parameter in zip(listed.items, listed.parameters, strict=True)
    ]


def render_part(parts: Iterable[Part], answered: Sequence[str], missing: Iterable[Gap]) -> dict[str, Any]:
    """The body of an answer to X-Medkit-Origins."""
    missing = list(missing)
    behind = [{**_missing(gap), "peer": gap.behind} for gap in missing if gap.behind is not None]
    return {
        "items": [_marked(part) for part in parts],
        "x-medkit": {
            "origins": {
                "answered": list(answered),
                "missing": [_missing(gap) for gap in missing if gap.instance is not None and gap.behind is None],
                **({"behind": behind} if behind else {}),
            }
        },
    }


def _marked(part: Part) -> Item:
    medkit = part.body.get("x-medkit")
    member = {} if part.member is None else {"member": f"{part.member.kind.value}/{part.member.id}"}
    return {
        **part.body,
        "x-medkit": {**(medkit if isinstance(medkit, dict) else {}), "origin": part.origin, **member},
    }


def _missing(gap: Gap) -> dict[str, Any]:
    told: dict[str, Any] = {"id": gap.instance, "reason": gap.reason}
    if gap.status is not None:
        told["status"] = gap.status
    if gap.elapsed_ms:
        told["elapsed_ms"] = gap.elapsed_ms
    return {**told, "tried": list(gap.tried)}


def read_parts(items: Iterable[tuple[str, Item]], collection: str) -> tuple[list[Part], frozenset[str]]:
    """Parts from a fan-out's items, and the gateways that sent some that are none (left out)."""
    parts: list[Part] = []
    liars: set[str] = set()
    needed = _NEEDED.get(collection, {"id": str})
    for origin, item in items:
        member = _member_of(item)
        whole = member is not None or (collection in MEMBERLESS and _marks(item).get("member") is None)
        if whole and _well_formed(item, needed) and (collection != "logs" or item["severity"] in SEVERITIES):
            parts.append(Part(origin, member, item))
        else:
            liars.add(origin)
    return parts, frozenset(liars)


def _marks(item: Item) -> Mapping[str, Any]:
    medkit = item.get("x-medkit")
    return medkit if isinstance(medkit, dict) else {}


def _member_of(item: Item) -> EntityRef | None:
    told = _marks(item).get("member")
    return _member_named(told) if isinstance(told, str) and len(told) <= _LONGEST_MEMBER else None


@lru_cache(maxsize=1024)  # items come in runs of one member's
def _member_named(told: str) -> EntityRef | None:
    kind, _, member_id = told.partition("/")
    return EntityRef(_KINDS[kind], member_id) if kind in _KINDS and is_valid_id(member_id) else None


def _well_formed(item: Item, needed: Mapping[str, type]) -> bool:
    """Whether an item has the fields that typed clients cannot do without (docs/api.md, "Resources")."""
    return all(_is(item.get(name), wanted) for name, wanted in needed.items())


def _is(value: Any, wanted: type) -> bool:
    """Exactly of this type, so that `true` is no number; lists are lists of text."""
    if isinstance(value, list):
        return wanted is list and all(isinstance(one, str) for one in value)
    return type(value) is wanted
