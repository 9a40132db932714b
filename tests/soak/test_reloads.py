"""A gateway whose files change a thousand times while it is asked: no request is lost, and nothing of it grows.

SOAK_RELOADS changes how often.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.federation.gateways import Cluster, Gateway, eventually

FULL = int(os.environ.get("SOAK_RELOADS", "1000"))
TENTH = FULL // 10

WARM_UP = 0.2
"""The part of the reloads after which what is in use counts as normal."""

GROWTH_BYTES = 8 * 1024 * 1024
APPLIED = "changed settings in effect"
PATIENT = {"aggregation.timeout_ms": 60_000, "aggregation.write_timeout_ms": 60_000}


def manifest(name: str, *more: str) -> Mapping[str, Any]:
    data = [{"id": "mark", "name": "Mark", "value": name}]
    return {"apps": [{"id": app, "name": app, "data": data} for app in (f"{name}_app", *more)]}


class Reloads:
    """A hub that always has the peer `arm`, on changing terms, and by turns another one, other Apps, other limits."""

    def __init__(self, hub: Gateway, arm: Gateway, leg: Gateway) -> None:
        self.hub, self._arm, self._leg = hub, arm, leg
        self.answers = 0
        # Mutable state: how many requests were answered.

    def change(self, number: int) -> None:
        """The files, as they are for the n-th time."""
        peers = [{"name": "arm", "url": self._arm.url, "timeout_ms": 1000 + number % 7}]
        if number % 2:
            peers.append({"name": "leg", "url": self._leg.url})
        self.hub.config.pop("aggregation", None)
        self.hub.configure({**PATIENT, "aggregation.enabled": True, "aggregation.peers": peers})
        self.hub.configure({"cors.allowed_origins": [f"http://ui:{1000 + number}"], "sse.max_clients": 10 + number % 5})
        self.hub.manifest = manifest("hub", *(f"extra_{number % 3}",))
        self.hub.write()

    async def run(self, first: int, last: int) -> None:
        for number in range(first, last):
            before = self.hub.process.log_text().count(APPLIED)
            self.change(number)
            self.hub.process.send(signal.SIGHUP)
            await eventually(lambda before=before: self.hub.process.log_text().count(APPLIED) > before)  # type: ignore[misc] # mypy does not infer a default

    @asynccontextmanager
    async def asked(self) -> AsyncIterator[None]:
        """Meanwhile the Apps that are always there answer."""
        async with asyncio.TaskGroup() as tasks:
            asking = [tasks.create_task(self._ask(app)) for app in ("arm_app", "hub_app")]
            yield
            for task in asking:
                task.cancel()

    async def _ask(self, app: str) -> None:
        while True:
            answer = await self.hub.get(f"/apps/{app}/data/mark")
            assert (answer.status, answer.json["data"]) == (200, app.removesuffix("_app")), answer.body
            self.answers += 1
            await asyncio.sleep(0.01)

    async def use(self) -> tuple[int, int, int]:
        """(open files, threads, resident bytes), once what was let go of is gone."""
        process = psutil.Process(self.hub.process.pid)
        await self.hub.lists("apps", "arm_app", "hub_app", "leg_app", "extra_0")
        await asyncio.sleep(1.0)
        return process.num_fds(), process.num_threads(), process.memory_info().rss


async def reload(folder: Path, times: int) -> None:
    async with Cluster(folder) as cluster:
        arm, leg = (cluster.add(name, manifest=manifest(name)) for name in ("arm", "leg"))
        hub = cluster.add("hub", manifest=manifest("hub"))
        reloads = Reloads(hub, arm, leg)
        reloads.change(0)
        await cluster.start_all()
        await hub.lists("apps", "arm_app", "hub_app", "extra_0")
        warm = int(times * WARM_UP) // 6 * 6 + 4
        last = times // 6 * 6 + 4
        async with reloads.asked():
            await reloads.run(1, warm)
            files, threads, rss = await reloads.use()
            await reloads.run(warm, last)
            files_after, threads_after, rss_after = await reloads.use()
            await eventually(lambda: hub.open_fds() <= files)  # on a busy machine a pool is larger for a while
        print(f"{last} reloads, {reloads.answers} answers: {files} -> {files_after} files, {rss} -> {rss_after} bytes")
        assert reloads.answers > times
        assert threads_after <= threads + 2  # the pool of the loop makes them when they are needed, and keeps them
        assert rss_after - rss < GROWTH_BYTES


@pytest.mark.serial
async def test_a_tenth_of_a_thousand_reloads_loses_no_request_and_leaves_nothing_behind(tmp_path: Path) -> None:
    await reload(tmp_path, TENTH)


@pytest.mark.soak
async def test_a_thousand_reloads_lose_no_request_and_leave_nothing_behind(tmp_path: Path) -> None:
    await reload(tmp_path, FULL)
