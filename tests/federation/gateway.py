"""A real gateway as a process of a test."""

import json
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.federation.client import Client
from tests.federation.eventually import eventually
from tests.federation.guard import Guard
from tests.federation.link import Link
from tests.federation.owners import Owner
from tests.federation.ports import free_port
from tests.federation.process import START_TIMEOUT_S, Process
from tests.federation.upstreams import Upstream

FAST = {
    "refresh_interval_ms": 300,
    "health_interval_ms": 100,
    "aggregation.timeout_ms": 10_000,
    "aggregation.connect_timeout_ms": 5000,
}
"""Test settings: what takes ten seconds in the field takes a third of one here, and a busy machine makes no gaps."""


class GatewayProcess(Client):
    """`grove <arguments>` in `folder`, which listens on `port`."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        folder: Path,
        port: int,
        session: aiohttp.ClientSession,
        log_level: str = "info",
    ) -> None:
        super().__init__(f"http://127.0.0.1:{port}", session)
        self.name = name
        self.port = port
        env = {"GROVE_LOG": "json", "GROVE_LOG_LEVEL": log_level}
        self.process = Process(name, ["-m", "gateway", *arguments], folder, env)
        self.peers: Sequence[tuple[str, str]] = ()
        """Name and address of those that its files list."""
        self.guard: Guard | None = None
        # Mutable state: the process, the peers, and what guards it.

    def __repr__(self) -> str:
        return f"<{self.name} at {self.url}: {'running' if self.process.is_running else 'stopped'}>"

    def be_guarded(self, guard: Guard) -> None:
        """From its next start on it speaks https and asks for tokens, of which our own requests have one."""
        self.guard = guard
        self.url = self.url.replace("http:", "https:")
        self.headers = guard.enrol(self.name, self.port)
        self.process.arguments = [*self.process.arguments, "--params-file", str(guard.file(self.name))]

    def write(self) -> None:
        """Writes the files that are ours, as each start does."""
        if self.guard is not None:
            self.guard.write(self.name, self.peers)

    async def start(self, wait: bool = True) -> None:
        """Starts the process; with `wait`, returns when it answers `/health`."""
        self.write()
        self.process.start()
        if wait:
            await self.healthy()

    async def healthy(self) -> None:
        """Waits until `/health` answers 200; fails at once, with the log, when the process has ended."""
        await eventually(self._is_healthy, START_TIMEOUT_S)

    async def _is_healthy(self) -> bool:
        self.process.check_running()
        return (await self.get("/health")).status == 200

    async def stop(self, sig: signal.Signals = signal.SIGINT) -> int:
        """The exit code."""
        return await self.process.stop(sig)

    async def kill(self) -> None:
        """SIGKILL."""
        await self.process.kill()

    async def restart(self) -> None:
        """Stops it if it runs, and starts it again."""
        if self.process.is_running:
            await self.stop()
        await self.start()

    def rss_bytes(self) -> int:
        return self.process.rss_bytes()

    def open_fds(self) -> int:
        return self.process.open_fds()

    def log(self) -> list[dict[str, Any]]:
        """The log's JSON lines; other lines, such as the banner, are left out."""
        lines = (line for line in self.process.log_text().splitlines() if line.startswith("{"))
        return [json.loads(line) for line in lines]


class Gateway(GatewayProcess):
    """`grove run` with the settings in `config` and the entities in `manifest`, which each start writes to files."""

    def __init__(
        self,
        name: str,
        folder: Path,
        session: aiohttp.ClientSession,
        manifest: Mapping[str, Any] | None = None,
        log_level: str = "info",
    ) -> None:
        super().__init__(
            name,
            ["run", "-c", "gateway.yaml"],
            folder=folder,
            port=free_port(),
            session=session,
            log_level=log_level,
        )
        self.manifest = manifest
        self.config: dict[str, Any] = {}
        # Mutable state: the settings, the manifest and the process.
        self.configure({"name": name, "server.port": self.port, "server.state_dir": str(folder / "state")})
        self.configure({**FAST, "local.host": False})
        if manifest is not None:
            self.configure({"local.manifest": str(folder / "manifest.yaml")})

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Sets values by dotted key (`aggregation.timeout_ms`); they count from the next start on."""
        for dotted, value in settings.items():
            *groups, key = dotted.split(".")
            group = self.config
            for each in groups:
                group = group.setdefault(each, {})
            group[key] = value

    def add_peer(self, name: str, target: "GatewayProcess | Owner | Link | Upstream | str") -> None:
        """Lists one more static peer; it counts from the next start on."""
        aggregation = self.config.setdefault("aggregation", {})
        aggregation["enabled"] = True
        aggregation.setdefault("peer_names", []).append(name)
        aggregation.setdefault("peer_urls", []).append(target if isinstance(target, str) else target.url)

    def write(self) -> None:
        """Writes the files, as each start does: one that runs reads them again."""
        if self.guard is not None:
            aggregation = self.config.get("aggregation", {})
            self.peers = [*zip(aggregation.get("peer_names", []), aggregation.get("peer_urls", []), strict=True)]
        super().write()
        wrapped = {"ros2_medkit_gateway": {"ros__parameters": self.config}}
        (self.process.folder / "gateway.yaml").write_text(yaml.safe_dump(wrapped))
        if self.manifest is not None:
            manifest = {"manifest_version": "1.0", **self.manifest}
            (self.process.folder / "manifest.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))
