"""Load and gateway share a core only where there is one."""

import pytest

from benchmarks.changes import p99
from benchmarks.cores import Cores, choose_cores


@pytest.mark.parametrize(
    ("usable", "cores"),
    [
        ([5], Cores(load=5, peers=5, gateway=5)),
        ([0, 1], Cores(load=0, peers=0, gateway=1)),
        ([2, 3, 6, 7], Cores(load=2, peers=3, gateway=7)),
        ([], Cores(load=None, peers=None, gateway=None)),
    ],
)
def test_everybody_gets_a_core_as_far_as_there_are_any(usable: list[int], cores: Cores) -> None:
    assert choose_cores(usable) == cores


@pytest.mark.parametrize(("count", "value"), [(1, 1), (40, 40), (100, 99), (200, 198)])
def test_of_fewer_than_a_hundred_samples_the_percentile_is_the_largest(count: int, value: float) -> None:
    assert p99([float(one) for one in range(count, 0, -1)]) == value
