"""What an upstream gateway says on its fault stream becomes news, with the entity that reports."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from entities.model import App, Component, GatewayTree
from entities.records import Record, TreeDocument
from peers.eventtext import ServerEvent
from peers.fault_exchange import FaultExchange
from peers.fault_news import FaultNews
from peers.foreign_line import STREAM_PATH, ForeignLine, reporter_of
from peers.native import HeldTree
from tests.unit.peers.peering import endpoint, peering

OURS, FOREIGN = "O" * 22, "F" * 22
TREE = GatewayTree(
    components=(Component(id="arm", name="arm"),),
    apps=(App(id="cam", name="cam", node="/x/cam"), App(id="bare", name="bare")),
)
EVENT = {
    "event_type": "fault_confirmed",
    "timestamp": 1.5,
    "fault": {"fault_code": "X", "severity": 2, "status": "CONFIRMED", "reporting_sources": ["/x/cam"]},
}


@pytest.mark.parametrize(
    ("medkit", "sources", "reporter"),
    [
        ({"entity_type": "apps", "entity_id": "bare"}, ["/x/cam"], "apps/bare"),
        ({"entity_type": "components", "entity_id": "arm"}, [], "components/arm"),
        ({"entity_type": "apps", "entity_id": "nobody"}, ["/x/cam"], "apps/cam"),
        ({"entity_type": 5}, ["/x/cam", "cam"], "apps/cam"),
        (None, ["bare"], "apps/bare"),
        (None, ["/x/cam", "bare"], None),
        (None, [], None),
    ],
)
def test_the_reporter_is_who_the_event_or_all_its_sources_name(
    medkit: Any, sources: list[str], reporter: str | None
) -> None:
    event = {"fault": {"reporting_sources": sources}, **({} if medkit is None else {"x-medkit": medkit})}
    assert reporter_of(event, TREE) == reporter


@asynccontextmanager
async def line() -> AsyncIterator[tuple[ForeignLine, FaultExchange]]:
    async with peering(endpoint("c")) as found:
        peer = found.peer("c")
        record = Record(id=FOREIGN, version=(1, 1), name="c", apps=TREE.apps, components=TREE.components)
        peer.instance = FOREIGN
        peer.held = HeldTree(TreeDocument(1, FOREIGN, "B" * 22, 1, (record,)), None)
        faults = FaultExchange(OURS, 100, label_of=str, silent=lambda: ())
        yield ForeignLine(peer, faults), faults


def said(event: Any, last_id: str = "") -> ServerEvent:
    return ServerEvent("fault_confirmed", event if isinstance(event, str) else json.dumps(event), last_id)


async def test_its_events_become_news_of_its_own_numbered_by_us() -> None:
    async with line() as (heard, faults):
        for number in (7, 8):
            heard.hear(said({**EVENT, "more": 1}, str(number)))
    entries = [entry for _, entry in faults.ring.after(faults.first - 1, 10)[0]]
    assert entries == [FaultNews(FOREIGN, 100, seq, EVENT, "apps/cam") for seq in (1, 2)]


async def test_it_goes_on_after_the_last_event_that_had_a_number() -> None:
    async with line() as (heard, _):
        assert (heard.path, heard.headers()) == (STREAM_PATH, ())
        for last_id in ("7", "\u0663", "x", "9" * 101):
            heard.hear(said(EVENT, last_id))
        assert heard.headers() == (("Last-Event-ID", "7"),)


@pytest.mark.parametrize("event", ["", "[]", "{}", {**EVENT, "event_type": "other"}, {**EVENT, "fault": None}])
async def test_what_is_no_change_of_a_fault_is_passed_by(event: Any) -> None:
    async with line() as (heard, faults):
        heard.hear(said(event))
    assert faults.ring.newest == faults.first - 1
