"""Who is a peer: the configured always, the discovered once proved, and for how long when they fall silent."""

from contextlib import AsyncExitStack

import pytest

from discovery.endpoint import FoundBy, PeerEndpoint
from peers.candidates import CandidateSettings
from peers.health import PeerState
from peers.native import Probed
from peers.roster import RosterSettings
from tests.federation.eventually import eventually
from tests.unit.entities.sketch import instance
from tests.unit.peers.lineup import QUICK, lineup, neighbour
from tests.unit.peers.peering import SELF, held

FILE, DNS = FoundBy.FILE, FoundBy.DNS


async def test_who_was_found_is_a_peer_once_it_proved_who_it_is() -> None:
    async with neighbour("b") as b, lineup() as line:
        line.discover(b.found("arm", claims="b"))
        assert line.names == []
        await line.has("arm")
        peer = line.peer("arm")
        assert (peer.instance, peer.version, peer.health.state) == (instance("b"), "9.9", PeerState.UP)
        assert (peer.trusted, peer.link().discovered) == (False, True)
        assert list(line.roster.candidates) == []


async def test_the_configured_peers_are_there_from_the_start_asked_or_not() -> None:
    async with lineup() as line:
        line.discover(PeerEndpoint("base", "http://base.invalid:8080"))
        assert (line.names, line.peer("base").link().discovered) == (["base"], False)


async def test_who_is_none_now_is_asked_again_until_it_is_one() -> None:
    async with neighbour("") as b, lineup() as line:
        line.discover(b.found())
        await line.rejects(b.found(), "not_grove")
        b.becomes("b")
        await line.has("arm")


async def test_fault_054_an_announcement_that_leads_to_another_gateway_makes_no_peer_of_it() -> None:
    async with neighbour("b") as b, neighbour("x") as attacker, lineup() as line:
        line.discover(b.found(claims="b"))
        await line.has("arm")
        line.discover(attacker.found(claims="b"))
        await line.rejects(attacker.found(), "identity_mismatch")
        assert (line.names, line.peer("arm").endpoint.url) == (["arm"], b.url)
        attacker.becomes("b")
        await line.rejects(attacker.found(), "duplicate")
        line.peer("arm").held = held("b")
        b.becomes("")
        line.stays_silent("arm")
        await eventually(lambda: line.peer("arm").endpoint.url == attacker.url)
        assert line.peer("arm").held == held("b"), "the same gateway at another place: what is known of it stays"


async def test_a_gateway_found_at_two_places_is_one_peer_and_up_if_either_answers() -> None:
    seldom = CandidateSettings(pause_ms=5, retry_ms=600_000, max_retry_ms=600_000)
    async with neighbour("b") as b, neighbour("b") as too, lineup(candidates=seldom) as line:
        line.discover(b.found("arm"))
        await line.has("arm")
        line.discover(b.found("arm"), too.found("arm_2"))
        await line.rejects(too.found(), "duplicate")
        b.becomes("")
        line.stays_silent("arm")
        await eventually(lambda: line.peer("arm").endpoint.url == too.url)
        assert line.names == ["arm"]


async def test_fault_054_who_falls_silent_for_a_moment_is_not_believed_to_be_elsewhere() -> None:
    async with neighbour("b") as b, neighbour("b") as claimant, lineup() as line:
        line.discover(b.found())
        await line.has("arm")
        line.discover(b.found(), claimant.found("evil"))
        line.goes_silent("arm")
        line.clock.now += RosterSettings().move_s - 0.1
        line.roster.review()
        tries = line.candidate(claimant.url).tries
        await eventually(lambda: line.candidate(claimant.url).tries > tries + 1)
        assert line.peer("arm").endpoint.url == b.url
        line.peer("arm").health.ok(1.0)
        line.roster.review()
        line.goes_silent("arm")
        line.clock.now += 0.2
        line.roster.review()
        await line.rejects(claimant.found(), "duplicate")
        assert line.peer("arm").endpoint.url == b.url, "its silence is counted anew"


async def test_fault_054_who_answers_again_where_it_was_first_has_its_place_back() -> None:
    async with neighbour("b") as b, neighbour("b") as claimant, lineup() as line:
        line.discover(b.found())
        await line.has("arm")
        b.becomes("")
        line.discover(b.found(), claimant.found("evil"))
        line.stays_silent("arm")
        await eventually(lambda: line.peer("arm").endpoint.url == claimant.url)
        line.peer("arm").held = held("b")
        assert line.peer("arm").health.linked
        b.becomes("b")
        await eventually(lambda: line.peer("arm").endpoint.url == b.url, 30)
        assert line.peer("arm").held is None, "what the other one told in its name is not kept"
        await line.rejects(claimant.found(), "duplicate")


