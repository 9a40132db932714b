"""Trees that are too large, wrong inside, or not to be had: faults 16, 22 to 24, 33 and 35."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from tests.faults.bad_peer import BadPeer
from tests.faults.hub import SETTINGS, Hub, hub_of
from tests.federation.eventually import eventually
from tests.federation.garbage import ANYTHING, TREE, as_json, http
from tests.federation.gateways import Cluster
from tests.federation.plant import assert_gaps
from tests.federation.standin_tree import StandinTree

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAX_ENTITIES = 1000
UNREADABLE = {"peer_tree_unreadable", "peer_limit_exceeded"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(shared_cluster: Cluster) -> AsyncIterator[Hub]:
    peers = map(BadPeer, ("f016", "f022", "f023", "f024", "f033", "f035"))
    settings = {**SETTINGS, "aggregation.timeout_ms": 5000, "aggregation.max_peer_entities": MAX_ENTITIES}
    async with hub_of(shared_cluster, *peers, settings=settings) as hub:
        yield hub


async def warned(hub: Hub, peer: BadPeer, code: str) -> str:
    """Waits for a warning about it; its message."""

    async def told() -> str:
        return (await hub.warnings(peer))[code]

    return await eventually(told)


async def read_again(hub: Hub, peer: BadPeer) -> None:
    """Waits until its tree is readable; every start and end of that had one line in the log."""

    async def is_readable() -> bool:
        return not UNREADABLE & {*await hub.warnings(peer)}

    await eventually(is_readable)
    events = [line["event"] for line in hub.gateway.log() if line.get("peer") == peer.name]
    turns = [event for event in events if event.startswith("peer tree ")]
    assert turns == ["peer tree unreadable", "peer tree readable again"] * (len(turns) // 2)


async def keeps_its_tree(hub: Hub, peer: BadPeer) -> None:
    """What was last read is served, without any mark of being missing, and is reached; health is not touched."""
    listed = await hub.gateway.get("/components")
    assert_gaps(listed)
    assert f"{peer.name}_unit" in listed.ids
    assert (await hub.forwarded(peer)).json["data"] == peer.name
    assert_gaps(await hub.fanned_out(peer))
    await hub.is_online(peer)
    await hub.others_are_well()


async def test_fault_016_a_tree_of_too_many_entities_is_refused_whole(hub: Hub) -> None:
    peer = hub["f016"]
    apps = peer.tree.document()["records"][0]["apps"]
    peer.tree.change({"apps": apps + [{"id": f"app{number}"} for number in range(MAX_ENTITIES)]})
    message = await warned(hub, peer, "peer_limit_exceeded")
    assert f"{MAX_ENTITIES + 3} entities found, at most {MAX_ENTITIES} allowed" in message
    await keeps_its_tree(hub, peer)
    assert "app0" not in (await hub.gateway.get("/apps")).ids
    peer.tree.change({"apps": apps})
    await read_again(hub, peer)


async def test_fault_016_so_is_an_upstream_collection_of_more_than_its_kind_reads(shared_cluster: Cluster) -> None:
    apps = [{"id": "lamp"}, {"id": "pump"}]
    leaf = shared_cluster.upstream("leaf", {"apps": apps})
    await leaf.start()
    gateway = shared_cluster.add("reader", peers=[("leaf", leaf)])
    await gateway.start()
    await gateway.lists("apps", "lamp", "pump")
    await leaf.change_tree({"apps": apps + [{"id": f"app{number}"} for number in range(1000)]})

    async def told(code: str) -> bool:
        return code in [each["code"] for each in (await gateway.get("/health")).json["warnings"]]

    await eventually(lambda: told("peer_limit_exceeded"))
    await gateway.lists("apps", "lamp", "pump")
    assert (await gateway.get("/apps/lamp/data")).status == 200
    assert await gateway.stop() == 0


async def shows(hub: Hub, collection: str, peer: BadPeer, *ids: str) -> None:
    """Waits until these, and no others that begin with the peer's name, are listed."""

    async def is_so() -> bool:
        listed = (await hub.gateway.get(f"/{collection}")).ids
        assert sorted(each for each in listed if each.startswith(peer.name)) == sorted(ids)
        return True

    await eventually(is_so)


async def test_fault_022_of_two_entities_of_one_id_the_first_counts_and_the_other_is_counted(hub: Hub) -> None:
    peer = hub["f022"]
    twins = [{"id": "f022_twin", "description": text} for text in ("first", "second", "third")]
    before = peer.tree.document()["records"][0]["areas"]
    peer.tree.change({"areas": twins})
    await shows(hub, "areas", peer, "f022_twin")
    assert (await hub.gateway.get("/areas/f022_twin")).json["description"] == "first"
    assert "2 entities" in await warned(hub, peer, "peer_entities_dropped")
    peer.tree.change({"areas": before})
    await hub.recovers(peer)
    await hub.others_are_well()


