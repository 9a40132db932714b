"""A gateway that is killed at any moment loses and tears nothing that it answered: configuration values, faults.

`make soak` kills it 200 times; SOAK_KILLS changes that, SOAK_SEED repeats the choices of a run, though not its timing.
"""

import os
import random
from pathlib import Path

import pytest

from tests.federation.gateways import Cluster
from tests.soak.storing import kill_often

KILLS = int(os.environ.get("SOAK_KILLS", "200"))
A_FEW = 5


async def kill(folder: Path, kills: int) -> None:
    seed = int(os.environ.get("SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
    print(f"SOAK_SEED={seed}")
    async with Cluster(folder) as cluster:
        answered = await kill_often(cluster, kills, seed)
        print(f"{kills} kills, {answered} answers to keep")
        assert answered > 10 * kills


async def test_a_gateway_that_is_killed_a_few_times_keeps_all_that_it_answered(tmp_path: Path) -> None:
    await kill(tmp_path, A_FEW)


@pytest.mark.soak
async def test_a_gateway_that_is_killed_again_and_again_keeps_all_that_it_answered(tmp_path: Path) -> None:
    await kill(tmp_path, KILLS)