async def test_fault_054_who_left_and_comes_back_finds_nobody_in_its_place() -> None:
    async with neighbour("b") as b, neighbour("x") as claimant, lineup() as line:
        line.discover(b.found())
        await line.has("arm")
        b.becomes("")
        line.discover(departed=(b.found(),))
        line.goes_silent("arm")
        claimant.becomes("b")
        line.discover(claimant.found("evil"))
        await line.has("evil")
        b.becomes("b")
        line.discover(claimant.found("evil"), b.found())
        await eventually(lambda: [peer.endpoint.url for peer in line.registry] == [b.url], 30)


async def test_a_discovered_peer_that_answers_as_another_gateway_is_a_candidate_again() -> None:
    async with neighbour("b") as b, neighbour("c") as c, lineup() as line:
        line.discover(b.found(), c.found("evil"))
        await line.has("arm", "evil")
        c.becomes("b")
        claim = Probed(0, 1.0, instance("b"), instance("y"), 1)
        assert not line.registry.identify(line.peer("evil"), claim, now=1.0)
        line.roster.look_again()
        await line.has("arm")
        await line.rejects(c.found(), "duplicate")
        c.becomes("d")
        await line.has("arm", "evil")
        assert line.peer("evil").instance == instance("d"), "a gateway without its volume is a new one, and a peer"


async def test_ourselves_and_a_copy_of_us_are_no_peers() -> None:
    async with neighbour("a") as copy, lineup() as line:
        line.discover(copy.found("copy"))
        assert instance("a") == SELF.instance_id
        await line.rejects(copy.found(), "duplicate_instance_id")
        assert line.names == []


async def test_fault_041_a_configured_peer_at_another_url_is_not_discovered_too() -> None:
    async with neighbour("b") as b, lineup() as line:
        static = PeerEndpoint("base", "http://base.invalid:8080")
        line.discover(static)
        line.peer("base").instance = instance("b")
        line.discover(static, b.found())
        await line.rejects(b.found(), "duplicate")
        assert line.names == ["base"]


async def test_fault_041_a_discovered_peer_that_turns_out_to_be_a_configured_one_is_one_no_longer() -> None:
    async with neighbour("b") as b, lineup() as line:
        static = PeerEndpoint("base", "http://base.invalid:8080")
        line.discover(static, b.found())
        await line.has("base", "arm")
        line.peer("base").instance = instance("b")
        line.roster.look_again()
        await line.has("base")


async def test_a_discovered_peer_cannot_take_the_identity_of_a_configured_one() -> None:
    async with neighbour("b") as b, lineup() as line:
        static = PeerEndpoint("base", "http://base.invalid:8080")
        line.discover(static, b.found())
        await line.has("base", "arm")
        line.peer("base").instance = instance("c")
        b.becomes("c")
        arm = line.peer("arm")
        assert not line.registry.identify(arm, Probed(0, 1.0, instance("c"), instance("y"), 1), now=1.0)
        assert (arm.picture(), arm.link().instance) == (None, None)
        line.roster.look_again()
        await line.has("base")


async def test_fault_041_a_goodbye_never_removes_a_configured_peer() -> None:
    async with lineup() as line:
        static = PeerEndpoint("base", "http://base.invalid:8080")
        line.discover(static)
        base = line.peer("base")
        line.discover(static, departed=(PeerEndpoint("base_2", "http://base.invalid:8080", FoundBy.MDNS),))
        assert (line.peer("base"), line.doubted, base.health.state) == (base, [], PeerState.UNKNOWN)


async def test_fault_053_a_goodbye_makes_suspect_and_the_probe_decides() -> None:
    async with neighbour("b") as b, lineup() as line:
        line.discover(b.found())
        await line.has("arm")
        arm = line.peer("arm")
        line.discover(departed=(b.found(),))
        assert (line.doubted, arm.health.state, arm.health.reason) == (["arm"], PeerState.SUSPECT, "goodbye")
        arm.health.ok(1.0)
        line.clock.now += 11
        line.roster.review()
        assert line.peer("arm") is arm
        line.goes_silent("arm")
        assert line.peer("arm") is arm, "the goodbye was a lie; that it falls silent later is another matter"


