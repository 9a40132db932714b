"""Which id each gateway's App has here. A name once given stays with its origin. Pure.

Source: docs/architecture.md, "Names". Own Apps always keep their ids; only remote ones are renamed.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from entities.records import Names
from entities.routes import Topology
from entities.seats import Seat, take_seats

RESERVED_REFRESHES: Final = 6
"""Periodic refreshes for which a retracted name stays reserved for its origin."""

MAX_RESERVED: Final = 10_000
"""Names reserved for one gateway at a time; one that renames its Apps again and again loses the rest."""

MAX_ID: Final = 256

SEPARATOR: Final = "__"
"""Between the peer's name and the id it shows; peer names may not contain it."""

Origin = tuple[str, str]
"""(instance, its own App id)."""


@dataclass(frozen=True, slots=True)
class NameTable:
    """Names given so far, the oldest first. `here` and `origins` are inverse; `reserved` counts refreshes left."""

    here: Mapping[Origin, str] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)
    reserved: Mapping[Origin, int] = field(default_factory=dict)
    seats: Mapping[Seat, str] = field(default_factory=dict)

    def of(self, instance: str, own_id: str) -> str | None:
        """The id here of an instance's App, or None while it has none."""
        return self.here.get((instance, own_id))

    def differing(self, live: Iterable[str]) -> Names:
        """What the tree document tells: per instance, the Apps whose id here is not their own."""
        shown: dict[str, dict[str, str]] = {instance: {} for instance in live}
        for (instance, own_id), here in self.here.items():
            if here != own_id and instance in shown:
                shown[instance][own_id] = here
        return {instance: dict(sorted(given.items())) for instance, given in sorted(shown.items()) if given}


@dataclass(frozen=True, slots=True)
class Naming:
    """The table after one refresh and what users must be told."""

    table: NameTable
    displaced: tuple[str, ...] = ()
    """Ids that a new own App took from a remote one (warning `app_id_displaced`)."""
    replaced: tuple[tuple[str, str], ...] = ()
    """(old instance, new instance) pairs seen at one seat (warning `identity_changed`)."""


Shown = Callable[[str, str, str], str]
"""(first-hop peer, instance, own id) -> the id that peer shows for it (the own id where it says nothing)."""


def give_names(topology: Topology, shown: Shown, previous: NameTable, *, periodic: bool) -> Naming:
    """Names for every App of every known gateway; `periodic` refreshes let reservations age."""
    seating = take_seats(topology, previous.seats)
    previous = _inherit(previous, seating.heirs)
    wishes = dict(_wishes(topology, shown))
    own = {wish for (instance, _), (_, wish) in wishes.items() if instance == topology.self_id}
    given: dict[Origin, str] = {}
    taken: dict[str, Origin] = {}
    displaced: list[str] = []
    for own_id in own:
        given[topology.self_id, own_id] = own_id
        taken[own_id] = (topology.self_id, own_id)
    for origin, here in previous.here.items():
        if origin in given or origin not in wishes or origin[0] == topology.self_id:
            continue
        if here in taken:
            displaced.append(here)
            continue
        given[origin] = here
        taken[here] = origin
    reserved = _reserve(previous, given, taken, periodic=periodic)
    taken.update((previous.here[origin], origin) for origin in reserved)
    _give_new(wishes, given, taken)
    kept = {origin: name for origin, name in previous.here.items() if origin in given or origin in reserved}
    table = NameTable(
        here=kept | given,
        origins=taken,
        reserved=reserved,
        seats=seating.kept({instance for instance, _ in reserved if not topology.is_known(instance)}),
    )
    return Naming(table, tuple(sorted(displaced)), tuple(sorted(seating.heirs.items())))


_Wish = tuple[tuple[str, ...], str]
"""The peer names to prefix an id with where the wanted one is taken, and the wanted id."""


def _wishes(topology: Topology, shown: Shown) -> Iterator[tuple[Origin, _Wish]]:
    """Each origin and what it wishes, in the order in which names are given.

    The prefixes: our first-hop peer, and what the gateway before the owner calls it. The first may not know the owner
    yet while we do, over another peer; then it shows nothing of it, and the second is how it will.
    """
    rank = topology.rank()
    for instance in sorted(topology.records, key=lambda known: rank.get(known, len(rank))):
        record = topology.records[instance]
        way = topology.configured.get(instance)
        for own_id in sorted(app.id for app in record.apps):
            if way is None:
                yield (instance, own_id), (("",), own_id)
            else:
                prefixes = (way.first_peer, way.peers[-1])
                yield (instance, own_id), (prefixes, shown(way.first_peer, instance, own_id))


def _give_new(wishes: Mapping[Origin, _Wish], given: dict[Origin, str], taken: dict[str, Origin]) -> None:
    """Two passes: first all whose wanted id is free, then the rest under a prefixed one."""
    late: list[tuple[Origin, tuple[str, ...], str]] = []
    for origin, (prefixes, wish) in wishes.items():
        if origin in given:
            continue
        if wish in taken:
            late.append((origin, prefixes, wish))
        else:
            given[origin] = wish
            taken[wish] = origin
    for origin, prefixes, wish in late:
        here = next(free for free in _fallbacks(origin, prefixes, wish) if free not in taken)
        given[origin] = here
        taken[here] = origin


def _fallbacks(origin: Origin, prefixes: Iterable[str], wish: str) -> Iterator[str]:
    """Ids to try in turn; endless, since a hostile gateway may hold any number of them."""
    for prefix in prefixes:
        prefixed = f"{prefix}{SEPARATOR}{wish}"
        if len(prefixed) <= MAX_ID:
            yield prefixed
    digest = hashlib.sha256("|".join(origin).encode()).hexdigest()[:8]
    for number in count(1):
        tail = f"{SEPARATOR}{digest}" if number == 1 else f"{SEPARATOR}{digest}_{number}"
        yield f"{wish[: MAX_ID - len(tail)]}{tail}"


def _reserve(
    previous: NameTable, given: Mapping[Origin, str], taken: Mapping[str, Origin], *, periodic: bool
) -> dict[Origin, int]:
    """Retracted names, own ones too, whose origin may still come back, with the refreshes left to each."""
    reserved: dict[Origin, int] = {}
    held: Counter[str] = Counter()
    for origin, here in previous.here.items():
        if origin in given or here in taken:
            continue
        left = previous.reserved.get(origin, RESERVED_REFRESHES) - (1 if periodic else 0)
        if left > 0 and held[origin[0]] < MAX_RESERVED:
            held[origin[0]] += 1
            reserved[origin] = left
    return reserved


def _inherit(previous: NameTable, heirs: Mapping[str, str]) -> NameTable:
    """The table with every replaced instance's names passed to its heir; of two for one App the older stays."""
    if not heirs:
        return previous
    here: dict[Origin, str] = {}
    for (instance, own_id), name in previous.here.items():
        here.setdefault((heirs.get(instance, instance), own_id), name)
    reserved = {(heirs.get(instance, instance), own_id): left for (instance, own_id), left in previous.reserved.items()}
    return NameTable(here, {name: origin for origin, name in here.items()}, reserved, previous.seats)


def display_name(name: str, own_id: str, here: str) -> str:
    """The App's name as shown here: prefixed or suffixed just as its id was."""
    if here == own_id:
        return name
    if here.endswith(own_id):
        return here[: len(here) - len(own_id)] + name
    return f"{name} ({here})"
