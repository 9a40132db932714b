"""Kills gateways and brings some of them back, at moments that a seed decides, and tells the truth about it."""

import asyncio
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from tests.faults.truth import Presence, Truth
from tests.federation.eventually import eventually
from tests.federation.gateways import Gateway

DETECTION_S = 60.0
"""How long a death may go unnoticed: a third of a second on an idle machine, much longer on a busy one."""

NOTICED_S = 2.0
"""A death that is shorter may end before anybody has noticed it."""

RETURN_S = 60.0
"""How long a gateway may take to be seen again once it answers: the longest time a flapping one is held, and slack."""

KILLING_S = 4.0
"""All deaths of a round fall into its first seconds."""

LONGEST_DEATH_S = 5.0


@dataclass(frozen=True, slots=True)
class Fate:
    """Seconds after the start of a round until the gateway dies, and then until it is started again (inf: never)."""

    name: str
    dies: float
    returns: float = math.inf


def draw(names: Sequence[str], chance: random.Random, *, survivors: int, returning: int) -> list[Fate]:
    """A fate for all but `survivors` of them; `returning` of those who die are started again."""
    dying = chance.sample(names, len(names) - survivors)
    returns = [chance.uniform(0.0, LONGEST_DEATH_S) if number < returning else math.inf for number in range(len(dying))]
    return [Fate(name, chance.uniform(0.0, KILLING_S), after) for name, after in zip(dying, returns, strict=True)]


class Nemesis:
    """What happens to the peers of `viewer`."""

    def __init__(self, viewer: Gateway, peers: Mapping[str, Gateway], truth: Truth) -> None:
        self._viewer, self._peers, self._truth = viewer, peers, truth

    async def round(self, fates: Sequence[Fate]) -> None:
        """Returns when all has happened and every death that lasts was noticed."""
        async with asyncio.TaskGroup() as tasks:
            for fate in fates:
                tasks.create_task(self._befall(fate))

    async def revive(self, names: Sequence[str]) -> None:
        """All of them, at once; returns when they are seen."""
        await asyncio.gather(*(self._start(name) for name in names))

    async def _befall(self, fate: Fate) -> None:
        await asyncio.sleep(fate.dies)
        self._truth.mark(fate.name, Presence.DOUBTFUL)
        await self._peers[fate.name].kill()
        clock = asyncio.get_running_loop().time
        returns = clock() + fate.returns
        if fate.returns > NOTICED_S:
            await eventually(partial(self._is_missed, fate.name), DETECTION_S)
            self._truth.mark(fate.name, Presence.DEAD)
        if fate.returns < math.inf:
            await asyncio.sleep(max(returns - clock(), 0.0))
            await self._start(fate.name)

    async def _start(self, name: str) -> None:
        self._truth.mark(name, Presence.DOUBTFUL)
        await self._peers[name].start()
        await eventually(partial(self._is_seen, name), RETURN_S)
        self._truth.mark(name, Presence.ALIVE)

    async def _is_seen(self, name: str) -> bool:
        listed = await self._viewer.get("/components")
        assert f"{name}_unit" in listed.ids
        return name not in listed.medkit.get("failed_peers", [])

    async def _is_missed(self, name: str) -> bool:
        (told,) = [each for each in (await self._viewer.get("/health")).json["peers"] if each["name"] == name]
        listed = await self._viewer.get("/components")
        assert f"{name}_unit" not in listed.ids
        return told["status"] == "offline" and name in listed.medkit.get("failed_peers", [])
