"""Whatever happens to a federation, once it is left in peace everybody lists everybody live, once, and nothing else."""

import random
from collections.abc import Mapping

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from entities.merge import merge
from entities.model import EntityKind
from entities.names import RESERVED_REFRESHES, NameTable, Origin
from entities.routes import survey
from tests.property.examples import examples
from tests.property.world import Gateway, Peer, World, small_tree

URLS = [f"http://g{number}:8080" for number in range(6)]
ALIAS = "http://alias:8080"
APPS = ["cam", "lidar", "g1__cam", "g2__g1__cam"]
"""Few, so that they collide; some are what a collision makes of others."""

PLACES = st.integers(0, len(URLS) - 1)


class Federation(RuleBasedStateMachine):
    """Gateways at six places; every rule is something that happens to them."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(random.Random(1))

    @initialize(seed=st.integers(0, 1 << 16), size=st.integers(2, len(URLS)))
    def begin(self, seed: int, size: int) -> None:
        self.world = World(random.Random(seed))
        for url in URLS[:size]:
            self.world.add(url, small_tree("cam", host=name_at(url)))

    def gateway(self, place: int) -> Gateway:
        """The gateway last seen at a place, dead or alive."""
        urls = sorted({one.url for one in self.world.gateways})
        return [one for one in self.world.gateways if one.url == urls[place % len(urls)]][-1]

    @rule(reader=PLACES, owner=PLACES, trusted=st.booleans(), alias=st.booleans())
    def link(self, reader: int, owner: int, trusted: bool, alias: bool) -> None:
        gateway, url = self.gateway(reader), self.gateway(owner).url
        if alias:
            self.world.aliases.setdefault(ALIAS, url)
            url = ALIAS
        if gateway.alive and all(peer.url != url for peer in gateway.peers):
            gateway.peers.append(Peer(name_at(url), url, trusted))

    @rule(reader=PLACES, number=st.integers(0, 5))
    def unlink(self, reader: int, number: int) -> None:
        gateway = self.gateway(reader)
        if gateway.alive and gateway.peers:
            del gateway.peers[number % len(gateway.peers)]

    @rule(reader=PLACES, owner=PLACES)
    def cut(self, reader: int, owner: int) -> None:
        self.world.cut.add((self.gateway(reader).url, self.gateway(owner).url))

    @precondition(lambda self: self.world.cut)
    @rule()
    def heal(self) -> None:
        self.world.cut.remove(self.world.rng.choice(sorted(self.world.cut)))

    @rule(place=PLACES)
    def die(self, place: int) -> None:
        self.gateway(place).alive = False

    @rule(place=PLACES, clock=st.sampled_from([-100, 0, 1, 100]))
    def come_back(self, place: int, clock: int) -> None:
        gateway = self.gateway(place)
        self.world.clock += clock
        if not gateway.alive:
            gateway.start(self.world.clock, self.world.new_id())

    @rule(place=PLACES)
    def replace(self, place: int) -> None:
        self.world.replace(self.gateway(place))

    @rule(place=PLACES, name=st.sampled_from(["renamed", "again"]))
    def rename(self, place: int, name: str) -> None:
        gateway = self.gateway(place)
        gateway.name = name
        if gateway.alive:
            gateway.start(self.world.clock, self.world.new_id())

    @rule(place=PLACES, app=st.sampled_from(APPS))
    def toggle_app(self, place: int, app: str) -> None:
        gateway = self.gateway(place)
        apps = {one.id for one in gateway.tree.apps} ^ {app}
        gateway.tree = small_tree(" ".join(sorted(apps)), host=name_at(gateway.url))

    @rule(place=PLACES, description=st.sampled_from(["old", "new"]))
    def describe(self, place: int, description: str) -> None:
        gateway = self.gateway(place)
        apps = tuple(msgspec.structs.replace(app, description=description) for app in gateway.tree.apps)
        gateway.tree = msgspec.structs.replace(gateway.tree, apps=apps)

    @rule(place=PLACES, periodic=st.booleans(), lost=st.sampled_from([0.0, 0.3]))
    def refresh(self, place: int, periodic: bool, lost: float) -> None:
        gateway = self.gateway(place)
        if gateway.alive:
            before = gateway.table
            self.world.refresh(gateway, lost=lost, periodic=periodic)
            check_names_keep_their_origin(before, gateway, periodic=periodic)

    @rule()
    def one_round(self) -> None:
        for gateway in self.world.alive():
            before = gateway.table
            self.world.refresh(gateway)
            check_names_keep_their_origin(before, gateway, periodic=True)

    @rule()
    def peace(self) -> None:
        self.world.settle(rounds_to_settle(self.world), periodic=False)
        for gateway in self.world.alive():
            check_ways(self.world, gateway)
            check_everything_live_is_listed_once(self.world, gateway)
            check_what_is_missing_is_named(self.world, gateway)
            check_order_does_not_matter(self.world, gateway)
        check_nothing_ticks(self.world)

    @rule()
    def long_peace(self) -> None:
        self.peace()
        self.world.settle(RESERVED_REFRESHES)
        for gateway in self.world.alive():
            check_nothing_is_kept_for_nothing(gateway)

    def teardown(self) -> None:
        self.long_peace()


def name_at(url: str) -> str:
    return url.removeprefix("http://").removesuffix(":8080")


def rounds_to_settle(world: World) -> int:
    """One for what everybody sees itself, then one per link of the longest way.

    Where trusted and discovered peers mix, news may have to go the longer way, over trusted peers.
    """
    running = world.alive()
    if any(is_mixed(one) for one in running):
        return len(running) + 1
    return max((length for one in running for length in world.reachable(one).values()), default=0) + 1


def is_mixed(gateway: Gateway) -> bool:
    return len({peer.trusted for peer in gateway.peers}) > 1


def check_names_keep_their_origin(before: NameTable, gateway: Gateway, *, periodic: bool) -> None:
    """A name passes to another origin only by inheritance, to a new own App, or after its reservation."""
    replaced = set(gateway.naming.replaced)

    def may_pass(old: Origin, new: Origin) -> bool:
        inherited = (old[0], new[0]) in replaced and old[1] == new[1]
        expired = periodic and before.reserved.get(old) == 1
        return inherited or expired or new[0] == gateway.instance

    for name, old in before.origins.items():
        new = gateway.table.origins.get(name, old)
        assert new == old or may_pass(old, new), f"{name} of {old} is now {new}"
    for origin, name in before.here.items():
        now = gateway.table.here.get(origin, name)
        moved_on = name in gateway.naming.displaced or origin[0] in {instance for pair in replaced for instance in pair}
        assert now == name or moved_on, f"{origin} was {name} and is now {now}"


def check_ways(world: World, gateway: Gateway) -> None:
    """Live is who can be reached, over ways that exist."""
    assert gateway.live() == set(world.reachable(gateway))
    for target, way in gateway.topology.live.items():
        at = gateway
        for peer, instance in zip(way.peers, way.instances, strict=True):
            url = next(one.url for one in at.peers if one.name == peer)
            reached = world.reached(at, url)
            assert reached is not None
            assert reached.instance == instance
            at = reached
        assert at.instance == target


def check_everything_live_is_listed_once(world: World, gateway: Gateway) -> None:
    live = [world.by_instance(instance) for instance in sorted(world.reachable(gateway))]
    for kind in EntityKind:
        truth = sorted((one.instance, entity) for one in live for entity in ids(one, kind).items())
        listed = sorted(
            (contribution.instance, own(gateway, kind, contribution.instance, contribution.entity.id))
            for merged in gateway.merged.of(kind).values()
            if merged.listed
            for contribution in merged.contributions
            if contribution.instance in gateway.live()
        )
        assert listed == [(instance, entity_id) for instance, (entity_id, _) in truth], kind
    for app in (merged for merged in gateway.merged.apps.values() if merged.listed):
        assert len(app.contributions) == 1
    assert own_apps(gateway) <= gateway.merged.apps.keys()
    if is_mixed(gateway) and not is_whole(world):
        return  # what a trusted peer says counts, even while it cannot reach whom we discovered ourselves
    for one in live:
        record = gateway.topology.records[one.instance]
        assert (record.apps, record.components, record.name) == (one.tree.apps, one.tree.components, one.name)


def is_whole(world: World) -> bool:
    """Every link leads to somebody."""
    return all(world.reached(one, peer.url) is not None for one in world.alive() for peer in one.linked())


def own(gateway: Gateway, kind: EntityKind, instance: str, shown: str) -> str:
    """The own id behind the id shown here."""
    if kind is not EntityKind.APP:
        return shown
    owner, own_id = gateway.table.origins[shown]
    assert owner == instance
    return own_id


def ids(gateway: Gateway, kind: EntityKind) -> Mapping[str, object]:
    return {entity.id: kind.value for entity in gateway.tree.of(kind)}


def own_apps(gateway: Gateway) -> set[str]:
    return {app.id for app in gateway.tree.apps}


def check_what_is_missing_is_named(world: World, gateway: Gateway) -> None:
    """Every link of everybody live that leads nowhere is a silent gateway or a way nobody has identified."""
    topology = gateway.topology
    silent = set(topology.configured) - set(topology.live)
    nameless = topology.unidentified()
    for instance in world.reachable(gateway):
        near = world.by_instance(instance)
        way = () if near is gateway else topology.live[instance].peers
        for peer in near.linked():
            if world.reached(near, peer.url) is None:
                assert peer.instance in silent | gateway.live() or (*way, peer.name) in nameless
    assert len({topology.label(one) for one in topology.configured}) == len(topology.configured)


def check_order_does_not_matter(world: World, gateway: Gateway) -> None:
    topology = gateway.topology
    shuffled = list(topology.records.items())
    world.rng.shuffle(shuffled)
    again = survey(topology.self_id, topology.first_hops, dict(shuffled))
    assert (again.configured, again.live) == (topology.configured, topology.live)
    merged = merge(again, gateway.table)
    for kind in EntityKind:
        assert list(merged.of(kind).items()) == list(gateway.merged.of(kind).items())


def check_nothing_ticks(world: World) -> None:
    before = [one.document for one in world.alive()]
    world.settle(1, periodic=False)
    assert [one.document for one in world.alive()] == before


def check_nothing_is_kept_for_nothing(gateway: Gateway) -> None:
    """Names of Apps that are known, seats of links that are known, and no more."""
    known = {(instance, app.id) for instance, record in gateway.topology.records.items() for app in record.apps}
    assert not gateway.table.reserved
    assert set(gateway.table.here) == known
    assert {name: origin for origin, name in gateway.table.here.items()} == dict(gateway.table.origins)
    links = {(instance, link.at) for instance, record in gateway.topology.records.items() for link in record.links}
    assert set(gateway.table.seats) <= links


Federation.TestCase.settings = examples(80, steps=50)
TestFederation = Federation.TestCase
