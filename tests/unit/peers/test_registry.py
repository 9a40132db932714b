"""The set of peers: who is one, who must not be, and what evidence does to them."""

import dataclasses

import pytest

from discovery.endpoint import FoundBy, PeerEndpoint
from entities.model import App
from entities.records import LinkState
from peers.errors import PeerError, PeerReason
from peers.health import PeerState
from peers.native import Probed
from tests.unit.entities.sketch import instance
from tests.unit.peers.peering import SELF, endpoint, held, peering, probed

REFUSED = PeerError(PeerReason.CONNECTION_REFUSED, "nobody listens")
MUTE = PeerError(PeerReason.HTTP_RESPONSE_TIMEOUT, "no answer")
MDNS = FoundBy.MDNS


async def test_peers_stand_as_configured_and_then_discovered_ones_by_name() -> None:
    async with peering(
        endpoint("z"), endpoint("d", found_by=MDNS), endpoint("b"), endpoint("c", found_by=MDNS)
    ) as found:
        assert [peer.name for peer in found.registry] == ["z", "b", "c", "d"]


async def test_a_peer_that_another_source_finds_is_the_same_and_its_source_is_the_one_of_now() -> None:
    async with peering() as found:
        files = [PeerEndpoint("b", "http://b:1", FoundBy.FILE, source=source) for source in ("file:/x", "file:/y")]
        (peer,) = found.registry.reconcile(files[:1]).added
        reconciled = found.registry.reconcile(files[1:])
        assert (reconciled.added, reconciled.removed) == ([], [])
        assert [one.status().source for one in found.registry] == ["file:/y"]
        await peer.aclose()


async def test_reconcile_keeps_who_is_the_same_and_hands_back_who_is_to_be_closed() -> None:
    async with peering(endpoint("b"), endpoint("c"), endpoint("d")) as found:
        same, moved, gone = (found.peer(name) for name in "bcd")
        before = moved.client
        reconciled = found.registry.reconcile(
            [endpoint("b"), endpoint("c", "http://elsewhere.invalid:1"), endpoint("e")]
        )
        assert [peer.name for peer in reconciled.added] == ["e"]
        assert reconciled.removed == [gone]
        ((peer, clients),) = reconciled.readdressed
        assert peer is found.peer("c") is moved
        assert clients.client is before
        assert found.peer("b") is same
        assert found.registry.client("d") is None
        assert found.registry.client("c") is moved.client is not before


async def test_a_peer_on_other_terms_stays_who_it_is_and_what_it_told() -> None:
    async with peering(endpoint("b")) as found:
        peer = found.peer("b")
        assert found.registry.identify(peer, probed(), now=1.0)
        peer.health.ok(1.0)
        other = dataclasses.replace(endpoint("b"), terms="ca_file=other.pem")
        found.registry.reconcile([other])
        assert (peer.endpoint, peer.instance, peer.health.linked) == (other, instance("b"), True)


async def test_a_discovered_peer_at_another_place_is_another_one() -> None:
    async with peering(endpoint("b", found_by=MDNS)) as found:
        before = found.peer("b")
        moved = endpoint("b", "http://elsewhere.invalid:1", found_by=MDNS)
        reconciled = found.registry.reconcile([moved])
        assert [*reconciled.added, *reconciled.removed] == [found.peer("b"), before]
        assert reconciled.readdressed == []


async def test_a_peer_that_is_identified_is_known_by_its_instance() -> None:
    async with peering(endpoint("b")) as found:
        peer = found.peer("b")
        assert found.registry.identify(peer, probed(generation=7), now=1.0)
        assert (peer.instance, peer.boot, peer.generation, peer.has_events) == (instance("b"), instance("y"), 7, True)


async def test_ourselves_under_another_url_are_no_peer_and_no_link() -> None:
    async with peering(endpoint("me")) as found:
        peer = found.peer("me")
        assert not found.registry.identify(peer, Probed(0, 1.0, SELF.instance_id, SELF.boot_id, 1), now=1.0)
        assert peer.health.state is PeerState.SELF
        assert (found.registry.first_hops(), found.registry.pictures(), found.registry.warnings()) == ((), (), ())


async def test_a_copy_of_our_own_state_directory_is_refused_loudly() -> None:
    async with peering(endpoint("b")) as found:
        peer = found.peer("b")
        assert not found.registry.identify(peer, Probed(0, 1.0, SELF.instance_id, instance("x"), 1), now=1.0)
        assert (peer.health.state, peer.link().instance) == (PeerState.REFUSED, None)
        (warned,) = found.registry.warnings()
        assert (warned.code, warned.peer_names) == ("duplicate_instance_id", ("b",))
        assert "copy of our state directory" in warned.message


