"""A gateway that is killed a thousand times, at random moments: nothing that it saved is ever torn.

SOAK_KILLS changes how often, SOAK_SEED repeats the moments.
"""

import os
import random
from pathlib import Path

import pytest

from tests.faults.killing import killed
from tests.federation.gateways import Cluster

KILLS = int(os.environ.get("SOAK_KILLS", "1000"))


@pytest.mark.soak
async def test_a_thousand_kills_tear_nothing(tmp_path: Path) -> None:
    seed = int(os.environ.get("SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
    print(f"SOAK_SEED={seed}")
    async with Cluster(tmp_path) as cluster:
        await killed(cluster, KILLS, random.Random(seed))
