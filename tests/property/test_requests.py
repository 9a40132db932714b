"""A request reaches its owner or says rightly why not; a fan-out asks everybody once; a write runs at most once."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entities.hops import Hops
from peers.attempt import Attempt, GiveUp
from peers.errors import PeerError, PeerReason
from tests.property.examples import examples
from tests.property.sending import Fate, Traffic
from tests.property.world import Gateway, Peer, World, small_tree

LARGEST = 7


@st.composite
def worlds(draw: st.DrawFn, *, broken: bool = False) -> World:
    """A settled world of random links; `broken`: then things happen that nobody has noticed yet."""
    world = World(random.Random(draw(st.integers(0, 1 << 16))))
    size = draw(st.integers(2, LARGEST))
    urls = [f"http://g{number}:8080" for number in range(size)]
    for url in urls:
        world.add(url, small_tree("cam", host=url[7:9]))
    pairs = [(one, other) for one in range(size) for other in range(size) if one != other]
    for one, other in draw(st.lists(st.sampled_from(pairs), min_size=size - 1, max_size=3 * size, unique=True)):
        trusted = draw(st.integers(0, 3)) > 0
        world.gateways[one].peers.append(Peer(f"g{other}", urls[other], trusted))
    world.cut |= set(draw(st.lists(st.sampled_from([(urls[one], urls[other]) for one, other in pairs]), max_size=2)))
    for gateway in draw(st.lists(st.sampled_from(world.gateways), max_size=2)):
        gateway.alive = gateway is world.gateways[0]
    world.settle(size + 2)
    if broken:
        break_unnoticed(draw, world)
    return world


def break_unnoticed(draw: st.DrawFn, world: World) -> None:
    """Deaths, replacements and cut wires after the last refresh; somebody may have refreshed since."""
    for gateway in draw(st.lists(st.sampled_from(world.gateways[1:]), max_size=2, unique_by=id)):
        if draw(st.booleans()):
            gateway.alive = False
        else:
            world.replace(gateway)
    urls = [gateway.url for gateway in world.gateways]
    world.cut |= set(draw(st.lists(st.tuples(st.sampled_from(urls), st.sampled_from(urls)), max_size=3)))
    for gateway in draw(st.lists(st.sampled_from(world.alive()), max_size=3)):
        world.refresh(gateway)


@examples(80)
@given(worlds(), st.booleans())
def test_in_a_settled_federation_every_request_reaches_its_owner_or_says_that_the_owner_is_silent(
    world: World, is_write: bool
) -> None:
    for gateway in world.alive():
        live = world.reachable(gateway)
        for app, merged in gateway.merged.apps.items():
            traffic = Traffic(world, is_write=is_write)
            answer = traffic.request(gateway, app)
            (owner,) = merged.instances
            if owner in live:
                assert (answer.status, answer.by, traffic.executed) == (200, owner, [owner])
                assert len(traffic.exchanges) <= 16
            else:
                assert (answer.status, traffic.exchanges, traffic.executed) == (502, [], [])
                assert not answer.may_have_executed


@examples(80)
@given(worlds(broken=True), st.booleans())
def test_before_anybody_noticed_a_request_still_goes_every_way_there_is(world: World, is_write: bool) -> None:
    for gateway in world.alive():
        for app, merged in gateway.merged.apps.items():
            traffic = Traffic(world, is_write=is_write)
            answer = traffic.request(gateway, app)
            (owner,) = merged.instances
            assert answer.status in (200, 502, 508)
            assert traffic.executed == ([owner] if answer.status == 200 else [])
            assert not answer.may_have_executed
            assert len(set(traffic.exchanges)) == len(traffic.exchanges), "no link is passed twice"
            if has_working_way(world, gateway, owner):
                assert answer.status == 200


def has_working_way(world: World, gateway: Gateway, owner: str) -> bool:
    """Over links that everybody on the way believes to be up and that are."""
    found = {gateway.instance}
    queue = [gateway]
    for one in queue:
        for hop in one.topology.first_hops:
            url = next(peer.url for peer in one.peers if peer.name == hop.link.peer)
            other = world.reached(one, url)
            if hop.link.state == "up" and other is not None and other.instance == hop.link.instance:
                if other.instance == owner:
                    return True
                if other.instance not in found and owner in other.topology.live:
                    found.add(other.instance)
                    queue.append(other)
    return False


FATES = st.builds(Fate, *(st.sampled_from([0.0, 0.2, 0.5]) for _ in range(3)))


@examples(80)
@given(worlds(broken=True), FATES)
def test_a_write_is_carried_out_once_or_not_at_all_and_the_client_is_never_told_wrongly(
    world: World, fate: Fate
) -> None:
    for gateway in world.alive():
        for app, merged in gateway.merged.apps.items():
            traffic = Traffic(world, fate, is_write=True)
            answer = traffic.request(gateway, app)
            assert traffic.executed in ([], [merged.instances[0]])
            if answer.status == 200:
                assert traffic.executed
            elif traffic.executed:
                assert (answer.status, answer.may_have_executed) == (504, True)


@examples(50)
@given(worlds(broken=True), FATES)
def test_a_read_ends_and_is_never_answered_by_another_gateway(world: World, fate: Fate) -> None:
    for gateway in world.alive():
        for app, merged in gateway.merged.apps.items():
            traffic = Traffic(world, fate)
            answer = traffic.request(gateway, app)
            assert set(traffic.executed) <= set(merged.instances)
            assert answer.status in (200, 502, 504, 508)
            assert len(traffic.exchanges) <= sum(len(one.peers) for one in world.gateways)


@examples(80)
@given(worlds())
def test_in_a_settled_federation_a_fan_out_asks_everybody_live_once_and_names_everybody_else(world: World) -> None:
    for gateway in world.alive():
        traffic = Traffic(world)
        result = traffic.fan_out(gateway)
        assert sorted(traffic.executed) == sorted(world.reachable(gateway))
        assert sorted(result.answered) == sorted(gateway.topology.live)
        assert sorted(origin for origin, _ in result.items) == sorted(result.answered)
        assert result.gaps == ()
        silent = {gap.instance for gap in gateway.view.gaps}
        assert set(gateway.topology.configured) - set(result.answered) <= silent


@examples(80)
@given(worlds(broken=True), FATES)
def test_a_fan_out_brings_or_names_everybody_whatever_breaks(world: World, fate: Fate) -> None:
    for gateway in world.alive():
        traffic = Traffic(world, fate)
        result = traffic.fan_out(gateway)
        named = [gap.instance or "" for gap in result.gaps]
        assert sorted([*result.answered, *named]) == sorted(gateway.topology.live)
        assert sorted(origin for origin, _ in result.items) == sorted(result.answered)
        assert all(gap.label == gateway.topology.label(gap.instance or "") for gap in result.gaps)


@examples(50)
@given(worlds(broken=True))
def test_a_fan_out_gets_every_part_that_can_be_had(world: World) -> None:
    for gateway in world.alive():
        result = Traffic(world).fan_out(gateway)
        reachable = {one for one in gateway.topology.live if has_working_way(world, gateway, one)}
        assert reachable <= set(result.answered)


@examples(50)
@given(worlds(), st.integers(0, 20))
def test_a_request_never_passes_more_than_sixteen_gateways(world: World, length: int) -> None:
    via = tuple(world.new_id() for _ in range(length))
    for gateway in world.alive():
        for owner in gateway.topology.live:
            answer = Traffic(world).answer(gateway, Hops(via=via, target=owner), "cam")
            assert answer.status == 200 or length > 9
            assert answer.status == 508 or length <= 15


@pytest.fixture
def detour() -> World:
    """A reads M and N, N reads M too, M reads T; the wire from A to M is cut and nobody has noticed."""
    world = World(random.Random(1))
    a, m, n, t = (world.add(f"http://{name}:8080", small_tree("cam", host=name)) for name in "amnt")
    a.peers = [Peer("m", m.url), Peer("n", n.url)]
    n.peers = [Peer("m", m.url)]
    m.peers = [Peer("t", t.url)]
    world.settle(4)
    world.cut.add((a.url, m.url))
    return world


def test_a_request_takes_the_detour_to_a_gateway_that_only_we_do_not_reach(detour: World) -> None:
    a, _, _, t = detour.gateways
    assert Traffic(detour).answer(a, Hops(target=t.instance), "cam").status == 200


def test_a_fan_out_takes_the_detour_to_a_gateway_that_only_we_do_not_reach(detour: World) -> None:
    a, m, n, t = detour.gateways
    assert set(Traffic(detour).fan_out(a).answered) == {m.instance, n.instance, t.instance}


@pytest.mark.parametrize(
    "reason",
    [*PeerReason],
)
def test_a_write_that_broke_after_sending_is_never_sent_another_way_whatever_broke_it(
    detour: World, reason: PeerReason
) -> None:
    """M loses the owner's answer and tells A so; A has another way, over N, and must not take it."""
    a, m, _, t = detour.gateways
    at_m = Attempt(m.topology, t.instance, Hops(via=(a.instance,), target=t.instance), is_write=True)
    at_m.next()
    told = at_m.failed(PeerError(reason, "the connection broke", sent=True))
    assert told is not None
    assert told.may_have_executed
    at_a = Attempt(a.topology, t.instance, Hops(target=t.instance), is_write=True)
    at_a.next()
    verdict = at_a.answered(504, told.gap.reason, ",".join(told.tried))
    assert isinstance(verdict, GiveUp)
    assert verdict.may_have_executed
