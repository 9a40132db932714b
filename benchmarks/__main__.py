"""All measurements, or those named, and one table: `python -m benchmarks [--quick] [NAME]...`."""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import uvloop

from benchmarks import fanning, finding, forwarding, listing, machine, mute, refreshing, size, spreading
from benchmarks.changes import NeverSeenError
from benchmarks.cores import Cores, choose_cores, pin
from benchmarks.load import FULL, QUICK, LoadError, Pace
from benchmarks.stage import Stage
from benchmarks.table import Row, render_table

MEASUREMENTS: Mapping[str, Callable[[Stage], Awaitable[Sequence[Row]]]] = {
    "list": listing.measure,
    "forward": forwarding.measure,
    "fan-out": fanning.measure,
    "refresh": refreshing.measure,
    "spread": spreading.measure,
    "find": finding.measure,
    "mute": mute.measure,
    "size": size.measure,
}

FAILED = 1
INTERRUPTED = 130


async def measure(names: Sequence[str], cores: Cores, pace: Pace) -> list[Row]:
    """One after the other, each with gateways of its own; what goes on is told on standard error."""
    task = asyncio.current_task()
    assert task is not None
    for sig in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sig, task.cancel)
    rows: list[Row] = []
    for name in names:
        began = time.monotonic()
        async with Stage.open(cores, pace) as stage:
            rows += await MEASUREMENTS[name](stage)
        _tell(f"{name}: {time.monotonic() - began:.0f} s, {machine.load_average()}")
    return rows


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Figures as ratios; docs/benchmarks.md.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the time: does it run, not how fast")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(MEASUREMENTS)}; default all")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in MEASUREMENTS]
    if unknown:
        parser.error(f"found {', '.join(unknown)}; allowed: {', '.join(MEASUREMENTS)}")
    cores = choose_cores()
    print(f"{machine.describe(cores)}\n", flush=True)
    pin(os.getpid(), cores.load)
    try:
        rows = uvloop.run(measure(arguments.names or [*MEASUREMENTS], cores, QUICK if arguments.quick else FULL))
    except (LoadError, NeverSeenError) as error:
        _tell(f"no figures: {error}")
        return FAILED
    except asyncio.CancelledError:
        _tell("interrupted; everything is stopped")
        return INTERRUPTED
    print(render_table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
