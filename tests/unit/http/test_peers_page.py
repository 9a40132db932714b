"""`/x-medkit-peers`: peers, candidates and refused endpoints in one list, the sources beside it."""

from discovery.endpoint import FoundBy, PeerEndpoint, RefusedEndpoint
from discovery.manager import SourceStatus
from gateway.http.peers_page import peers_document
from gateway.http.services import Discovered
from peers.candidates import Candidate, Verdict
from peers.view import PeerStatus
from tests.unit.http.serving import World, serving

PEER = PeerStatus(
    "arm", "http://a:1", online=True, state="up", since=1.0, found_by="file", source="file:/x", version="1"
)
TRIED = Candidate(
    PeerEndpoint("leg", "http://b:1", FoundBy.DNS, source="dns:x"), 2.0, Verdict("not_grove", "it is a cat")
)
REFUSED = RefusedEndpoint("far", "http://c:1", FoundBy.MDNS, "mdns", "foreign_subnet", "it is far")


def test_everybody_is_listed_with_what_became_of_them() -> None:
    sources = [SourceStatus("file:/x", 1, "gone", 3.0), SourceStatus("mdns", left_out="two")]
    document = peers_document([PEER], Discovered([TRIED], [REFUSED], sources))
    arm, leg, far = document["items"]
    assert arm == {
        "name": "arm",
        "url": "http://a:1",
        "status": "online",
        "x-medkit": {
            "state": "up",
            "since": 1.0,
            "found_by": "file",
            "admitted": True,
            "source": "file:/x",
            "version": "1",
        },
    }
    assert leg["x-medkit"] == {
        "state": "candidate",
        "since": 2.0,
        "admitted": True,
        "source": "dns:x",
        "found_by": "dns",
        "reason": "not_grove",
        "why": "it is a cat",
    }
    assert (far["status"], far["x-medkit"]["admitted"], far["x-medkit"]["reason"]) == (
        "offline",
        False,
        "foreign_subnet",
    )
    assert document["x-medkit"]["sources"] == [
        {"name": "file:/x", "found": 1, "read_at": 3.0, "trouble": "gone"},
        {"name": "mdns", "found": 0, "left_out": "two"},
    ]


async def test_a_gateway_without_discovery_lists_its_peers() -> None:
    async with serving(World(peers=[PEER])) as client:
        page = await client.get("/api/v1/x-medkit-peers")
        assert (page.status, [item["name"] for item in page.json["items"]]) == (200, ["arm"])
        assert page.json["x-medkit"] == {"sources": []}
        assert (await client.request("DELETE", "/api/v1/x-medkit-peers")).status == 404
