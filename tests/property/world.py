"""A simulated federation. The gateways run the real pure core; only wires, clocks and deaths are made up.

A `Place` is a URL at which some process may run. A `Gateway` is one identity with its state directory: it dies and
returns with it, and a container without its volume is another Gateway at the same Place. A read fails if the Gateway
is dead, the wire is cut, or this one answer is lost; a link is up iff its last read succeeded.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from entities.codec import DecodedTree, parse_document, render_document
from entities.gather import Picture
from entities.history import apply_diff
from entities.identity import GatewayIdentity
from entities.merge import MergedTree
from entities.model import App, Area, Component, Function, GatewayTree
from entities.names import NameTable, Naming
from entities.records import Link, LinkState, TreeDocument, url_digest
from entities.routes import FirstHop, Topology
from peers.gaps import standing_gaps
from peers.own_record import OwnRecord
from peers.publication import Publication
from peers.refresh import Inputs, draft_view, first_view, own_view
from peers.view import FederatedView

START_S: Final = 1_700_000_000
"""Unix seconds when a world begins."""


HALF_READ: Final = 0.5
"""How often a lost answer was only the second one: who is there is known, its tree is not."""


@dataclass(slots=True)
class Peer:
    """One peer of one gateway: what it was told of it and what it last read there."""

    name: str
    url: str
    trusted: bool = True
    up: bool = False
    instance: str | None = None
    held: TreeDocument | None = None

    def link(self) -> Link:
        """As the record tells it."""
        state = LinkState.UP if self.up else LinkState.DOWN
        return Link(self.name, url_digest(self.url), state, self.instance, discovered=not self.trusted)


class Gateway:
    """One identity: what it owns, its peers, and the view it publishes, made by the code that makes the real ones."""

    def __init__(self, world: "World", url: str, name: str, tree: GatewayTree, peers: list[Peer]) -> None:
        """Not running yet."""
        self.instance = world.new_id()
        self.url = url
        self.name = name
        self.tree = tree
        self.peers = peers
        self.alive = False
        # What the state directory keeps, and what lives as long as the process.
        self.epoch = 0
        self.table = NameTable()
        self.own: OwnRecord
        self.view: FederatedView
        self.naming: Naming
        self.publication: Publication

    def __repr__(self) -> str:
        """As a failing property shows it: `g0->g1,~g2` with `~` before a discovered peer."""
        peers = ",".join(f"{'' if peer.trusted else '~'}{peer.name}" for peer in self.peers)
        return f"{'' if self.alive else 'dead '}{self.url}->{peers}"

    def start(self, clock: int, boot: str) -> None:
        """A new process on the kept state; serves what it knows before it has read anybody."""
        self.alive = True
        self.epoch = max(self.epoch + 1, clock)
        identity = GatewayIdentity(self.instance, boot, self.name, self.epoch)
        self.own = OwnRecord(identity)
        self.view = first_view(identity)
        self.publication = Publication(boot)
        for peer in self.peers:
            peer.up = False
        self.publish(periodic=False)

    def publish(self, *, periodic: bool) -> None:
        """One refresh after the reading."""
        peers = self.linked()
        pictures = tuple(Picture(one.name, one.held, one.trusted, one.up) for one in peers if one.held is not None)
        hops = tuple(FirstHop(one.link(), one.trusted) for one in peers)
        own = self.own.update(self.tree, [hop.link for hop in hops], pictures)
        draft = draft_view(Inputs(own, hops, pictures, self.table, periodic), self.view, "none")
        self.naming, self.table = draft.naming, draft.naming.table
        gaps = standing_gaps(draft.topology, {})
        if draft.merged is None:
            self.view = replace(self.view, gaps=gaps)
        else:
            self.view = FederatedView(
                generation=self.view.generation + 1,
                own_record=own,
                topology=draft.topology,
                names=self.table,
                merged=draft.merged,
                own=own_view(own),
                renamed=self.table.differing(draft.topology.records),
                gaps=gaps,
            )
        self.epoch = max(self.epoch, own.version[0])
        self.publication.full_at_once(self.view)

    def linked(self) -> list[Peer]:
        """The peers in peer order, ourselves under another URL left out."""
        others = [peer for peer in self.peers if peer.instance != self.instance]
        return sorted(others, key=lambda peer: (not peer.trusted, "" if peer.trusted else peer.name))

    @property
    def topology(self) -> Topology:
        """As published."""
        return self.view.topology

    @property
    def merged(self) -> MergedTree:
        """As published."""
        return self.view.merged.tree

    @property
    def document(self) -> TreeDocument:
        """What readers get."""
        return self.publication.full_at_once(self.view).document

    def live(self) -> set[str]:
        """Ourselves and everybody reachable over links that are up, as this gateway sees it."""
        return {self.instance, *self.topology.live}


class World:
    """All gateways that ever were, the wires between them, and the clock."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.clock = START_S
        self.gateways: list[Gateway] = []
        self.cut: set[tuple[str, str]] = set()
        """(URL of the reader, URL it reads): nothing passes."""
        self.aliases: dict[str, str] = {}
        """Second URL -> first URL of the same place."""
        self.forged: dict[str, TreeDocument] = {}
        """What somebody who is no gateway of ours tells at a URL."""

    def __repr__(self) -> str:
        """All gateways and what is cut."""
        return f"{self.gateways}, cut {sorted(self.cut)}"

    def at(self, url: str) -> Gateway | None:
        """Who answers at a URL now."""
        place = self.aliases.get(url, url)
        return next((one for one in self.gateways if one.alive and one.url == place), None)

    def alive(self) -> list[Gateway]:
        """All running gateways, in the order of their places."""
        return sorted((one for one in self.gateways if one.alive), key=lambda one: one.url)

    def by_instance(self, instance: str) -> Gateway:
        """The gateway of this id, dead or alive."""
        return next(one for one in self.gateways if one.instance == instance)

    def new_id(self) -> str:
        """A fresh instance or boot id."""
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        return "".join(self.rng.choices(alphabet, k=22))

    def add(self, url: str, tree: GatewayTree, peers: Iterable[Peer] = ()) -> Gateway:
        """A new gateway, running at `url`."""
        gateway = Gateway(self, url, url, tree, list(peers))
        self.gateways.append(gateway)
        gateway.start(self.clock, self.new_id())
        return gateway

    def replace(self, gateway: Gateway) -> Gateway:
        """A container without its volume: same URL, configuration and entities, another identity, no memory."""
        gateway.alive = False
        return self.add(gateway.url, gateway.tree, [Peer(peer.name, peer.url, peer.trusted) for peer in gateway.peers])

    def passes(self, reader: Gateway, url: str) -> bool:
        """Whether bytes get from the reader to whoever runs at `url`."""
        return (reader.url, self.aliases.get(url, url)) not in self.cut

    def reached(self, reader: Gateway, url: str) -> Gateway | None:
        """Who answers the reader at `url`, if anybody does."""
        return self.at(url) if self.passes(reader, url) else None

    def refresh(self, gateway: Gateway, *, lost: float = 0.0, periodic: bool = True) -> None:
        """Reads every peer (each answer lost with this probability) and publishes."""
        for peer in gateway.peers:
            source = self.reached(gateway, peer.url)
            forged = self.forged.get(peer.url)
            peer.up = (source is not None or forged is not None) and self.rng.random() >= lost
            if source is not None and peer.up:
                read(peer, source)
            elif source is not None and self.rng.random() < HALF_READ:
                meet(peer, source)
            elif forged is not None:
                peer.held, peer.instance = parsed(render_document(forged)), forged.instance_id
        gateway.publish(periodic=periodic)

    def settle(self, rounds: int, *, periodic: bool = True) -> None:
        """That many rounds in which every running gateway refreshes once, in another order each time."""
        for _ in range(rounds):
            running = self.alive()
            self.rng.shuffle(running)
            for gateway in running:
                self.refresh(gateway, periodic=periodic)

    def reachable(self, reader: Gateway) -> dict[str, int]:
        """The truth: every running gateway that links and wires lead to, and the length of the way, in links."""
        found = {reader.instance: 0}
        queue = [reader]
        for one in queue:
            for other in self.neighbours(one):
                if other.instance not in found and found[one.instance] < 16:
                    found[other.instance] = found[one.instance] + 1
                    queue.append(other)
        return found

    def neighbours(self, gateway: Gateway) -> Iterator[Gateway]:
        """Who answers at the URLs of its peers."""
        for peer in gateway.peers:
            other = self.reached(gateway, peer.url)
            if other is not None:
                yield other


