"""Faults 41, 42 and 59: peers that are configured and found, that want one name, that crash without a word."""

from tests.federation.found import PeerFile, becomes, page, peer_names, vanishes, warned
from tests.federation.gateways import Cluster, Gateway
from tests.federation.plant import manifest


def with_base(cluster: Cluster) -> tuple[Gateway, Gateway, Gateway, PeerFile]:
    """a with its configured peer `base`, which is b; c, which nobody knows; a file that a looks into."""
    b, c = (cluster.add(name, manifest=manifest(name)) for name in "bc")
    listed = PeerFile(cluster.folder / "peers" / "list.json")
    a = cluster.add("a", manifest=manifest("a"), peers=[("base", b)])
    a.configure({"aggregation.peer_files": [str(listed.path.parent)]})
    return a, b, c, listed


async def up_since(gateway: Gateway, name: str) -> float:
    """When the peer came up last, as `/health` tells."""
    (peer,) = [peer for peer in (await gateway.get("/health")).json["peers"] if peer["name"] == name]
    assert peer["x-medkit"]["state"] == "up"
    return float(peer["x-medkit"]["since"])


async def test_fault_041_a_peer_both_configured_and_found_is_one_and_stays_when_it_is_found_no_more(
    cluster: Cluster,
) -> None:
    a, b, _, listed = with_base(cluster)
    by_name = f"http://localhost:{b.port}"
    await a.start()
    listed.write({"same_url": b.url, "same_gateway": by_name})
    await becomes(a, by_name, state="candidate", reason="connection_refused")
    await b.start()
    await a.sees("base")
    await becomes(a, by_name, state="candidate", reason="duplicate")
    assert await peer_names(a) == ["base"]
    refused = [item for item in (await a.get("/x-medkit-peers")).items if item["name"] == "same_url"]
    assert [item["x-medkit"]["reason"] for item in refused] == ["duplicate"]
    since = await up_since(a, "base")
    listed.write({})
    await vanishes(a, by_name)
    await a.lists("components", "a_unit", "b_unit")
    assert await up_since(a, "base") == since, "it never went down"


async def test_fault_041_who_was_found_first_gives_way_when_the_configured_one_answers(cluster: Cluster) -> None:
    a, b, _, listed = with_base(cluster)
    link = await cluster.link(b)
    a.config["aggregation"]["peer_urls"] = [link.url]
    await link.cut()
    listed.write({"found": b.url})
    await cluster.start_all()
    await a.sees("found")
    assert (await page(a))[b.url]["found_by"] == "file"
    await link.heal()
    await becomes(a, b.url, state="candidate", reason="duplicate")
    await a.sees("base")
    assert await peer_names(a) == ["base"]
    await a.lists("components", "a_unit", "b_unit")


async def test_fault_042_a_found_peer_with_the_name_of_a_configured_one_is_refused_and_named(cluster: Cluster) -> None:
    a, b, c, listed = with_base(cluster)
    listed.write_text(
        f'[{{"name": "base", "url": "{c.url}"}}, {{"name": "other", "url": "http://127.0.0.1:1"}}, '
        '{"name": "other", "url": "http://127.0.0.1:2"}]'
    )
    await cluster.start_all()
    await becomes(a, c.url, state="refused", reason="peer_name_conflict", admitted=False)
    await becomes(a, "http://127.0.0.1:1", state="candidate")
    await becomes(a, "http://127.0.0.1:2", state="refused", reason="peer_name_conflict")
    warning = await warned(a, "peer_name_conflict")
    assert (warning["peer_names"], "another peer is called" in warning["message"]) == (["base"], True)
    assert ((await page(a))[b.url]["name"], await peer_names(a)) == ("base", ["base"])
    listed.write({"arm": c.url})
    await a.sees("base", "arm")


async def test_fault_059_a_found_peer_that_crashes_is_down_and_named_and_comes_back_by_itself(
    cluster: Cluster,
) -> None:
    a, _, c, listed = with_base(cluster)
    listed.write({"arm": c.url})
    await cluster.start_all()
    await a.sees("base", "arm")
    await a.lists("components", "a_unit", "b_unit", "c_unit")
    await c.kill()
    await becomes(a, c.url, state="down")
    await a.lists("components", "a_unit", "b_unit")
    assert (await a.get("/components")).medkit["failed_peers"] == ["arm"]
    assert (await a.get("/components/c_unit/data")).status == 502
    await c.start()
    await a.lists("components", "a_unit", "b_unit", "c_unit")
