"""A gateway between good and bad peers, and what a fault of one of them may cost: its own answers, named."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from tests.faults.bad_peer import BadPeer, running
from tests.federation.client import Answer
from tests.federation.eventually import eventually
from tests.federation.garbage import Script
from tests.federation.gateways import Cluster, Gateway
from tests.federation.plant import assert_gaps

SETTINGS = {
    "refresh_interval_ms": 1000,
    "health_interval_ms": 300,
    "aggregation.timeout_ms": 15_000,
    "aggregation.connect_timeout_ms": 5000,
    "aggregation.stream_idle_ms": 15_000,
}
"""Nothing here runs into a deadline because the machine is busy."""

BRIEF = {
    **SETTINGS,
    "aggregation.timeout_ms": 1000,
    "aggregation.connect_timeout_ms": 500,
    "aggregation.stream_idle_ms": 1000,
}
"""Where a deadline is what a test waits for."""

UNAVAILABLE = "x-medkit-peer-unavailable"


@dataclass(frozen=True, slots=True)
class Hub:
    """The gateway, and its peers by name; each shares the Function `<name>_line` with the gateway and nobody else."""

    gateway: Gateway
    peers: Mapping[str, BadPeer]

    def __getitem__(self, name: str) -> BadPeer:
        return self.peers[name]

    async def forwarded(self, peer: BadPeer, method: str = "GET") -> Answer:
        """The answer to a request for its App."""
        return await self.gateway.request(method, peer.item)

    async def fanned_out(self, peer: BadPeer) -> Answer:
        """The answer to a request that it has a part in, and the gateway itself another."""
        return await self.gateway.get(peer.line)

    async def told(self, peer: BadPeer) -> dict[str, Any]:
        """What `/health` says of it, `x-medkit` and `status` in one."""
        (found,) = [each for each in (await self.gateway.get("/health")).json["peers"] if each["name"] == peer.name]
        return {**found["x-medkit"], "status": found["status"]}

    async def warnings(self, peer: BadPeer) -> dict[str, str]:
        """The messages of the warnings about it, by code."""
        listed = (await self.gateway.get("/health")).json["warnings"]
        return {each["code"]: each["message"] for each in listed if peer.name in each["peer_names"]}

    async def becomes(self, peer: BadPeer, state: str) -> None:
        """Waits for this state."""

        async def is_so() -> bool:
            told = await self.told(peer)
            assert told["state"] == state, told
            return True

        await eventually(is_so)

    def states(self, peer: BadPeer) -> list[str]:
        """The states it went through so far, one for each line of the log."""
        lines = (line for line in self.gateway.log() if line["event"] == "peer state changed")
        return [line["state"] for line in lines if line["peer"] == peer.name]

    async def is_online(self, peer: BadPeer) -> None:
        """Requests go there, as its health sees it."""
        assert (await self.told(peer))["status"] == "online"

    async def lists(self, peer: BadPeer) -> None:
        """Its entities are there."""
        assert f"{peer.name}_unit" in (await self.gateway.get("/components")).ids

    async def is_well(self, peer: BadPeer) -> bool:
        """It is online, listed, and answers in full."""
        await self.is_online(peer)
        await self.lists(peer)
        assert (await self.forwarded(peer)).json["data"] == peer.name
        fanned = await self.fanned_out(peer)
        assert_gaps(fanned)
        return sorted(fanned.ids) == sorted([f"{peer.name}_x", "whose"])

    async def recovers(self, peer: BadPeer) -> None:
        """Behaves again, and is well."""
        peer.behave()
        await eventually(lambda: self.is_well(peer))

    async def others_are_well(self) -> None:
        """Nobody but the bad peer has any part in its fault."""
        assert (await self.gateway.get("/apps/own_app/data/whose")).json["data"] == "own"
        await eventually(lambda: self.is_well(self.peers["good"]))  # at once, but on a machine that is busy

    async def forwards_not(self, peer: BadPeer, reason: str, *, status: int = 502) -> None:
        """A forwarded request is answered by an error of ours."""
        answer = await self.forwarded(peer)
        assert_unavailable(answer, peer, reason, status=status)

    async def breaks_off(self, peer: BadPeer) -> None:
        """A forwarded answer that had begun ends with a broken connection, never as if it were whole."""
        async with self.gateway.open("GET", peer.item) as answer:
            if answer.status == 502:
                return  # it broke before anything of it had gone out
            assert answer.status == 200
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()

    async def names(self, peer: BadPeer, reason: str) -> None:
        """A fan-out has what the gateway has itself, and names the peer with the reason."""
        answer = await self.fanned_out(peer)
        assert_gaps(answer, {peer.name})
        assert answer.ids == ["whose"]
        (error,) = answer.medkit["peer_errors"]
        assert (error["peer"], error["reason"]) == (peer.name, reason), error

    async def refuses(self, peer: BadPeer, script: Script, reason: str, *, status: int = 502) -> None:
        """This is no answer, neither to a forwarded request nor to a fan-out; it costs nobody else anything.

        The peer stays online and listed.
        """
        peer.misbehave(script)
        await self.forwards_not(peer, reason, status=status)
        await self.names(peer, reason)
        await self.others_are_well()
        await self.is_online(peer)
        await self.lists(peer)


def assert_unavailable(answer: Answer, peer: BadPeer, reason: str, *, status: int = 502) -> None:
    """The one form in which a client is told that a peer gave no answer."""
    assert answer.status == status, (answer.status, answer.body)
    assert answer.json["vendor_code"] == UNAVAILABLE
    assert (answer.medkit["peer"], answer.medkit["reason"]) == (peer.name, reason), answer.medkit
    assert answer.headers["X-Medkit-Reason"] == reason
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def manifest(*peers: str) -> Mapping[str, Any]:
    """An App of the gateway's own, with a part in the Function of each peer."""
    data = [{"id": "whose", "name": "Whose", "value": "own"}]
    return {
        "components": [{"id": "own_unit", "name": "Own"}],
        "apps": [{"id": "own_app", "name": "Own", "is_located_on": "own_unit", "data": data}],
        "functions": [{"id": f"{name}_line", "name": name, "hosted_by": ["own_app"]} for name in peers],
    }


@asynccontextmanager
async def hub_of(
    cluster: Cluster, *peers: BadPeer, name: str = "hub", settings: Mapping[str, Any] = SETTINGS
) -> AsyncIterator[Hub]:
    """The gateway `name` and these peers, running and well; `good` is one more."""
    everybody = {peer.name: peer for peer in (BadPeer("good"), *peers)}
    gateway = cluster.add(name, manifest=manifest(*everybody), settings=settings)
    for peer in everybody.values():
        gateway.add_peer(peer.name, peer.url)
    async with running(*everybody.values()):
        await gateway.start()
        hub = Hub(gateway, everybody)
        for peer in everybody.values():
            await eventually(lambda peer=peer: hub.is_well(peer), 60)  # type: ignore[misc] # mypy does not infer a default
        yield hub
