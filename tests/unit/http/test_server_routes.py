"""The gateway's own routes, read by monitoring systems, upstream gateways, generated clients and the web UI."""

from entities.model import App, Area, Component
from gateway.http.path import parse_target
from peers.view import PeerStatus, Warned
from tests.unit.http.serving import World, serving
from tests.unit.http.views import Peer, instance, record, view_of


async def test_health_of_a_gateway_without_aggregation_has_everything_but_peers() -> None:
    async with serving(World(view_of(record("here", Area("lab"), App("cam")), generation=7))) as client:
        answer = await client.get("/api/v1/health")
    assert answer.status == 200
    assert answer.json == {
        "status": "healthy",
        "timestamp": 1_700_000_000_000_000_001,
        "warning_schema_version": 2,
        "warnings": [],
        "discovery": {"mode": "manifest_only", "strategy": "manifest"},
        "x-medkit-entity-cache": {
            "capacity": 2,
            "areas": 1,
            "components": 0,
            "apps": 1,
            "functions": 0,
            "generation": 7,
            "grew": False,
        },
        "x-medkit": {
            "instance_id": instance("here"),
            "boot_id": instance("boot"),
            "name": "here",
            "namespace": "/",
            "version": "1.2.3",
            "generation": 7,
            "capabilities": ["tree"],
        },
    }


async def test_health_lists_peers_as_soon_as_aggregation_is_on() -> None:
    world = World(aggregation=True)
    async with serving(world) as client:
        assert (await client.get("/api/v1/health")).json["peers"] == []
        world.peers = [
            PeerStatus("b", "http://127.0.0.1:8081", online=True, state="up", since=5.5, found_by="static", rtt_ms=1.2),
            PeerStatus(
                "c", "http://c", online=False, state="down", since=6.0, found_by="mdns", reason="connection_refused"
            ),
        ]
        peers = (await client.get("/api/v1/health")).json["peers"]
    assert peers == [
        {
            "name": "b",
            "url": "http://127.0.0.1:8081",
            "status": "online",
            "x-medkit": {"state": "up", "since": 5.5, "rtt_ms": 1.2, "found_by": "static"},
        },
        {
            "name": "c",
            "url": "http://c",
            "status": "offline",
            "x-medkit": {"state": "down", "since": 6.0, "reason": "connection_refused", "found_by": "mdns"},
        },
    ]


async def test_a_warning_always_has_its_five_keys() -> None:
    warned = Warned("leaf_id_collision", "Two have it", entity_ids=("arm",), peer_names=("b", "c"))
    async with serving(World(view_of(record("here"), warnings=(warned,)))) as client:
        warnings = (await client.get("/api/v1/health")).json["warnings"]
    assert warnings == [
        {
            "code": "leaf_id_collision",
            "message": "Two have it",
            "entity_ids": ["arm"],
            "ros_node_fqns": [],
            "peer_names": ["b", "c"],
        }
    ]


async def test_health_counts_what_is_listed() -> None:
    silent = Peer("b", record("bee", Component("arm")), up=False)
    async with serving(World(view_of(record("here", Component("robot")), silent))) as client:
        assert (await client.get("/api/v1/health")).json["x-medkit-entity-cache"]["components"] == 1


async def test_a_gateway_that_is_about_to_stop_says_so() -> None:
    async with serving(World(is_draining=True)) as client:
        answer = await client.get("/api/v1/health")
    assert (answer.status, answer.json["status"]) == (503, "draining")


async def test_the_root_document_has_all_capabilities_and_routes_that_are_routes() -> None:
    async with serving(World(aggregation=True)) as client:
        root = (await client.get("/api/v1/")).json
        assert (await client.get("/api/v1")).json == root
    assert (root["name"], root["version"], root["api_base"]) == ("Grove", "1.2.3", "/api/v1")
    assert len(root["capabilities"]) == 17
    assert all(isinstance(one, bool) for one in root["capabilities"].values())
    assert root["capabilities"]["aggregation"]
    methods, paths = zip(*(endpoint.split(" ") for endpoint in root["endpoints"]), strict=True)
    assert set(methods) <= {"GET", "PUT", "POST", "DELETE"}
    assert "/api/v1/apps/{app_id}/data/{data_id}" in paths
    assert all("status" not in vars(type(parse_target(path))) for path in paths)
    assert len(set(root["endpoints"])) == len(root["endpoints"])


async def test_version_info_is_what_clients_read() -> None:
    async with serving(World()) as client:
        answer = await client.get("/api/v1/version-info")
    assert answer.json["items"] == [
        {
            "version": "1.0.0",
            "base_uri": "/api/v1",
            "vendor_info": {"name": "grove", "version": "1.2.3"},
            "x-medkit": {"name": "here", "namespace": "/"},
        }
    ]


async def test_routes_that_are_none_and_one_that_is_not_built() -> None:
    async with serving(World()) as client:
        docs = await client.get("/api/v1/docs")
        nowhere = [
            await client.get("/api/v1/nowhere"),
            await client.get("/api/v1/health/deeper"),
            await client.request("POST", "/api/v1/health"),
        ]
        elsewhere = await client.get("/elsewhere")
    assert (docs.status, docs.json["error_code"]) == (501, "not-implemented")
    not_found = {"error_code": "resource-not-found", "message": "Resource not found", "parameters": {"status": 404}}
    assert [(answer.status, answer.json) for answer in nowhere] == [(404, not_found)] * 3
    below = {**not_found, "message": "Resource not found; everything is below /api/v1"}
    assert (elsewhere.status, elsewhere.json) == (404, below)
