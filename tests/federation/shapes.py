"""Who is whose peer in a federation, and what each gateway must therefore know: worked out here a second time."""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass

NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Shape:
    """`peers`: gateway -> the gateways it lists as its peers, in that order, each under its own name.

    `kinds`: one gateway of each kind of place in it; others in the same kind of place see and are seen alike.
    """

    name: str
    peers: Mapping[str, tuple[str, ...]]
    kinds: tuple[str, ...]

    def __str__(self) -> str:
        return self.name

    @property
    def gateways(self) -> tuple[str, ...]:
        return tuple(self.peers)

    def ways(self, viewer: str, dead: Collection[str] = NOBODY) -> dict[str, str]:
        """Every gateway that `viewer` can reach without passing or meeting a dead one, and the way to it (`b/c`).

        The way is the shortest one; of equally long ones that of the peers listed first.
        """
        found: dict[str, str] = {}
        queue = deque([(viewer, "")])
        while queue:
            at, way = queue.popleft()
            for peer in self.peers[at]:
                if peer not in {viewer, *found, *dead}:
                    found[peer] = f"{way}/{peer}".lstrip("/")
                    queue.append((peer, found[peer]))
        return found

    def live(self, viewer: str, dead: Collection[str] = NOBODY) -> set[str]:
        """The gateways whose entities `viewer` shows."""
        return {viewer, *self.ways(viewer, dead)}

    def gaps(self, viewer: str, dead: Collection[str] = NOBODY) -> set[str]:
        """How `viewer` names those it knows and cannot reach."""
        live = self.live(viewer, dead)
        return {way for gateway, way in self.ways(viewer).items() if gateway not in live}


def chain(length: int) -> Shape:
    names = [f"g{number}" for number in range(length)]
    peers = {name: tuple(names[at + 1 : at + 2]) for at, name in enumerate(names)}
    return Shape(f"chain of {length}", peers, tuple(names))


def star(size: int) -> Shape:
    leaves = tuple(f"leaf{number}" for number in range(1, size))
    return Shape(f"star of {size}", {"hub": leaves, **dict.fromkeys(leaves, ())}, ("hub", leaves[0], leaves[-1]))


def ring(size: int) -> Shape:
    names = [f"g{number}" for number in range(size)]
    return Shape(f"ring of {size}", {name: (names[(at + 1) % size],) for at, name in enumerate(names)}, ("g0", "g2"))


def mesh(size: int) -> Shape:
    names = [f"g{number}" for number in range(size)]
    peers = {name: tuple(each for each in names if each != name) for name in names}
    return Shape(f"full mesh of {size}", peers, (names[0], names[-1]))


DIAMOND = Shape(
    "diamond",
    {"top": ("left", "right"), "left": ("bottom",), "right": ("bottom",), "bottom": ()},
    ("top", "left", "right", "bottom"),
)