async def test_who_speaks_no_tree_is_refused_until_a_grove_answers_there() -> None:
    async with peering(endpoint("b")) as found:
        peer = found.peer("b")
        assert not found.registry.identify(peer, Probed(0, 1.0), now=1.0)
        assert [warned.code for warned in found.registry.warnings()] == ["peer_refused"]
        assert found.registry.identify(peer, probed(), now=2.0)
        assert found.registry.warnings() == ()


async def test_a_refusal_ends_when_it_is_ourselves_who_answer_there() -> None:
    async with peering(endpoint("b")) as found:
        peer = found.peer("b")
        found.registry.identify(peer, Probed(0, 1.0), now=1.0)
        found.registry.identify(peer, Probed(0, 1.0, SELF.instance_id, SELF.boot_id, 1), now=2.0)
        assert (peer.health.state, found.registry.warnings()) == (PeerState.SELF, ())


async def test_another_gateway_at_a_url_takes_nothing_over_from_the_one_before() -> None:
    async with peering(endpoint("b")) as found:
        peer = found.peer("b")
        found.registry.identify(peer, probed("b"), now=1.0)
        peer.held = held("b")
        assert found.registry.identify(peer, probed("c"), now=2.0)
        assert peer.instance == instance("c")
        assert peer.held is None


async def test_a_discovered_peer_never_becomes_another_gateway_in_place() -> None:
    async with peering(endpoint("b", found_by=MDNS)) as found:
        peer = found.peer("b")
        assert found.registry.identify(peer, probed("b"), now=1.0)
        assert not found.registry.identify(peer, probed("c"), now=2.0)
        assert (peer.instance, peer.health.reason, peer.is_misplaced) == (instance("b"), "identity_changed", True)


async def test_a_discovered_peer_cannot_have_another_that_is_up_called_its_copy() -> None:
    async with peering(endpoint("evil", found_by=MDNS), endpoint("good", found_by=MDNS)) as found:
        evil, good = found.peer("evil"), found.peer("good")
        assert found.registry.identify(evil, probed("e"), now=1.0)
        assert found.registry.identify(good, probed("b", "w"), now=1.0)
        good.health.ok(1.0)
        assert not found.registry.identify(evil, probed("b", "w", asked=1.5), now=2.0)
        assert not found.registry.identify(evil, probed("b", "x", asked=2.5), now=3.0)
        assert found.registry.identify(good, probed("b", "w", asked=3.5), now=4.0)
        evil.instance = None
        assert not found.registry.identify(evil, probed("b", "x", asked=4.5), now=5.0)
        assert (good.instance, good.refusal, evil.health.reason) == (instance("b"), None, "duplicate")


async def test_what_discovered_peers_showed_never_counts_against_a_configured_one() -> None:
    async with peering(endpoint("base"), endpoint("evil", found_by=MDNS)) as found:
        base, evil = found.peer("base"), found.peer("evil")
        assert found.registry.identify(evil, probed("b", "w"), now=1.0)
        assert found.registry.identify(evil, probed("b", "x", asked=1.5), now=2.0)
        evil.health.ok(1.0)
        assert found.registry.identify(base, probed("b", "w", asked=2.5), now=3.0)
        assert (base.instance, base.refusal) == (instance("b"), None)
        assert (evil.health.state, evil.health.reason, evil.picture()) == (PeerState.REFUSED, "duplicate", None)
        assert found.transitions == [("evil", "refused")]
        assert found.registry.identify(base, probed("b", "w", asked=3.5), now=4.0)


async def test_a_restart_keeps_the_last_document_until_the_new_one_is_read() -> None:
    async with peering(endpoint("b")) as found:
        peer = found.peer("b")
        found.registry.identify(peer, probed(boot="w"), now=1.0)
        peer.held = held("b")
        assert found.registry.identify(peer, probed(boot="x"), now=2.0)
        assert peer.held == held("b")


async def test_of_two_urls_with_copies_of_one_gateway_the_later_one_is_refused() -> None:
    async with peering(endpoint("b"), endpoint("c")) as found:
        first, second = found.peer("b"), found.peer("c")
        assert found.registry.identify(first, probed(boot="w"), now=1.0)
        assert found.registry.identify(second, probed(boot="x", asked=1.5), now=2.0)
        assert found.registry.identify(first, probed(boot="w", asked=3.0), now=3.5)
        assert second.health.state is PeerState.REFUSED
        assert [warned.peer_names for warned in found.registry.warnings()] == [("c",)]
        assert not found.registry.identify(second, probed(boot="x", asked=4.0), now=4.5)


