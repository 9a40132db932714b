"""Load over a mesh whose links flap and whose gateways are killed: every answer is true, and nothing grows."""

import asyncio
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.federation.gateways import Cluster, eventually
from tests.soak.judge import Judge
from tests.soak.load import Load
from tests.soak.mesh import NAMES, SPARED, Mesh
from tests.soak.registers import Registers
from tests.soak.trouble import Trouble
from tests.soak.truth import Truth
from tests.soak.use import Use

WARM_UP = 0.2
"""The part of the requests after which the memory in use counts as normal."""

RSS_GROWTH_BYTES = 8 * 1024 * 1024
"""What a gateway may have more at the end than after the warm-up."""

RESTING_SOCKETS = 1 + 4 * (len(NAMES) - 1)
"""A gateway listens; to and from every peer it has a connection for events and one for probes."""

SETTLE_S = 90.0
"""Until all is whole: a peer that flapped is held down for 10 s. And until idle connections are closed: 15 s."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is asked and broken, at least; `minutes`: when it ends even if less was."""

    requests: int
    flaps: int
    minutes: float


ONE_PERCENT = Amount(10_000, 100, 0.35)
FULL = Amount(
    int(os.environ.get("SOAK_REQUESTS", "1_000_000")),
    int(os.environ.get("SOAK_FLAPS", "10_000")),
    float(os.environ.get("SOAK_MINUTES", "240")),
)


class Soak:
    """One run over a mesh that is whole."""

    def __init__(self, mesh: Mesh, amount: Amount, seed: int) -> None:
        self.amount = amount
        self.mesh = mesh
        self.registers = Registers(mesh.truth.clock, mesh.truth.boots)
        self.judge = Judge(mesh.truth, self.registers)
        self.load = Load(mesh, self.judge, self.registers, random.Random(seed))
        self.trouble = Trouble(mesh, random.Random(seed + 1))
        self.began = mesh.truth.clock()

    async def run(self) -> dict[str, Use]:
        """Returns what the spared ones use after the warm-up; at the end all is whole again."""
        async with self.load as load:
            await eventually(load.finds_nothing_missing, SETTLE_S)
            async with asyncio.TaskGroup() as tasks:
                trouble = tasks.create_task(self.trouble.run())
                await load.run(lambda: load.requests >= self.amount.requests * WARM_UP or self._is_late())
                warm = self.uses(SPARED)
                await load.run(self._is_over)
                self.trouble.end()
                await trouble
            await eventually(load.finds_nothing_missing, SETTLE_S)
        return warm

    def uses(self, names: tuple[str, ...] = NAMES) -> dict[str, Use]:
        return {name: Use.of(self.mesh.gateways[name]) for name in names}

    def _is_over(self) -> bool:
        is_done = self.load.requests >= self.amount.requests and self.trouble.flaps >= self.amount.flaps
        return is_done or self._is_late()

    def _is_late(self) -> bool:
        return self.mesh.truth.clock() - self.began > self.amount.minutes * 60

    def print(self, *uses: dict[str, Use]) -> None:
        seconds = self.mesh.truth.clock() - self.began
        print(f"{self.load.requests} requests, {self.trouble.flaps} flaps, {self.trouble.kills} kills, {seconds:.0f} s")
        print(dict(sorted(self.judge.outcomes.items())))
        for name in NAMES:
            print(f"{name}: {' -> '.join(str(each[name]) for each in uses if name in each)}")


async def soak(cluster: Cluster, amount: Amount) -> None:
    seed = int(os.environ.get("SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
    print(f"SOAK_SEED={seed}")
    mesh = await Mesh.start(cluster, Truth(NAMES, time.monotonic))
    run = Soak(mesh, amount, seed)
    resting = run.uses()
    warm = await run.run()
    try:
        await eventually(lambda: has_no_more_open(mesh, resting), SETTLE_S)
        grown = {name: run.uses()[name].rss_bytes - warm[name].rss_bytes for name in SPARED}
        assert {name: growth for name, growth in grown.items() if growth > RSS_GROWTH_BYTES} == {}
    finally:
        run.print(resting, warm, run.uses())


def has_no_more_open(mesh: Mesh, before: dict[str, Use]) -> bool:
    """Files as many as before there were any clients, and sockets as many as nobody's requests need."""
    files = {name: gateway.open_fds() - RESTING_SOCKETS for name, gateway in mesh.gateways.items()}
    assert {name: left for name, left in files.items() if left > before[name].fds - before[name].sockets} == {}
    return True


@pytest.mark.serial
async def test_one_percent_of_a_soak_finds_every_answer_true_and_nothing_grown(tmp_path: Path) -> None:
    async with Cluster(tmp_path) as cluster:
        await soak(cluster, ONE_PERCENT)


@pytest.mark.soak
async def test_a_soak_finds_every_answer_true_and_nothing_grown(tmp_path: Path) -> None:
    async with Cluster(tmp_path) as cluster:
        await soak(cluster, FULL)
