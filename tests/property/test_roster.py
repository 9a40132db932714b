"""Whatever is found, said, proved and forgotten in whatever order: the rules about who is a peer hold."""

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from discovery.endpoint import EndpointSet, FoundBy, PeerEndpoint
from peers.budget import ByteBudget
from peers.client import PeerClient
from peers.errors import PeerError, PeerReason
from peers.health import Health, HealthSettings, PeerState
from peers.native import Probed
from peers.peer import Peer
from peers.registry import Registry
from peers.resolver import Resolver
from peers.roster import Roster, RosterSettings
from peers.settings import MIB, TransportSettings
from tests.property.examples import examples
from tests.unit.entities.sketch import instance
from tests.unit.peers.peering import SELF, Clock

STATIC = (PeerEndpoint("s0", "http://s0:1"), PeerEndpoint("s1", "http://s1:1"))
URLS = tuple(f"http://d{number}:1" for number in range(4))
LETTERS = "abcd"
"""Who may answer anywhere; a is ourselves."""

MOST = 2
REFUSED = PeerError(PeerReason.CONNECTION_REFUSED, "nobody listens")

urls = st.sampled_from(URLS)
letters = st.sampled_from(LETTERS)
sources = st.sampled_from([FoundBy.MDNS, FoundBy.FILE, FoundBy.DNS])


def probed(letter: str) -> Probed:
    """A gateway that answered; one with our own instance is a copy of us."""
    return Probed(0.0, 1.0, instance(letter), instance("y"), 1)


class Line(RuleBasedStateMachine):
    """A roster whose world the rules move."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        budget, resolver = ByteBudget(MIB), Resolver()

        def make_client(one: PeerEndpoint) -> PeerClient:
            return PeerClient(one, TransportSettings(), resolver=resolver, budget=budget)

        def make_health() -> Health:
            return Health(HealthSettings(), wall=self.clock, clock=self.clock, sick=lambda: False)

        self.registry = Registry(SELF, make_client, make_health)
        self.roster = Roster(
            SELF,
            self.registry,
            RosterSettings(max_discovered=MOST),
            make_client=make_client,
            clock=self.clock,
            wall=self.clock,
        )
        self.left: list[Peer] = []
        self.roster.on_leave = self.left.append
        self.roster.set_endpoints(EndpointSet(STATIC))
        self.static = tuple(self.registry)

    def discovered(self) -> dict[str, Peer]:
        return {peer.endpoint.url: peer for peer in self.registry if not peer.trusted}

    def found(self) -> list[Peer]:
        return list(self.discovered().values())

    @rule(found=st.dictionaries(urls, sources, min_size=1), departed=st.sets(urls))
    def discovery_tells(self, found: dict[str, FoundBy], departed: set[str]) -> None:
        before = self.discovered()
        names = {peer.name: url for url, peer in before.items()}
        endpoints = []
        for url, by in sorted(found.items()):
            name = before[url].name if url in before else f"n{URLS.index(url)}"
            if names.setdefault(name, url) == url:
                endpoints.append(PeerEndpoint(name, url, by))
        admitted = frozenset(one.url for one in endpoints)
        self.roster.set_endpoints(EndpointSet((*STATIC, *endpoints), departed=frozenset(departed & admitted)))
        for url, peer in before.items():
            stays = url in admitted or peer.endpoint.found_by is FoundBy.MDNS
            assert (url in self.discovered()) is stays

    @rule(pick=st.integers(0, 9), letter=letters)
    def somebody_answers(self, pick: int, letter: str) -> None:
        endpoints = [*(one.endpoint for one in self.roster.candidates), *(one.endpoint for one in self.found())]
        if not endpoints:
            return
        endpoint = endpoints[pick % len(endpoints)]
        peer = self.discovered().get(endpoint.url)
        if peer is None:
            verdict = self.roster.judge(endpoint, probed(letter), self.clock.now)
            assert (verdict is None) is (endpoint.url in self.discovered())
        elif self.registry.identify(peer, probed(letter), now=self.clock.now):
            peer.health.ok(1.0)

    @rule(at=st.integers(0, 1), letter=st.sampled_from(LETTERS[1:]))
    def a_configured_peer_answers(self, at: int, letter: str) -> None:
        if self.registry.identify(self.static[at], probed(letter), now=self.clock.now):
            self.static[at].health.ok(1.0)

    @rule(pick=st.integers(0, 9))
    def a_peer_dies(self, pick: int) -> None:
        found = self.found()
        for _ in range(HealthSettings().refusals if found else 0):
            found[pick % len(found)].health.failed(REFUSED)

    @rule(seconds=st.sampled_from([1.0, 11.0, 4000.0, 5000.0]))
    def time_passes_and_all_are_reviewed(self, seconds: float) -> None:
        alive = {
            url: peer
            for url, peer in self.discovered().items()
            if peer.health.state is PeerState.UP and not self.is_configured(peer)
        }
        self.roster.review()
        self.clock.now += seconds
        self.roster.review()
        assert {url: self.discovered().get(url) for url in alive} == alive, "nobody who answers is forgotten"
        assert not any(self.is_configured(peer) for peer in self.discovered().values())

    def is_configured(self, peer: Peer) -> bool:
        held = {one.instance for one in self.static if one.refusal is None and one.instance is not None}
        return peer.instance in held or peer.is_misplaced

    @invariant()
    def configured_peers_never_change(self) -> None:
        assert tuple(self.registry)[: len(STATIC)] == self.static
        assert not any(peer.trusted for peer in self.left)

    @invariant()
    def names_are_unique_and_nobody_is_two_things(self) -> None:
        names = [peer.name for peer in self.registry]
        assert len(names) == len(set(names))
        waiting = {one.endpoint.url for one in self.roster.candidates}
        assert not waiting & self.discovered().keys()
        assert len(self.discovered()) <= MOST

    @invariant()
    def nobody_who_was_found_is_taken_for_us(self) -> None:
        assert all(peer.instance != SELF.instance_id or not peer.health.linked for peer in self.discovered().values())


TestLine = Line.TestCase
TestLine.settings = examples(300, steps=40)
