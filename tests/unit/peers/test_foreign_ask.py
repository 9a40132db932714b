"""A fan-out's question to an upstream gateway: how many requests it is, and what they may bring."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from entities.model import App, Component, EntityKind, GatewayTree
from entities.records import Record
from peers.division import PeerPart
from peers.errors import PeerError, PeerReason
from peers.foreign_ask import ask_foreign, asked_entities
from peers.foreign_parts import MAX_BEHIND
from peers.request import PeerRequest
from peers.settings import THREAD_BYTES, UPSTREAM_TRANSPORT
from tests.unit.peers.foreign_server import ForeignPeer, serving_upstream
from tests.unit.peers.wire_server import within

ORIGIN = "F" * 22
ROBOT = (EntityKind.COMPONENT, "robot")
APPS = tuple(App(f"app{number}", component_id="robot") for number in range(40))
"""On a Component that only others have: each is asked by itself."""

Ask = Callable[..., Any]


@asynccontextmanager
async def asking(*oddities: Mapping[str, Any], **oddity: Any) -> AsyncIterator[tuple[ForeignPeer, Ask]]:
    """An upstream gateway that answers so, and how to ask it for what belongs to the robot."""
    async with serving_upstream({}, *oddities, *([oddity] if oddity else [])) as peer:

        async def ask(collection: str = "data", *, cap: int = 1024 * 1024, whole: bool = False) -> PeerPart | PeerError:
            return await ask_foreign(
                peer.client,
                Record(ORIGIN, (1, 1), "b", foreign=True, apps=APPS),
                PeerRequest("GET", f"/api/v1/components/robot/{collection}"),
                collection=collection,
                about=None if whole else ROBOT,
                scope=(),
                deadline=within(),
                cap=cap,
            )

        yield peer, ask


async def test_all_its_answers_are_one_part_asked_for_a_few_at_a_time() -> None:
    async with asking(path="*", status=200, body={"items": [{"id": "x"}]}, delay=0.005) as (peer, ask):
        part = await ask()
        assert isinstance(part, PeerPart)
        assert [item["x-medkit"]["member"] for _, item in part.items] == [f"apps/{app.id}" for app in APPS]
        assert len(peer.asked()) == len(APPS)
        assert peer.server.peak <= UPSTREAM_TRANSPORT.max_requests


async def test_the_first_failure_is_the_last_question() -> None:
    async with asking(path="*", status=500, body={}) as (peer, ask):
        error = await ask()
        assert isinstance(error, PeerError)
        assert error.status == 500
        assert len(peer.asked()) <= UPSTREAM_TRANSPORT.max_requests


async def test_its_answers_have_one_limit_together() -> None:
    body = {"items": [{"id": "x" * 1000}]}
    async with asking(path="*", status=200, body=body) as (peer, ask):
        error = await ask(cap=4096)
        assert isinstance(error, PeerError)
        assert error.reason is PeerReason.HTTP_RESPONSE_BODY_SIZE
        assert len(peer.asked()) < len(APPS)
        assert isinstance(await ask(cap=64 * 1024), PeerPart)


async def test_so_many_gateways_behind_it_are_named_by_all_its_answers_together() -> None:
    def lacking(app: App) -> dict[str, Any]:
        medkit = {"failed_peers": [f"{app.id}-{number}" for number in range(MAX_BEHIND)]}
        body = {"items": [], "x-medkit": medkit}
        return {"path": f"/api/v1/apps/{app.id}/data", "status": 200, "body": body}

    async with asking(*map(lacking, APPS)) as (_, ask):
        part = await ask()
        assert isinstance(part, PeerPart)
        assert len({gap.behind for gap in part.behind}) == MAX_BEHIND


async def test_a_large_answer_is_read_like_a_small_one() -> None:
    body = {"items": [{"id": "x" * (THREAD_BYTES + 1)}]}
    async with asking(path="*", status=200, body=body) as (_, ask):
        part = await ask(cap=64 * 1024 * 1024)
        assert isinstance(part, PeerPart)
        assert len(part.items) == len(APPS)


@pytest.mark.parametrize("collection", ["version-info", "faults"])
async def test_a_gateway_without_what_every_gateway_has_did_not_answer(collection: str) -> None:
    async with asking(path="*", status=404, body={}) as (_, ask):
        error = await ask(collection, whole=True)
        assert isinstance(error, PeerError)
        assert (error.reason, error.status) == (PeerReason.HTTP_REQUEST_ERROR, 404)


async def test_an_entity_that_went_has_nothing() -> None:
    async with asking(path="*", status=404, body={}) as (_, ask):
        assert await ask() == PeerPart((), frozenset({ORIGIN}), ())


def test_apps_are_not_gone_through_for_every_component_in_scope() -> None:
    class Counted(tuple[App, ...]):
        __slots__ = ()
        times = 0

        def __iter__(self) -> Any:
            Counted.times += 1
            return super().__iter__()

    names = [f"c{number}" for number in range(500)]
    apps = Counted(App(f"a{number}", component_id=f"c{number}") for number in range(500))
    tree = GatewayTree(components=tuple(map(Component, names)), apps=apps)
    found = asked_entities(tree, (EntityKind.FUNCTION, "ours"), names)
    assert found == [(EntityKind.COMPONENT, name) for name in names]
    assert Counted.times <= 3
