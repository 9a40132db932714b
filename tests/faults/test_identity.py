"""Who answers, when, and how reliably: faults 27, 28, 30 and 32."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.faults.bad_peer import BadPeer
from tests.faults.hub import Hub, hub_of
from tests.federation.eventually import eventually
from tests.federation.garbage import HEALTH, TREE, Script, Wire, as_json, http
from tests.federation.gateways import Cluster
from tests.federation.plant import assert_gaps
from tests.federation.standin_tree import new_instance_id

pytestmark = pytest.mark.asyncio(loop_scope="module")

FREE_FLAPS = 3
"""Times a peer may go down within a minute and be up again after one good probe."""

SLOW_S = 0.6
"""Later than the 500 ms above which a probe is slow, before the 1000 ms that it may take at most."""

DAY_NS = 86_400 * 10**9


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(shared_cluster: Cluster) -> AsyncIterator[Hub]:
    async with hub_of(shared_cluster, *map(BadPeer, ("f027", "f028", "f030", "f032"))) as hub:
        yield hub


async def test_fault_027_a_peer_that_flaps_is_held_down_until_it_stays_and_troubles_nobody(hub: Hub) -> None:
    peer = hub["f027"]
    downs = 0
    async with asyncio.TaskGroup() as tasks:
        others = tasks.create_task(_ask_others(hub))
        while not await _is_held(hub, peer):
            await peer.stop()
            await hub.becomes(peer, "down")
            downs += 1
            await peer.start()
            await eventually(lambda: _is_held_or_up(hub, peer))
        for _ in range(3):  # it flaps on, and nobody is told
            await peer.stop()
            await eventually(lambda: _is_refusing(hub, peer))
            await peer.start()
            await eventually(lambda: _is_held(hub, peer))
        others.cancel()
    assert downs == FREE_FLAPS + 1
    states = hub.states(peer)
    assert states.count("down") == downs
    assert states[-1] == "down"
    await hub.becomes(peer, "up")
    await eventually(lambda: hub.is_well(peer))
    assert hub.states(peer)[len(states) :] == ["up"]


async def _is_held(hub: Hub, peer: BadPeer) -> bool:
    told = await hub.told(peer)
    return (told["state"], told.get("reason")) == ("down", "flapping")


async def _is_slow(hub: Hub, peer: BadPeer) -> bool:
    told = await hub.told(peer)
    return (told["state"], told.get("reason")) == ("degraded", "slow")


async def _is_refusing(hub: Hub, peer: BadPeer) -> bool:
    told = await hub.told(peer)
    return (told["state"], told.get("reason")) == ("down", "connection_refused")


async def _is_held_or_up(hub: Hub, peer: BadPeer) -> bool:
    return await _is_held(hub, peer) or (await hub.told(peer))["state"] == "up"


async def _ask_others(hub: Hub) -> None:
    """All the time; what is not as it should be ends the test."""
    while True:
        assert (await hub.gateway.get("/apps/own_app/data/whose")).json["data"] == "own"
        assert (await hub.forwarded(hub["good"])).json["data"] == "good"
        assert_gaps(await hub.fanned_out(hub["good"]))
        await asyncio.sleep(0.05)


def slow(answer: Script) -> Script:
    """The same answer, late."""
    assert isinstance(answer, bytes)

    async def wait(wire: Wire) -> None:
        await asyncio.sleep(SLOW_S)
        await wire.send(answer)

    return wait


async def test_fault_028_a_peer_that_is_slow_is_degraded_and_asked_and_slows_nobody_else(hub: Hub) -> None:
    """Its requests have slots of their own, so a limit that shrinks is not wanted (faults.md, head)."""
    peer = hub["f028"]
    peer.answers = {path: slow(script) for path, script in peer.answers.items()}
    peer.answers[HEALTH] = slow(as_json(peer.tree.health()))
    await eventually(lambda: _is_slow(hub, peer))
    waiting = [asyncio.create_task(hub.forwarded(peer)) for _ in range(50)]
    await asyncio.wait(waiting, timeout=0)
    await hub.others_are_well()
    assert not [task for task in waiting if task.done() and task.result().status != 200]
    assert {answer.status for answer in await asyncio.gather(*waiting)} == {200}
    assert_gaps(await hub.fanned_out(peer))
    await hub.lists(peer)
    await hub.recovers(peer)
    await hub.becomes(peer, "up")
    assert "down" not in hub.states(peer)


@pytest.mark.parametrize("days", [-20_000, 20_000])
async def test_fault_030_a_peers_clock_decides_nothing(hub: Hub, days: int) -> None:
    peer = hub["f030"]
    stamp = "Fri, 01 Jan 1971 00:00:00 GMT" if days < 0 else "Fri, 01 Jan 2100 00:00:00 GMT"
    dated = {"date": stamp, "expires": stamp, "last_modified": stamp, "age": str(abs(days))}
    health: dict[str, Any] = {**peer.tree.health(), "timestamp": time.time_ns() + days * DAY_NS}
    peer.answers[HEALTH] = as_json(health, **dated)
    peer.answers[TREE] = http(peer.tree.body, etag=peer.tree.etag, **dated)
    asked = peer.times_asked(HEALTH)
    await eventually(lambda: peer.times_asked(HEALTH) > asked + 3)
    told = await hub.told(peer)
    assert told["status"] == "online"
    assert abs(told["last_ok"] - time.time()) < 60
    assert await hub.is_well(peer)
    assert not await hub.warnings(peer)
    await hub.recovers(peer)


async def test_fault_032_another_instance_behind_the_url_takes_nothing_of_the_old_ones_tree(hub: Hub) -> None:
    """Its tree is silent in the first moment: of the old one's nothing is believed any more."""
    peer = hub["f032"]
    before, after = peer.tree.instance_id, new_instance_id()
    peer.answers[TREE] = http(b"{}", "503 Starting")
    peer.tree.instance_id, peer.tree.boot_id = after, new_instance_id()

    async def is_told() -> bool:
        return bool((await hub.told(peer))["instance_id"] == after)

    await eventually(is_told)

    async def has_left() -> bool:
        assert f"{peer.name}_unit" not in (await hub.gateway.get("/components")).ids
        return True

    await eventually(has_left)
    assert (await hub.forwarded(peer)).status in {404, 502}
    assert peer.name in (await hub.gateway.get("/components")).medkit["failed_peers"]
    await hub.others_are_well()
    peer.tree.change({})
    await hub.recovers(peer)
    message = (await hub.warnings(peer))["identity_changed"]
    assert before in message
    assert after in message
    lines = [line for line in hub.gateway.log() if line["event"] == "peer identity changed"]
    assert [(line["peer"], line["before"], line["now"]) for line in lines] == [("f032", before, after)]
