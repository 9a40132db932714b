"""Peers listed in files: found when they are written, gone when they are taken out, kept when a file is broken."""

import asyncio
from functools import partial
from typing import Any

import pytest

from tests.federation.found import PeerFile, becomes, peer_names, sources, vanishes, warned
from tests.federation.garbage import HEALTH, GarbagePeer, as_json, listening
from tests.federation.gateways import Cluster, Gateway, eventually
from tests.federation.plant import manifest


def with_files(cluster: Cluster, **settings: Any) -> tuple[Gateway, PeerFile]:
    """A gateway that looks for peers in a directory, and a file there; nothing is written or started yet."""
    listed = PeerFile(cluster.folder / "peers" / "list.json")
    found = {"aggregation.enabled": True, "aggregation.peer_files": [str(listed.path.parent)]}
    return cluster.add("a", manifest=manifest("a"), settings={**found, **settings}), listed


async def test_a_peer_written_into_a_file_is_found_and_one_taken_out_is_forgotten(cluster: Cluster) -> None:
    a, listed = with_files(cluster)
    b, c = (cluster.add(name, manifest=manifest(name)) for name in "bc")
    await cluster.start_all()
    assert await peer_names(a) == []
    listed.write({"arm": b.url, "base": c.url})
    await a.sees("arm", "base")
    await a.lists("components", "a_unit", "b_unit", "c_unit")
    found = await becomes(a, b.url, state="up", admitted=True)
    assert (found["name"], found["found_by"], found["source"]) == ("arm", "file", f"file:{listed.path.parent}")
    assert found["version"] == (await b.get("/health")).medkit["version"]
    assert (await a.get("/apps/arm__cam/data/whose")).json["data"] == "b"
    listed.write({"base": c.url})
    await vanishes(a, b.url)
    await a.lists("components", "a_unit", "c_unit")
    assert (await a.get("/components/b_unit/data")).status == 404
    assert "partial" not in (await a.get("/components")).medkit


async def test_a_file_gives_a_peer_another_name_or_another_url(cluster: Cluster) -> None:
    a, listed = with_files(cluster)
    b, c = (cluster.add(name, manifest=manifest(name)) for name in "bc")
    listed.write({"arm": b.url})
    await cluster.start_all()
    await a.sees("arm")
    listed.write({"left_arm": b.url})
    await a.sees("left_arm")
    await a.lists("components", "a_unit", "b_unit")
    listed.write({"left_arm": c.url})
    await a.lists("components", "a_unit", "c_unit")
    assert await peer_names(a) == ["left_arm"]


async def test_a_broken_file_keeps_its_peers_and_is_named_until_it_is_mended(cluster: Cluster) -> None:
    a, listed = with_files(cluster)
    b = cluster.add("b", manifest=manifest("b"))
    listed.write({"arm": b.url})
    await cluster.start_all()
    await a.sees("arm")
    listed.write_text('[{"name": "arm", "url"')
    warning = await warned(a, "peer_source_failed")
    assert f"{listed.path}: is not JSON" in warning["message"]
    told = (await sources(a))[f"file:{listed.path.parent}"]
    assert (told["found"], "is not JSON" in told["trouble"]) == (1, True)
    await a.lists("components", "a_unit", "b_unit")
    listed.write({"arm": b.url})

    async def mended() -> bool:
        return "trouble" not in (await sources(a))[f"file:{listed.path.parent}"]

    await eventually(mended)
    assert [each["code"] for each in (await a.get("/health")).json["warnings"]] == []


async def test_a_peer_that_never_answered_is_a_candidate_and_no_gap(cluster: Cluster) -> None:
    a, listed = with_files(cluster)
    b = cluster.add("b", manifest=manifest("b"))
    listed.write({"arm": b.url})
    await a.start()
    await becomes(a, b.url, state="candidate", reason="connection_refused", name="arm")
    assert "partial" not in (await a.get("/components")).medkit
    await b.start()
    await a.sees("arm")
    await a.lists("components", "a_unit", "b_unit")
    await b.kill()
    await becomes(a, b.url, state="down")
    assert (await a.get("/faults")).medkit["failed_peers"] == ["arm"]
    assert (await a.get("/apps/b_app/data")).status == 502


