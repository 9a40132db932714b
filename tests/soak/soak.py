"""One run: a mesh, clients, trouble, a judge; and what the gateways use before, meanwhile and afterwards."""

import asyncio
import random
from dataclasses import dataclass
from functools import partial

from tests.federation.gateways import eventually
from tests.soak.judge import Judge
from tests.soak.load import Load
from tests.soak.mesh import NAMES, SPARED, Mesh
from tests.soak.registers import Registers
from tests.soak.trouble import Trouble
from tests.soak.use import Use

WARM_UP = 0.2
"""The part of the requests after which the memory in use counts as normal."""

RSS_GROWTH_BYTES = 8 * 1024 * 1024
"""What a gateway that was not killed may have more at the end than after the warm-up."""

SETTLE_S = 90.0
"""Until all is whole: a peer that flapped is held down for 10 s. And until idle connections are closed: 2 s."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is asked and broken, at least; `minutes`: after which it ends even if it was less."""

    requests: int
    flaps: int
    minutes: float


class Soak:
    """Over a mesh that has just been started."""

    def __init__(self, mesh: Mesh, amount: Amount, seed: int) -> None:
        self._mesh = mesh
        self._amount = amount
        registers = Registers(mesh.truth.clock, mesh.truth.boots)
        for (_, owner), link in mesh.links.items():
            link.on_way_up = partial(registers.arrives, owner)
        self._judge = Judge(mesh.truth, registers)
        self._load = Load(mesh, self._judge, registers, random.Random(seed))
        self._trouble = Trouble(mesh, random.Random(seed + 1))
        self._began = mesh.truth.clock()
        self._uses: list[dict[str, Use]] = []
        # Mutable state: when the load began, and what was used at each stage.

    def __str__(self) -> str:
        """The figures so far."""
        load, trouble, judge = self._load, self._trouble, self._judge
        seconds = self._mesh.truth.clock() - self._began
        return "\n".join(
            (
                f"{load.requests} requests, {trouble.flaps} flaps, {trouble.kills} kills, {seconds:.0f} s",
                f"what could be reached was missing for {judge.longest_s:.1f} s at most",
                *(f"{count:8} {what}" for what, count in sorted(judge.outcomes.items())),
                *(f"{name}: {' -> '.join(str(use[name]) for use in self._uses if name in use)}" for name in NAMES),
            )
        )

    async def run(self) -> None:
        """Fails at the first wrong answer, or when at the end not all is whole or back where it was."""
        self._measure(NAMES)
        async with self._load as load:
            await eventually(load.finds_nothing_missing, SETTLE_S)
            await self._endure()
            await eventually(load.finds_nothing_missing, SETTLE_S)
        await eventually(self._is_back, SETTLE_S)
        _, warm, resting = self._uses
        grown = {name: resting[name].rss_bytes - warm[name].rss_bytes for name in SPARED}
        assert {name: growth for name, growth in grown.items() if growth > RSS_GROWTH_BYTES} == {}

    async def _endure(self) -> None:
        """Load and trouble; measures after the warm-up."""
        self._began = self._mesh.truth.clock()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._trouble.run())
            await self._load.run(self._is_warm)
            self._measure(SPARED)
            await self._load.run(self._is_over)
            self._trouble.end()

    def _is_warm(self) -> bool:
        return self._load.requests >= self._amount.requests * WARM_UP or self._is_late()

    def _is_over(self) -> bool:
        is_enough = self._load.requests >= self._amount.requests and self._trouble.flaps >= self._amount.flaps
        return is_enough or self._is_late()

    def _is_late(self) -> bool:
        return self._mesh.truth.clock() - self._began > self._amount.minutes * 60

    def _measure(self, names: tuple[str, ...]) -> None:
        self._uses.append({name: Use.of(self._mesh.gateways[name]) for name in names})

    def _is_back(self) -> bool:
        before, warm, *_ = self._uses
        now = {name: Use.of(self._mesh.gateways[name]) for name in NAMES}
        self._uses[:] = [before, warm, now]
        assert {name: str(use) for name, use in now.items() if not use.is_back(before[name])} == {}
        return True
