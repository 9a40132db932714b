"""TLS and names: faults 31 and 34."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from peers.client import FetchedAnswer, PeerError, PeerRequest
from peers.errors import PeerReason
from peers.resolver import Resolver
from tests.faults.authority import DAY, Authority
from tests.faults.bad_peer import BadPeer, running
from tests.faults.hub import SETTINGS, Hub, assert_unavailable, manifest
from tests.federation.eventually import eventually
from tests.federation.gateways import Cluster
from tests.federation.plant import assert_gaps
from tests.unit.peers.test_client_addresses import V4, Names
from tests.unit.peers.wire_server import BRIEF_S, client_to, serving, serving_ok, within

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Secure(BadPeer):
    """A peer whose URL is https; without a context it speaks in clear there."""

    def __init__(self, name: str, context: ssl.SSLContext | None) -> None:
        super().__init__(name)
        self.url = self.url.replace("http:", "https:")
        self.tls = context


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(shared_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hub]:
    folder = tmp_path_factory.mktemp("tls")
    trusted, stranger = Authority(folder, "trusted"), Authority(folder, "stranger")
    peers = {
        "good": Secure("good", trusted.context("good")),
        "turned": Secure("turned", trusted.context("turned")),
        "expired": Secure("expired", trusted.context("expired", ends=-DAY)),
        "elsewhere": Secure("elsewhere", trusted.context("elsewhere", host="DNS:elsewhere.example")),
        "unknown": Secure("unknown", stranger.context("unknown")),
        "plain": Secure("plain", None),
        "unpinned": Secure("unpinned", trusted.context("unpinned")),
    }
    gateway = shared_cluster.add("hub", manifest=manifest(*peers), settings=SETTINGS)
    for name, peer in peers.items():
        if name != "unpinned":
            gateway.add_peer(name, peer.url)
    pinned = {"name": "unpinned", "url": peers["unpinned"].url, "pins": [f"sha256//{'A' * 43}="]}
    gateway.configure({"aggregation.peers": [pinned]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(trusted.file))  # where Python looks for the authorities to trust
        async with running(*peers.values()):
            await gateway.start()
            hub = Hub(gateway, peers)
            for name in ("good", "turned"):
                await eventually(lambda name=name: hub.is_well(peers[name]), 60)  # type: ignore[misc] # a lambda's default
            yield hub


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("expired", "tls_certificate_error"),
        ("elsewhere", "tls_certificate_error"),
        ("unknown", "tls_certificate_error"),
        ("plain", "tls_protocol_error"),
        ("unpinned", "tls_certificate_error"),
    ],
)
async def test_fault_031_a_peer_that_cannot_prove_who_it_is_gets_no_request(hub: Hub, name: str, reason: str) -> None:
    peer = hub[name]
    await hub.becomes(peer, "tls_error")
    told = await hub.told(peer)
    assert (told["status"], told["reason"]) == ("offline", reason)
    unknown = await hub.gateway.get(f"/apps/{name}__{peer.app}/data/x")
    assert_unavailable(unknown, peer, reason)
    faults = await hub.gateway.get("/faults")
    assert {"peer": name, "reason": reason, "elapsed_ms": 0} in faults.medkit["peer_errors"]
    assert peer.asked == []  # nothing ever went out in clear
    assert hub.states(peer) == ["tls_error"]
    assert await hub.is_well(hub["good"])


async def test_fault_031_a_certificate_that_turns_bad_is_502_until_it_is_good_again(hub: Hub, tmp_path: Path) -> None:
    peer = hub["turned"]
    assert isinstance(peer, Secure)
    good, before = peer.tls, hub.states(peer)
    await peer.stop()
    peer.tls = Authority(tmp_path, "impostor").context("turned")
    await peer.start()

    async def is_refused() -> bool:
        await hub.forwards_not(peer, "tls_certificate_error")
        return True

    asked = len(peer.asked)
    await eventually(is_refused)
    await hub.becomes(peer, "tls_error")
    await hub.names(peer, "tls_certificate_error")
    assert len(peer.asked) == asked
    assert await hub.is_well(hub["good"])
    await peer.stop()
    peer.tls = good
    await peer.start()
    await hub.recovers(peer)
    assert hub.states(peer)[len(before) :].count("tls_error") == 1


async def test_fault_034_a_peer_whose_name_is_none_is_502_and_named_and_others_are_found_by_theirs(
    shared_cluster: Cluster,
) -> None:
    """The system's resolver may take its time for such a name: then it is `dns_timeout`."""
    good, nameless = BadPeer("good"), BadPeer("nameless")
    gateway = shared_cluster.add("asker", manifest=manifest("good"), settings=SETTINGS)
    good.url, nameless.url = f"http://localhost:{good.port}", "http://no-such-gateway.invalid:8080"
    for peer in (good, nameless):
        gateway.add_peer(peer.name, peer.url)
    async with running(good):
        await gateway.start()
        hub = Hub(gateway, {"good": good, "nameless": nameless})
        await eventually(lambda: hub.is_well(good), 60)
        await hub.becomes(nameless, "down")
        reason = (await hub.told(nameless))["reason"]
        assert reason in {"dns_error", "dns_timeout"}
        answer = await gateway.get("/apps/nameless__x/data")
        assert answer.status == 502
        assert answer.medkit["reason"] in {"dns_error", "dns_timeout"}
        assert "nameless" in (await gateway.get("/faults")).medkit["failed_peers"]
        assert_gaps(await gateway.get("/components"), {"nameless"})
        await hub.others_are_well()
        assert await gateway.stop() == 0


async def test_fault_034_names_that_never_resolve_are_504_and_delay_no_other() -> None:
    names = Names(robot=[V4])
    resolver = Resolver(lookup=names)
    request = PeerRequest("GET", "/")

    async def ask(host: str, seconds: float) -> FetchedAnswer | PeerError:
        async with client_to(f"http://{host}:{server.port}", resolver=resolver) as client:
            return await client.fetch(request, deadline=within(seconds), cap=1000)

    async with serving(serving_ok) as server:
        stuck = [asyncio.create_task(ask(f"slow{index}", BRIEF_S)) for index in range(30)]
        await asyncio.sleep(0)
        assert isinstance(await ask("robot", 5), FetchedAnswer)
        for late in await asyncio.gather(*stuck):
            assert isinstance(late, PeerError)
            assert (late.reason, late.is_timeout, late.sent) == (PeerReason.DNS_TIMEOUT, True, False)
    names.blocked.set()
    await eventually(lambda: "0 running" in repr(resolver))
