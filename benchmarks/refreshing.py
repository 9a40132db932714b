"""What it takes to keep up with a peer of 1000 Apps: in Grove's own form, and in upstream's as its rival."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp

from benchmarks.changes import Client
from benchmarks.cores import pin
from benchmarks.listing import whole_list
from benchmarks.meter import Burst, Meter
from benchmarks.stage import Stage
from benchmarks.table import Figure, Goal, Rival, Row

APPS = 1000
COMPONENTS = 100
NATIVE = {"refresh_interval_ms": 1_000, "health_interval_ms": 60_000}
UPSTREAM = {"refresh_interval_ms": 4_000, "health_interval_ms": 60_000}
"""Long enough for a walk to be over, and a pause, before the next begins."""

Change = Callable[[], Awaitable[None]]


async def measure(stage: Stage) -> Sequence[Row]:
    """Three rows each for a peer that has not changed and for one that has: requests, bytes, time."""
    native, foreign = await _native(stage), await _upstream(stage)
    rows = []
    for what, ours, theirs in zip(("an unchanged", "a changed"), native, foreign, strict=True):
        title = f"refresh of {what} peer of {APPS} Apps, "
        goal = Goal("figure", "<=", 1) if ours.unmodified == ours.requests else None
        answers = f"requests, {ours.unmodified} x 304"
        rows += [
            _row(title + answers, "requests", ours.requests, theirs.requests, goal),
            _row(title + "bytes", "kB", ours.bytes / 1000, theirs.bytes / 1000),
            _row(title + "time", "ms", ours.ms, theirs.ms),
        ]
    return rows


def _row(what: str, unit: str, ours: float, theirs: float, goal: Goal | None = None) -> Row:
    return Row(what, Figure(ours, unit), Rival("upstream form", Figure(theirs, unit)), goal)


async def _native(stage: Stage) -> list[Burst]:
    _, (url,) = await stage.peers([{"name": "peer", "apps": APPS}])
    async with aiohttp.ClientSession() as session:

        async def change() -> None:
            await Client(session).change(url)

        return await _unchanged_and_changed(stage, "native", url, NATIVE, change)


async def _upstream(stage: Stage) -> list[Burst]:
    """A stand-in in Python: requests and bytes are upstream's, its time is not."""
    peer = stage.cluster.upstream("upstream", upstream_spec(APPS))
    await peer.start()
    pin(peer.process.pid, stage.cores.peers)
    sizes = iter(range(APPS + 1, APPS + 100))

    async def change() -> None:
        await peer.change_tree(upstream_spec(next(sizes)))

    return await _unchanged_and_changed(stage, "foreign", peer.url, UPSTREAM, change)


def upstream_spec(apps: int) -> dict[str, Any]:
    """For tests/federation/upstream.py: Components with so many Apps between them."""
    components = [{"id": f"unit{number}", "name": f"unit{number}"} for number in range(COMPONENTS)]
    return {
        "components": components,
        "apps": [
            {"id": f"app{number}", "name": f"app{number}", "component_id": f"unit{number % COMPONENTS}"}
            for number in range(apps)
        ],
    }


async def _unchanged_and_changed(
    stage: Stage, name: str, url: str, settings: dict[str, int], change: Change
) -> list[Burst]:
    """The middle bursts of each kind."""
    meter = Meter(url)
    async with meter.listening() as metered:
        grove = await stage.grove(name, [("peer", metered)], settings=settings)
        await whole_list(grove, APPS)
        await meter.burst()  # what was under way
        rounds = range(stage.pace.rounds)
        unchanged = [await meter.burst() for _ in rounds]
        changed = []
        for _ in rounds:
            await change()
            changed.append(await meter.burst())
        await grove.stop()
    return [_middle(unchanged), _middle(changed)]


def _middle(bursts: list[Burst]) -> Burst:
    return sorted(bursts, key=lambda burst: burst.ms)[len(bursts) // 2]
