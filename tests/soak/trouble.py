"""Links that flap and gateways that are killed at random, until enough was broken."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from tests.soak.mesh import NAMES, SPARED, Mesh

FLAPPERS = 5
"""Links broken at a time, at most."""

KILLERS = 2
"""Gateways dead at a time, at most."""

FLAPS_S = ((0.8, 0.01, 0.3), (0.19, 0.5, 3.0), (0.01, 45.0, 60.0))
"""How likely, and from how long to how long: too short to be noticed, noticed, and got used to by everybody."""

PEACE_S = (0.0, 0.6)
"""Between two flaps of one flapper."""

DEATHS_S, LIVES_S = (0.0, 4.0), (0.5, 15.0)
"""How long one is dead, and how long until a killer comes again."""

STOPS = 0.3
"""How many of the deaths are a machine that sleeps, after which everything goes on as before."""

STUMBLES, STUMBLES_S = 0.3, (0.0, 2.0)
"""How many of those started again are killed once more so soon, or while they start."""


class Trouble:
    """`flaps` and `kills`: how many there were so far."""

    def __init__(self, mesh: Mesh, chance: random.Random) -> None:
        self.flaps = 0
        self.kills = 0
        self._mesh, self._chance = mesh, chance
        self._over = asyncio.Event()
        # Mutable state: the counts, and whether it is over.

    async def run(self) -> None:
        """Until `end`; then all that it has broken works again."""
        async with asyncio.TaskGroup() as tasks:
            for step in (*[self._flap] * FLAPPERS, *[self._kill] * KILLERS):
                tasks.create_task(self._repeat(step))

    def end(self) -> None:
        self._over.set()

    async def _repeat(self, step: Callable[[], Awaitable[None]]) -> None:
        while not self._over.is_set():
            await step()

    async def _flap(self) -> None:
        way = self._chance.choice([way for way in self._mesh.links if way not in self._mesh.truth.broken])
        await self._mesh.break_link(way, self._chance)
        ((_, shortest, longest),) = self._chance.choices(FLAPS_S, [likely for likely, _, _ in FLAPS_S])
        await self._pause(shortest, longest)
        await self._mesh.heal_link(way)
        self.flaps += 1
        await self._pause(*PEACE_S)

    async def _kill(self) -> None:
        await self._pause(*LIVES_S)
        if self._over.is_set():
            return
        name = self._chance.choice([name for name in NAMES if name not in SPARED and self._mesh.truth.is_alive(name)])
        if self._chance.random() < STOPS:
            with self._mesh.stopped(name):
                await self._pause(*DEATHS_S)
            return
        await self._mesh.kill(name)
        self.kills += 1
        await self._pause(*DEATHS_S)
        if self._chance.random() < STUMBLES:
            await self._mesh.stumble(name, self._chance.uniform(*STUMBLES_S))
            self.kills += 1
        await self._mesh.revive(name)

    async def _pause(self, shortest: float, longest: float) -> None:
        """Random, and cut short when it is over."""
        try:
            async with asyncio.timeout(self._chance.uniform(shortest, longest)):
                await self._over.wait()
        except TimeoutError:
            return
