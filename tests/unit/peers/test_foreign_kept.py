"""Of what an upstream gateway answers, only what is read of it is kept, and only so much of it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from entities.codec import MAX_NAME, parse_document, render_document, unpublishable
from entities.identity import GatewayIdentity
from entities.model import EntityKind
from peers.errors import PeerError, PeerReason
from peers.foreign import ForeignReader
from peers.foreign_kept import MAX_DESCRIPTION, MAX_EXTRA, MAX_TEXT, MAX_TEXTS, kept
from peers.foreign_walk import Walked, walk
from peers.mutual import MutualPeers
from peers.native import HeldTree
from peers.peer import Peer
from peers.settings import THREAD_BYTES, ForeignSettings
from tests.federation.upstreams import recorded_tree
from tests.unit.peers.foreign_server import ForeignPeer, serving_upstream
from tests.unit.peers.peering import SELF, endpoint, peering


def replaced(path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {"path": f"/api/v1{path}", "status": 200, "body": body}


async def read(served: ForeignPeer, identity: GatewayIdentity = SELF) -> HeldTree | PeerError:
    async with peering(endpoint("b")) as found:
        peer = Peer(served.client.endpoint, served.client, found.peer("b").health)
        mutual = MutualPeers([peer], ForeignSettings(), new_token=lambda: "t", clock=lambda: 0.0)
        result = await ForeignReader(identity, ForeignSettings(), mutual, serves=lambda _original: False).read(peer)
    assert isinstance(result, HeldTree | PeerError)
    return result


def test_nothing_is_kept_that_is_not_read() -> None:
    blob = "x" * 1000
    answer = {
        "id": "cam",
        "vendor": blob,
        "_links": {"self": blob, "is-located-on": {"href": "/components/c", "title": blob}},
        "x-medkit": {"source": "manifest", "more": blob, "ros2": {"node": "/cam", "more": blob}},
    }
    wanted = {
        "id": "cam",
        "_links": {"is-located-on": {"href": "/components/c"}},
        "x-medkit": {"source": "manifest", "ros2": {"node": "/cam"}},
    }
    assert kept(answer) == wanted
    assert kept({"items": [answer, 7, None], "x-medkit": {"total_count": 3}}) == {
        "items": [wanted, None, None],
        "x-medkit": {},
    }


def test_texts_have_a_length_and_lists_an_end() -> None:
    long = "x" * 100_000
    extra = {f"k{number}": "v" for number in range(1000)} | {long: "v"}
    medkit = {"type": long, "hosts": ["h"] * 20_000, "identity": {"model": long, "role": "r", "extra": extra}}
    found = kept({"id": long, "name": long, "description": long, "tags": ["t", long, 1], "x-medkit": medkit})
    assert (len(found["name"]), len(found["description"]), found["tags"]) == (MAX_NAME, MAX_DESCRIPTION, ["t"])
    assert "id" not in found
    assert "type" not in found["x-medkit"]
    assert len(found["x-medkit"]["hosts"]) == MAX_TEXTS
    assert found["x-medkit"]["identity"].keys() == {"role", "extra"}
    assert len(found["x-medkit"]["identity"]["extra"]) == MAX_EXTRA


@pytest.mark.parametrize("wrong", [None, 1, [], {}, True, "x", [1], {"extra": 1}])
def test_a_value_of_a_wrong_type_is_not_kept(wrong: Any) -> None:
    for name in ("id", "name", "tags", "x-medkit", "_links"):
        assert kept({name: wrong}).get(name) in (None, {}, [], "x", wrong)
    for name in ("identity", "ros2", "hosts", "external", "source"):
        json.dumps(kept({"x-medkit": {name: wrong}}))


async def test_a_large_answer_is_read_and_cut() -> None:
    detail = {"id": "cam", "description": "d", "vendor": "x" * 2 * THREAD_BYTES}
    async with serving_upstream(recorded_tree("leaf"), replaced("/apps/cam", detail)) as served:
        walked = await walk(served.client, ForeignSettings(), reader=SELF.instance_id)
    assert isinstance(walked, Walked)
    (cam,) = [told for told in walked.told if told.kind is EntityKind.APP and told.id == "cam"]
    assert cam.detail == {"id": "cam", "description": "d"}


async def test_all_answers_of_one_reading_have_an_end_together() -> None:
    detail = {"id": "x", "vendor": "x" * 100_000}
    spec = {"apps": [{"id": f"x{number}"} for number in range(20)]}
    oddities = [replaced(f"/apps/x{number}", detail) for number in range(20)]
    async with serving_upstream(spec, *oddities) as served:
        enough = await walk(served.client, ForeignSettings(walk_bytes=3_000_000), reader=SELF.instance_id)
        error = await walk(served.client, ForeignSettings(walk_bytes=1_000_000), reader=SELF.instance_id)
    assert isinstance(enough, Walked)
    assert isinstance(error, PeerError)
    assert error.reason is PeerReason.PEER_LIMIT_EXCEEDED
    assert "at most 1000000" in error.detail


async def test_what_is_read_of_it_is_what_other_gateways_take() -> None:
    long = "x" * 100_000
    apps = [{"id": "cam", "name": long, "description": long, "tags": [long]}, {"id": "y" * 300, "name": "y"}]
    async with serving_upstream({"apps": [{"id": "cam"}]}, replaced("/apps", {"items": apps})) as served:
        held = await read(served)
    assert isinstance(held, HeldTree)
    assert unpublishable(held.document.records[0]) is None
    taken = parse_document(render_document(held.document), max_bytes=100_000, max_entities=10)
    assert (getattr(taken, "document", None), held.dropped) == (held.document, 1)
    (app,) = held.document.records[0].apps
    assert (len(app.name), len(app.description or ""), app.tags) == (MAX_NAME, MAX_DESCRIPTION, ())


async def test_more_than_others_take_is_not_published() -> None:
    tags = [f"{number:>{MAX_TEXT}}" for number in range(MAX_TEXTS)]
    lists = replaced("/functions", {"items": [{"id": own_id, "name": "f", "tags": tags[:5000]} for own_id in "ab"]})
    detail = {"id": "a", "tags": tags[5000:]}
    spec = {"functions": [{"id": own_id, "hosts": []} for own_id in "ab"]}
    oddities = [replaced(f"/functions/{own_id}", detail) for own_id in "ab"]
    async with serving_upstream(spec, lists, *oddities) as served:
        error = await read(served)
    assert isinstance(error, PeerError)
    assert error.reason is PeerReason.PEER_LIMIT_EXCEEDED
    assert "bytes" in error.detail