async def test_a_found_peer_that_is_silent_is_known_and_named_after_a_restart(cluster: Cluster) -> None:
    a, listed = with_files(cluster)
    b = cluster.add("b", manifest=manifest("b"))
    listed.write({"arm": b.url})
    await cluster.start_all()
    await a.lists("components", "a_unit", "b_unit")
    await b.kill()
    await becomes(a, b.url, state="down")
    await a.restart()
    assert (await a.get("/components")).medkit["failed_peers"] == ["arm"]
    assert (await a.get("/components/b_unit/data")).status == 502
    await b.start()
    await a.lists("components", "a_unit", "b_unit")
    await b.kill()
    await a.stop()
    listed.write({})
    await a.start()
    await vanishes(a, b.url)
    assert (await a.get("/components/b_unit/data")).status == 404


async def test_who_is_no_gateway_or_is_ourselves_never_becomes_a_peer(cluster: Cluster) -> None:
    a, listed = with_files(cluster)
    async with listening(GarbagePeer({}, {HEALTH: as_json({"hello": "world"})})) as other:
        listed.write({"other": other, "me": f"http://localhost:{a.port}", "also_me": a.url})
        await a.start()
        await becomes(a, f"http://localhost:{a.port}", state="candidate", reason="self")
        await becomes(a, a.url, state="refused", reason="self", admitted=False)
        await becomes(a, other, state="candidate", reason="not_grove")
        assert await peer_names(a) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
async def test_a_gateway_bound_wider_than_loopback_lets_no_file_lead_it_to_loopback(
    cluster: Cluster, host: str
) -> None:
    a, listed = with_files(cluster, **{"server.host": host})
    b = cluster.add("b", manifest=manifest("b"))
    by_name = f"http://localhost:{b.port}"
    listed.write({"arm": b.url, "by_name": by_name})
    await cluster.start_all()
    if host == "127.0.0.1":
        # Both lead to one gateway: whichever is tried first when it answers is the peer.
        await eventually(partial(peer_names, a))
        await a.lists("components", "a_unit", "b_unit")
        return
    await becomes(a, b.url, state="refused", reason="destination_ip_prohibited")
    await becomes(a, by_name, state="candidate", reason="destination_ip_prohibited")
    assert await peer_names(a) == []


async def test_the_log_calls_nobody_silent_who_was_never_heard(cluster: Cluster) -> None:
    a, listed = with_files(cluster)
    b, c = (cluster.add(name, manifest=manifest(name)) for name in "bc")
    a.add_peer("base", c)
    listed.write({"arm": b.url})
    await asyncio.gather(b.start(), c.start())
    await a.start()
    await a.lists("components", "a_unit", "b_unit", "c_unit")
    words = {"gateway silent", "gateway back"}
    assert words.isdisjoint(line["event"] for line in a.log())
    await b.kill()
    await becomes(a, b.url, state="down")
    await b.start()
    await a.lists("components", "a_unit", "b_unit", "c_unit")
    about = [(line["event"], line["gateway"]) for line in a.log() if line["event"] in words]
    assert about == [("gateway silent", "arm"), ("gateway back", "arm")]


async def test_a_peer_of_the_last_run_that_the_settings_refuse_now_is_dropped_with_the_reason(cluster: Cluster) -> None:
    a, listed = with_files(cluster)
    b = cluster.add("b", manifest=manifest("b"))
    listed.write({"arm": b.url})
    await cluster.start_all()
    await a.sees("arm")
    await a.stop()
    a.configure({"server.host": "0.0.0.0"})
    await a.start()
    (dropped,) = [line for line in a.log() if line["event"] == "peer of the last run dropped"]
    assert (dropped["peer"], dropped["url"], "loopback" in dropped["why"]) == ("arm", b.url, True)
    await becomes(a, b.url, state="refused", reason="destination_ip_prohibited")
    assert await peer_names(a) == []
