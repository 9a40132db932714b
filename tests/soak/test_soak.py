"""Load over a mesh whose links flap and whose gateways are killed: every answer is true, and nothing grows.

`make soak` for the whole of it. SOAK_REQUESTS, SOAK_FLAPS and SOAK_MINUTES change how much it is, SOAK_SEED repeats
the choices of a run, though not its timing.
"""

import os
import random
import time
from pathlib import Path

import pytest

from tests.federation.gateways import Cluster
from tests.soak.mesh import NAMES, Mesh
from tests.soak.soak import Amount, Soak
from tests.soak.truth import Truth

FULL = Amount(
    requests=int(os.environ.get("SOAK_REQUESTS", "1_000_000")),
    flaps=int(os.environ.get("SOAK_FLAPS", "10_000")),
    minutes=float(os.environ.get("SOAK_MINUTES", "600")),
)
ONE_PERCENT = Amount(requests=10_000, flaps=100, minutes=1.0)
"""About 20 seconds; the minute is for machines that are busy."""


async def soak(folder: Path, amount: Amount) -> None:
    seed = int(os.environ.get("SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
    print(f"SOAK_SEED={seed}")
    async with Cluster(folder) as cluster:
        run = Soak(await Mesh.start(cluster, Truth(NAMES, time.monotonic)), amount, seed)
        try:
            await run.run()
        finally:
            print(run)


@pytest.mark.serial
@pytest.mark.timeout(300)  # a machine that is busy takes several times as long
async def test_one_percent_of_a_soak_finds_every_answer_true_and_nothing_grown(tmp_path: Path) -> None:
    await soak(tmp_path, ONE_PERCENT)


@pytest.mark.soak
async def test_a_soak_finds_every_answer_true_and_nothing_grown(tmp_path: Path) -> None:
    await soak(tmp_path, FULL)
