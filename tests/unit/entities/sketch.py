"""Records and topologies from a few words: a gateway is one letter, its instance id that letter and zeros."""

from collections.abc import Iterable, Mapping

from entities.gather import Picture
from entities.merge import MergedTree, merge
from entities.model import App, Area, Component, Function
from entities.names import NameTable, Naming, give_names
from entities.records import Link, LinkState, Record, TreeDocument, url_digest
from entities.routes import FirstHop, Topology, survey

Entity = Area | Component | App | Function


def instance(letter: str) -> str:
    """The instance id of a gateway."""
    return letter.ljust(22, "0")


def letters(instances: Iterable[str]) -> str:
    """The gateways of some instance ids, in order."""
    return "".join(one[0] for one in instances)


def link(words: str, *, at: str = "", discovered: bool = False) -> Link:
    """`b` is up, `-b` down, `?b` down and never reached; the peer's name is the letter."""
    letter = words[-1]
    state = LinkState.UP if len(words) == 1 else LinkState.DOWN
    known = None if words[0] == "?" else instance(letter)
    return Link(letter, url_digest(at or letter), state, known, discovered=discovered)


def record(letter: str, links: str = "", *entities: Entity, version: tuple[int, int] = (1, 0)) -> Record:
    """The record of a gateway with links to the words of `links`."""
    return Record(
        instance(letter),
        version,
        letter,
        tuple(link(words) for words in links.split()),
        areas=tuple(one for one in entities if isinstance(one, Area)),
        components=tuple(one for one in entities if isinstance(one, Component)),
        apps=tuple(one for one in entities if isinstance(one, App)),
        functions=tuple(one for one in entities if isinstance(one, Function)),
    )


def seen_from(first: Record, *others: Record, discovered: str = "") -> Topology:
    """What `first` sees when it has the records of the others; its peers in `discovered` are not trusted."""
    hops = [FirstHop(one, trusted=one.peer not in discovered) for one in first.links]
    return survey(first.id, hops, {one.id: one for one in (first, *others)})


def named(topology: Topology, previous: NameTable | None = None, *, periodic: bool = True, **shown: str) -> Naming:
    """One refresh of names; `shown`: `b_cam="x"` when peer b shows x for what its owner calls cam."""
    told: Mapping[str, str] = shown
    return give_names(
        topology,
        lambda peer, _, own_id: told.get(f"{peer}_{own_id}", own_id),
        previous or NameTable(),
        periodic=periodic,
    )


def merged(first: Record, *others: Record) -> MergedTree:
    """The tree that `first` shows."""
    topology = seen_from(first, *others)
    return merge(topology, named(topology).table)


def picture(sender: str, *records: Record, trusted: bool = True, up: bool = True) -> Picture:
    """What gateway `sender` told last."""
    document = TreeDocument(1, instance(sender), instance("z"), 1, records)
    return Picture(sender, document, trusted, up)