async def test_a_gateway_that_took_the_place_of_a_copy_is_not_refused_for_it() -> None:
    async with peering(endpoint("b"), endpoint("c")) as found:
        first, second = found.peer("b"), found.peer("c")
        found.registry.identify(first, probed(boot="w"), now=1.0)
        found.registry.identify(second, probed(boot="x", asked=1.5), now=2.0)
        found.registry.identify(second, probed("d", asked=2.5), now=2.6)
        second.health.ok(1.0)
        assert found.registry.identify(first, probed(boot="w", asked=3.0), now=3.5)
        assert (second.health.state, second.refusal) == (PeerState.UP, None)


async def test_two_copies_behind_one_url_are_refused() -> None:
    async with peering(endpoint("b")) as found:
        peer = found.peer("b")
        verdicts = [
            found.registry.identify(peer, probed(boot=boot, asked=at), now=at + 0.5) for at, boot in enumerate("wxw")
        ]
        assert (verdicts, peer.health.state) == ([True, True, False], PeerState.REFUSED)


async def test_refused_connections_bring_a_peer_down_and_everybody_is_told() -> None:
    async with peering(endpoint("b")) as found:
        peer = found.peer("b")
        peer.health.ok(1.0)
        found.registry.report("b", REFUSED)
        found.registry.report("b", REFUSED)
        assert found.transitions == [("b", "suspect"), ("b", "down")]
        assert found.evidence == ["b", "b"]


async def test_an_answer_that_clears_a_suspicion_is_told_too() -> None:
    async with peering(endpoint("b")) as found:
        found.peer("b").health.ok(1.0)
        found.registry.report("b", REFUSED)
        found.registry.report("b", None)
        found.registry.report("b", None)
        assert found.transitions == [("b", "suspect"), ("b", "up")]


@pytest.mark.parametrize(
    "error", [MUTE, PeerError(PeerReason.INVALID_JSON, ""), PeerError(PeerReason.HTTP_REQUEST_DENIED, "", status=421)]
)
async def test_whatever_else_a_request_meets_asks_for_a_probe_and_brings_nobody_down(error: PeerError) -> None:
    async with peering(endpoint("b")) as found:
        found.peer("b").health.ok(1.0)
        for _ in range(10):
            found.registry.report("b", error)
        assert (found.peer("b").health.state, found.transitions) == (PeerState.UP, [])
        assert found.evidence == ["b"] * 10


async def test_a_report_of_a_peer_that_is_none_any_more_is_nothing() -> None:
    async with peering(endpoint("b")) as found:
        found.registry.report("gone", REFUSED)
        found.registry.report("gone", None)
        assert (found.transitions, found.evidence) == ([], [])


async def test_links_and_pictures_tell_who_is_up_and_who_is_trusted() -> None:
    async with peering(endpoint("b"), endpoint("c", found_by=MDNS), endpoint("d")) as found:
        for name in "bc":
            peer = found.peer(name)
            found.registry.identify(peer, probed(name), now=1.0)
            peer.held = held(name)
        found.peer("b").health.ok(1.0)
        links = [(hop.link.peer, hop.link.state, hop.link.instance, hop.trusted) for hop in found.registry.first_hops()]
        assert links == [
            ("b", LinkState.UP, instance("b"), True),
            ("d", LinkState.DOWN, None, True),
            ("c", LinkState.DOWN, instance("c"), False),
        ]
        assert [(one.peer, one.trusted, one.up) for one in found.registry.pictures()] == [
            ("b", True, True),
            ("c", False, False),
        ]


async def test_a_document_of_another_gateway_than_the_one_that_answers_counts_no_more() -> None:
    async with peering(endpoint("b")) as found:
        peer = found.peer("b")
        found.registry.identify(peer, probed("b"), now=1.0)
        peer.health.ok(1.0)
        peer.held = held("c")
        assert (found.registry.pictures(), peer.is_up) == ((), False)


async def test_unreadable_trees_and_entities_left_out_are_warned_of() -> None:
    async with peering(endpoint("b")) as found:
        peer = found.peer("b")
        peer.unreadable = "invalid_json: nonsense"
        peer.held = held("b", App("cam"), dropped=2)
        warned = {one.code: one.message for one in found.registry.warnings()}
        assert "invalid_json: nonsense" in warned["peer_tree_unreadable"]
        assert warned["peer_entities_dropped"].startswith("2 entities of peer b")
        (status,) = found.registry.statuses()
        assert (status.name, status.entities, status.reason, status.online) == ("b", 1, "invalid_json: nonsense", False)