def read(peer: Peer, source: Gateway) -> None:
    """One read through the wire's bytes: a diff where the source still holds the state we have."""
    held = peer.held
    published = source.publication.full_at_once(source.view)
    diff = held and source.publication.since_at_once(published, f"{held.boot_id}:{held.generation}")
    full = parsed(published.body)
    if diff and held and held.instance_id == source.instance:
        peer.held = apply_diff(held, parsed(diff))
        assert peer.held is not None, "a diff from the state we hold applies"
        assert same_content(peer.held, full), "a diff leads to the full document"
    else:
        peer.held = full
    peer.instance = source.instance


def parsed(body: bytes) -> TreeDocument:
    """What a reader makes of the bytes."""
    decoded = parse_document(body, max_bytes=1 << 26, max_entities=1 << 17)
    assert isinstance(decoded, DecodedTree)
    assert decoded.dropped == 0
    return decoded.document


def meet(peer: Peer, source: Gateway) -> None:
    """Somebody healthy answered, but the tree could not be read: what another instance told counts no more."""
    if peer.instance != source.instance:
        peer.instance, peer.held = source.instance, None


def same_content(one: TreeDocument, other: TreeDocument) -> bool:
    """Equal but for the order of records."""
    return {record.id: record for record in one.records} == {record.id: record for record in other.records} and (
        one.names,
        one.generation,
        one.boot_id,
    ) == (other.names, other.generation, other.boot_id)


def small_tree(apps: str = "", *, area: str = "lab", host: str | None = None) -> GatewayTree:
    """One Area, one Component of the gateway's own name, and an App per word."""
    component = Component(host or area, area=area, tags=(host or area,))
    ids = tuple(apps.split())
    return GatewayTree(
        areas=(Area(area),),
        components=(component,),
        apps=tuple(App(one, component_id=component.id) for one in ids),
        functions=(Function("work", hosts=ids),) if ids else (),
    )