async def test_fault_023_a_parent_that_is_none_is_ignored_and_its_child_stays(hub: Hub) -> None:
    peer = hub["f023"]
    (unit,) = peer.tree.document()["records"][0]["components"]
    deep = [{"id": f"f023_deep{level}", "parent_area_id": f"f023_deep{level - 1}"} for level in range(900)]
    changes: dict[str, Any] = {
        "areas": [
            {"id": "f023_a", "parent_area_id": "f023_b"},
            {"id": "f023_b", "parent_area_id": "f023_a"},
            *deep,
        ],
        "components": [
            unit,
            {"id": "f023_ouroboros", "parent_component_id": "f023_ouroboros"},
            {"id": "f023_orphan", "parent_component_id": "nobody", "area": "nowhere"},
        ],
    }
    peer.tree.change(changes)
    await shows(hub, "components", peer, "f023_unit", "f023_ouroboros", "f023_orphan")
    assert {"f023_a", "f023_b", "f023_deep0"} <= {*(await hub.gateway.get("/areas")).ids}
    warnings = (await hub.gateway.get("/health")).json["warnings"]
    cyclic = {each["entity_ids"][0] for each in warnings if each["code"] == "hierarchy_cycle"}
    assert "f023_ouroboros" in cyclic
    assert cyclic & {"f023_a", "f023_b"}
    assert "hierarchy_too_deep" in {each["code"] for each in warnings}
    for path in ("/areas/f023_a", *(f"/areas/{area['id']}" for area in deep[::99]), "/areas/f023_deep0/subareas"):
        assert (await hub.gateway.get(path)).status == 200, path
    await hub.others_are_well()
    peer.tree.change({"areas": [], "components": [unit]})
    await hub.recovers(peer)


UNUSABLE = ["../x", "a b", "", "x" * 257, "tab\t", "line\n", "%2e%2e", "ü", "a/b", "nul\0", ".", "a:b"]


async def test_fault_024_an_entity_with_an_unusable_id_is_left_out_and_counted(hub: Hub) -> None:
    peer = hub["f024"]
    apps = peer.tree.document()["records"][0]["apps"]
    longest = "f024_" + "x" * 251
    peer.tree.change({"apps": [*apps, {"id": longest}, *({"id": each} for each in UNUSABLE)]})
    await shows(hub, "apps", peer, "f024_app", longest)
    assert not {*UNUSABLE} & {*(await hub.gateway.get("/apps")).ids}
    assert f"{len(UNUSABLE)} entities" in await warned(hub, peer, "peer_entities_dropped")
    await hub.others_are_well()
    peer.tree.change({"apps": apps})
    await hub.recovers(peer)


@pytest.mark.parametrize("garbage", ["html", "truncated json", "never", "429"])
async def test_fault_033_a_tree_that_cannot_be_read_leaves_the_last_one_and_the_peer_up(hub: Hub, garbage: str) -> None:
    """Nothing is marked stale: what is shown is reached, and a warning says that it may have changed."""
    peer = hub["f033"]
    peer.answers[TREE] = (
        http(b"{}", "429 Too Many Requests", retry_after="1") if garbage == "429" else ANYTHING[garbage]
    )
    peer.tree.change({})
    assert peer.name in await warned(hub, peer, "peer_tree_unreadable")
    await keeps_its_tree(hub, peer)
    del peer.answers[TREE]
    await read_again(hub, peer)


async def test_fault_035_a_peer_that_is_another_between_health_and_tree_is_not_mixed_with_it(hub: Hub) -> None:
    """A whole tree comes in one answer, so a generation is never half of one and half of another."""
    peer = hub["f035"]
    stranger = StandinTree({"name": "stranger", "apps": [{"id": "f035_stranger"}]})
    diff_of_nothing = {**peer.tree.document(), "since": f"{stranger.boot_id}:1", "generation": 99, "records": []}
    for document in (stranger.document(), diff_of_nothing):
        peer.answers[TREE] = as_json(document)
        peer.tree.change({})
        await warned(hub, peer, "peer_tree_unreadable")
        await keeps_its_tree(hub, peer)
        assert "f035_stranger" not in (await hub.gateway.get("/apps")).ids
        del peer.answers[TREE]
        await read_again(hub, peer)


ODDITIES: Mapping[str, Mapping[str, Any]] = {
    "detail gone": {"path": "/api/v1/functions/job", "status": 404, "body": {"error_code": "entity-not-found"}},
    "no JSON": {"path": "/api/v1/components", "status": 200, "body": "<html>"},
    "error": {"path": "/api/v1/functions", "status": 500, "body": {}},
    "reset": {"path": "/api/v1/apps", "reset": True},
}


async def test_fault_035_a_walk_through_an_upstream_peer_counts_whole_or_not_at_all(shared_cluster: Cluster) -> None:
    leaf = shared_cluster.upstream("walked", {"apps": [{"id": "lamp"}]})
    await leaf.start()
    gateway = shared_cluster.add("walker", peers=[("walked", leaf)])
    await gateway.start()
    listed = "lamp"
    await gateway.lists("apps", listed)

    async def unreadable(wanted: bool) -> bool:
        warnings = (await gateway.get("/health")).json["warnings"]
        return any(each["code"] == "peer_tree_unreadable" for each in warnings) is wanted

    for number, oddity in enumerate(ODDITIES.values()):
        await eventually(lambda: unreadable(False))
        await leaf.set_oddities(oddity)
        area, app = f"area{number}", f"app{number}"
        functions = [{"id": "job", "hosts": [app]}]
        await leaf.change_tree({"areas": [{"id": area}], "apps": [{"id": app}], "functions": functions})
        await eventually(lambda: unreadable(True))
        assert (await gateway.get("/apps")).ids == [listed]
        assert area not in (await gateway.get("/areas")).ids
        assert (await gateway.get(f"/apps/{listed}")).status in {200, 404}  # its owner has it no more
        await leaf.set_oddities()
        listed = app
        await gateway.lists("apps", listed)
        await gateway.lists("areas", area)
    assert await gateway.stop() == 0