async def test_fault_053_who_said_goodbye_and_is_gone_is_forgotten_at_once() -> None:
    async with neighbour("b") as b, lineup() as line:
        line.discover(b.found())
        await line.has("arm")
        line.discover(departed=(b.found(),))
        line.discover()
        b.becomes("")
        line.goes_silent("arm")
        assert line.names == []


async def test_promise_30_who_said_goodbye_and_comes_back_is_asked_at_once_however_long_it_was_away() -> None:
    hesitant = CandidateSettings(pause_ms=5, retry_ms=600_000, max_retry_ms=600_000)
    async with neighbour("b") as b, lineup(candidates=hesitant) as line:
        line.discover(b.found())
        await line.has("arm")
        b.becomes("")
        line.discover(departed=(b.found(),))
        line.goes_silent("arm")
        await line.rejects(b.found(), "not_grove")
        b.becomes("b")
        line.discover(b.found())
        await line.has("arm")


async def test_a_goodbye_is_heard_once_however_often_it_is_read() -> None:
    async with neighbour("b") as b, lineup() as line:
        line.discover(b.found())
        await line.has("arm")
        for _ in range(3):
            line.discover(departed=(b.found(),))
        assert line.doubted == ["arm"]
        line.discover(b.found())
        line.discover(departed=(b.found(),))
        assert line.doubted == ["arm", "arm"]


async def test_fault_059_who_crashed_without_a_goodbye_stays_known_for_75_minutes() -> None:
    async with neighbour("b") as b, lineup() as line:
        line.discover(b.found())
        await line.has("arm")
        line.discover()
        line.roster.review()
        assert line.names == ["arm"], "mDNS forgot it; it is alive"
        line.goes_silent("arm")
        line.clock.now += 4499
        line.roster.review()
        assert line.names == ["arm"]
        line.clock.now += 2
        line.roster.review()
        assert line.names == []


async def test_who_came_back_in_time_is_silent_anew_the_next_time() -> None:
    async with neighbour("b") as b, lineup() as line:
        line.discover(b.found())
        await line.has("arm")
        line.goes_silent("arm")
        line.clock.now += 4000
        line.peer("arm").health.ok(1.0)
        line.roster.review()
        line.goes_silent("arm")
        line.clock.now += 4000
        line.roster.review()
        assert line.names == ["arm"]


@pytest.mark.parametrize("by", [FILE, DNS])
async def test_who_is_taken_out_of_a_list_goes_at_once_and_one_still_in_it_never(by: FoundBy) -> None:
    async with neighbour("b") as b, lineup() as line:
        line.discover(b.found(by=by))
        await line.has("arm")
        line.goes_silent("arm")
        line.clock.now += 9000
        line.roster.review()
        assert line.names == ["arm"]
        line.discover()
        assert line.names == []


async def test_who_is_taken_out_of_a_list_goes_at_once_though_a_part_of_it_was_never_read() -> None:
    async with neighbour("b") as b, lineup() as line:
        line.discover(b.found(by=FILE), unread="static")
        await line.has("arm")
        assert line.peer("arm").endpoint.source == "static"
        line.discover(b.found(by=FILE), unread="static")
        assert line.names == ["arm"]
        line.discover(unread="static")
        assert line.names == []


async def test_another_name_in_a_file_keeps_what_is_known_of_the_peer() -> None:
    async with neighbour("b") as b, lineup() as line:
        line.discover(b.found(by=FILE))
        await line.has("arm")
        line.peer("arm").held = held("b")
        line.discover(b.found("left_arm", by=FILE))
        assert line.names == ["left_arm"]
        assert (line.peer("left_arm").instance, line.peer("left_arm").held) == (instance("b"), held("b"))


async def test_no_more_peers_are_discovered_than_allowed() -> None:
    async with AsyncExitStack() as stack:
        many = [await stack.enter_async_context(neighbour(letter)) for letter in "bcd"]
        line = await stack.enter_async_context(lineup(RosterSettings(max_discovered=2, candidates=QUICK)))
        found = [one.found(f"n{at}") for at, one in enumerate(many)]
        line.discover(*found)
        await eventually(lambda: len(line.names) == 2, 30)
        (left,) = [one for one in found if one.name not in line.names]
        await line.rejects(left, "max_discovered_peers")
        line.discover(left)
        assert len(line.names) == 2, "who is a peer stays one, found or not"
