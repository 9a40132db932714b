"""Everything one measurement needs running: Grove, the peers behind it, its rivals; all ended on leaving."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import Any

from benchmarks.cores import Cores, pin
from benchmarks.load import Pace
from benchmarks.nginx import find_nginx, running_nginx
from tests.federation.gateways import Cluster, Gateway, eventually
from tests.federation.process import Process

DEFAULTS = {"refresh_interval_ms": 10_000, "health_interval_ms": 1_000}
"""Grove's own; tests run faster ones."""

SETTLE_S = 60.0


class Stage:
    """What runs, and how long it is measured."""

    def __init__(self, cluster: Cluster, cores: Cores, pace: Pace, ending: ExitStack) -> None:
        self.cluster = cluster
        self.cores = cores
        self.pace = pace
        self._ending = ending
        # Mutable state: the processes beside the cluster's.
        self._beside: list[Process] = []

    @classmethod
    @asynccontextmanager
    async def open(cls, cores: Cores, pace: Pace) -> AsyncIterator["Stage"]:
        """An empty one."""
        interrupted: asyncio.CancelledError | None = None
        with ExitStack() as ending:
            async with Cluster() as cluster:
                stage = cls(cluster, cores, pace, ending)
                try:
                    yield stage
                except asyncio.CancelledError as error:  # goes on below, for the cluster would print all its logs
                    interrupted, cluster.forgive = error, True
                finally:
                    await stage._kill_beside()
        if interrupted is not None:
            raise interrupted

    async def _kill_beside(self) -> None:
        for process in self._beside:
            if process.is_running:
                await process.kill()

    async def peers(self, specs: Sequence[Mapping[str, Any]]) -> tuple[Process, list[str]]:
        """One process that serves a stand-in for each spec, see standin.py; their URLs."""
        process, line = await self._started("benchmarks.standin", json.dumps(specs))
        pin(process.pid, self.cores.peers)
        return process, [f"http://127.0.0.1:{port}" for port in json.loads(line)]

    async def bare(self, urls: Sequence[str]) -> str:
        """The URL of what one would write in an afternoon, see bare.py."""
        process, line = await self._started("benchmarks.bare", *urls)
        pin(process.pid, self.cores.gateway)
        return f"http://127.0.0.1:{line}"

    async def nginx(self, peer_url: str, page: bytes = b"") -> str | None:
        """The URL of a running nginx before this peer; None if it is not installed."""
        if (program := find_nginx()) is None:
            return None
        nginx = self._ending.enter_context(running_nginx(program, self.cluster.folder / "nginx", peer_url, page))
        pin(nginx.pid, self.cores.gateway)

        async def answers() -> bool:
            async with self.cluster.session.get(nginx.url):
                return True

        await eventually(answers, SETTLE_S)
        return nginx.url

    async def grove(
        self,
        name: str,
        peers: Iterable[tuple[str, str]] = (),
        *,
        manifest: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        alone: bool = True,
    ) -> Gateway:
        """A running gateway; on the gateway's core if it is the only one that works."""
        gateway = self.cluster.add(name, manifest=manifest, peers=peers, settings={**DEFAULTS, **(settings or {})})
        await gateway.start()
        if alone:
            pin(gateway.process.pid, self.cores.gateway)
        return gateway

    async def _started(self, module: str, *arguments: str) -> tuple[Process, str]:
        """A process of ours, and the line it prints when it is ready."""
        folder = self.cluster.folder / f"beside-{len(self._beside)}"
        process = Process(module, ["-m", module, *arguments], folder)
        self._beside.append(process)
        process.start()

        def first_line() -> str:
            process.check_running()
            line, newline, _ = process.log_text().partition("\n")
            return line if newline else ""

        return process, await eventually(first_line, SETTLE_S)
