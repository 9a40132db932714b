"""What it takes to keep up with a peer of 1000 Apps: in Grove's own form, and in upstream's as its rival."""

import itertools
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
NATIVE = {"refresh_interval_ms": 2_000, "health_interval_ms": 60_000}
UPSTREAM = {"refresh_interval_ms": 4_000, "health_interval_ms": 60_000}
"""Long enough for a burst to be over, and a pause, before the next begins."""

Change = Callable[[], Awaitable[None]]


async def measure(stage: Stage) -> Sequence[Row]:
    """For a peer that has not changed and for one that has: requests, bytes, time."""
    native, foreign = await _native(stage), await _upstream(stage)
    rows = []
    for what, ours, theirs in zip(("unchanged", "changed"), native, foreign, strict=True):
        title = f"refresh, {what} peer of {APPS} Apps"
        one = Goal("figure", "<=", 1) if what == "unchanged" else None
        rows += [
            _row(f"{title}, requests", "", ours.requests, theirs.requests, one),
            _row(f"{title}, bytes", "kB", ours.bytes / 1000, theirs.bytes / 1000),
            _row(f"{title}, time", "ms", ours.ms, theirs.ms),
        ]
        if what == "unchanged":
            rows.append(Row(f"{title}, answers 304", Figure(ours.unmodified, ""), goal=Goal("figure", ">=", 1)))
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
    peer = stage.cluster.upstream("upstream", upstream_spec(changes=0))
    await peer.start()
    pin(peer.process.pid, stage.cores.peers)
    changes = itertools.count(1)

    async def change() -> None:
        await peer.change_tree(upstream_spec(next(changes)))

    return await _unchanged_and_changed(stage, "foreign", peer.url, UPSTREAM, change)


def upstream_spec(changes: int) -> dict[str, Any]:
    """For tests/federation/upstream.py: Components with the Apps between them; each change renames one."""
    components = [{"id": f"unit{number}", "name": f"unit{number}"} for number in range(COMPONENTS)]
    apps = [{"id": f"app{number}", "component_id": f"unit{number % COMPONENTS}"} for number in range(APPS)]
    return {"components": components, "apps": [{**apps[0], "name": f"changed{changes}"}, *apps[1:]]}


async def _unchanged_and_changed(
    stage: Stage, name: str, url: str, settings: dict[str, int], change: Change
) -> list[Burst]:
    """The middle bursts of each kind."""
    meter = Meter(url)
    async with meter.listening() as metered:
        grove = await stage.grove(name, [("peer", metered)], settings=settings)
        await whole_list(grove, APPS)
        await meter.burst()  # what was under way
        unchanged, changed = [], []
        for _ in range(stage.pace.rounds):
            unchanged.append(await meter.burst())
            await change()
            changed.append(await meter.burst())
        await grove.stop()
    return [_middle(unchanged), _middle(changed)]


def _middle(bursts: list[Burst]) -> Burst:
    return sorted(bursts, key=lambda burst: burst.ms)[len(bursts) // 2]
