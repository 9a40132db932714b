"""Requests from outside, as many as get answered or at a fixed rate: by wrk, or by our own generator."""

import asyncio
import json
import math
import re
import shutil
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_RATE: Final = re.compile(r"Requests/sec:\s+([\d.]+)")
_P99: Final = re.compile(r"99%\s+([\d.]+)(us|ms|s|m)\b")
_BAD: Final = re.compile(r"(?:Non-2xx or 3xx responses|Socket errors): .*")
_MS: Final = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


class LoadError(Exception):
    """The load was not answered as it must be, so its figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of a load: answers per second, and milliseconds that 99 of 100 of them did not exceed."""

    rate: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how often everything is measured."""

    seconds: float
    rounds: int
    is_quick: bool = False

    def times(self, count: int) -> int:
        """A tenth of `count` in a quick run, at least one."""
        return max(1, count // 10) if self.is_quick else count


FULL: Final = Pace(seconds=2.0, rounds=3)
QUICK: Final = Pace(seconds=0.5, rounds=1, is_quick=True)


async def saturate(url: str, connections: int, seconds: float) -> Loaded:
    """As fast as the answers come. Raises LoadError when one of them is not a success."""
    if shutil.which("wrk") is None:
        return await _hammer(url, connections, seconds)
    whole = str(math.ceil(seconds))  # it knows no fractions
    return parse_wrk(await _output("wrk", "-t1", f"-c{connections}", f"-d{whole}s", "--latency", url))


async def ask_evenly(url: str, rate: float, connections: int, seconds: float) -> Loaded:
    """`rate` requests a second whatever becomes of them. Raises LoadError when one of them is not a success."""
    return await _hammer(url, connections, seconds, rate)


async def saturate_in_turn(urls: Mapping[str, str | None], connections: int, pace: Pace) -> Mapping[str, Loaded]:
    """The medians by name, from rounds in which everybody who has a URL comes once, so that all share the weather."""
    rivals = {name: url for name, url in urls.items() if url is not None}
    for url in rivals.values():
        await _hammer(url, connections, min(0.3, pace.seconds))
    found: dict[str, list[Loaded]] = {name: [] for name in rivals}
    for _ in range(pace.rounds):
        for name, url in rivals.items():
            found[name].append(await saturate(url, connections, pace.seconds))
    return {name: median(each) for name, each in found.items()}


def median(found: Sequence[Loaded]) -> Loaded:
    """Of each figure by itself."""
    return Loaded(statistics.median(one.rate for one in found), statistics.median(one.p99_ms for one in found))


def parse_wrk(output: str) -> Loaded:
    """What `wrk --latency` printed. Raises LoadError when answers failed or nothing was measured."""
    if bad := _BAD.search(output):
        raise LoadError(f"wrk counted {bad[0]}")
    rate, p99 = _RATE.search(output), _P99.search(output)
    if rate is None or p99 is None:
        raise LoadError(f"wrk printed no figures: {output!r}")
    return Loaded(float(rate[1]), float(p99[1]) * _MS[p99[2]])


async def _hammer(url: str, connections: int, seconds: float, rate: float | None = None) -> Loaded:
    wanted = [] if rate is None else [str(rate)]
    output = await _output(sys.executable, "-m", "benchmarks.hammer", url, str(connections), str(seconds), *wanted)
    told = json.loads(output)
    if told["errors"]:
        raise LoadError(f"{told['errors']} of the requests for {url} were not answered with 200")
    return Loaded(told["rate"], told["p99_ms"])


async def _output(*command: str) -> str:
    """What a command prints; it does not outlive us."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise LoadError(f"{command[0]} ended with exit code {process.returncode}")
    return output.decode()
