"""Real gateways as processes, one test's own small network of them, and questions to them."""

import asyncio
import json
import signal
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml
from multidict import CIMultiDictProxy
from yarl import URL

from tests.federation.eventually import eventually
from tests.federation.link import Link
from tests.federation.owners import Owner
from tests.federation.ports import free_port
from tests.federation.process import Process

__all__ = ["Answer", "Cluster", "Gateway", "Link", "Owner", "eventually"]

FAST = {"refresh_interval_ms": 300, "health_interval_ms": 100}
"""Test settings: what takes ten seconds in the field takes a third of one here."""

START_TIMEOUT_S = 20.0
REQUEST_TIMEOUT_S = 30.0

COMPLAINTS = ("Traceback (most recent call last)", "never retrieved", "never awaited")
"""What no gateway may ever log."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A gateway's answer, read whole. `json` is None when the body is not JSON."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    json: Any

    @property
    def ids(self) -> list[str]:
        """The ids of a list's items, in order."""
        return [item["id"] for item in self.json["items"]]


class Gateway:
    """One `grove run` process: its files in `folder`, its settings in `config`, to be changed before a start."""

    def __init__(
        self, name: str, folder: Path, session: aiohttp.ClientSession, manifest: Mapping[str, Any] | None
    ) -> None:
        self.name = name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.manifest = manifest
        self.config: dict[str, Any] = {}
        self.process = Process(name, ["-m", "gateway", "run", "-c", "gateway.yaml"], folder, env={"GROVE_LOG": "json"})
        self._session = session
        # Mutable state: the settings and the process.
        self.configure({"name": name, "server.port": self.port, "server.state_dir": str(folder / "state")})
        self.configure({**FAST, "local.host": False})
        if manifest is not None:
            self.configure({"local.manifest": str(folder / "manifest.yaml")})

    def __repr__(self) -> str:
        return f"<Gateway {self.name} at {self.url}: {'running' if self.process.is_running else 'stopped'}>"

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Sets values by dotted key (`aggregation.timeout_ms`); they count from the next start on."""
        for dotted, value in settings.items():
            *groups, key = dotted.split(".")
            group = self.config
            for each in groups:
                group = group.setdefault(each, {})
            group[key] = value

    def add_peer(self, name: str, target: "Gateway | Owner | Link | str") -> None:
        """Lists one more static peer; it counts from the next start on."""
        aggregation = self.config.setdefault("aggregation", {})
        aggregation["enabled"] = True
        aggregation.setdefault("peer_names", []).append(name)
        aggregation.setdefault("peer_urls", []).append(target if isinstance(target, str) else target.url)

    async def start(self, wait: bool = True) -> None:
        """Writes the files and starts the process; with `wait`, returns when it answers `/health`."""
        wrapped = {"ros2_medkit_gateway": {"ros__parameters": self.config}}
        (self.process.folder / "gateway.yaml").write_text(yaml.safe_dump(wrapped))
        if self.manifest is not None:
            manifest = {"manifest_version": "1.0", **self.manifest}
            (self.process.folder / "manifest.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))
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
        """Stops it if it runs, and starts it with the settings as they are now."""
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

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.request("GET", path, headers=headers)

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        """`path` goes out as it is, below `/api/v1` unless it begins with `/api/`; `options` are aiohttp's."""
        async with self.open(method, path, **options) as response:
            body = await response.read()
            is_json = "json" in response.headers.get("Content-Type", "")
            return Answer(response.status, response.headers, body, json.loads(body) if is_json and body else None)

    @asynccontextmanager
    async def open(self, method: str, path: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer while its body may still be flowing: streams and downloads."""
        prefix = "" if path.startswith("/api/") else "/api/v1"
        url = URL(f"{self.url}{prefix}{path}", encoded=True)
        async with self._session.request(method, url, allow_redirects=False, **options) as response:
            yield response

    async def sees(self, *peers: str) -> None:
        """Waits until `/health` tells that all these peers are online."""

        async def online() -> bool:
            listed = (await self.get("/health")).json.get("peers", [])
            return {*peers} <= {peer["name"] for peer in listed if peer["status"] == "online"}

        await eventually(online)


class Cluster:
    """The gateways, links and stand-in owners of one test; leaving it stops them all.

    A test that fails gets all their logs printed. One that passes fails after all when a gateway logged one of
    COMPLAINTS or did not end with exit code 0, unless `forgive` is set.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="grove-test-")
        self.folder = folder or Path(self._temporary.name if self._temporary else "")
        self.gateways: dict[str, Gateway] = {}
        self.owners: list[Owner] = []
        self.links: list[Link] = []
        self.forgive = False
        self._session: aiohttp.ClientSession | None = None
        # Mutable state: who is in it, and the client session.

    async def __aenter__(self) -> Self:
        # A connection for each request: none is ever left over from before a gateway's restart.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mistakes = await self._stop_all()
        if error is not None or (mistakes and not self.forgive):
            self.print_logs()
        if self._temporary:
            self._temporary.cleanup()
        if error is None and not self.forgive:
            assert mistakes == []

    async def _stop_all(self) -> list[str]:
        """Ends every process and link; returns what the gateways did wrong."""
        assert self._session is not None
        await self._session.close()
        running = [gateway for gateway in self.gateways.values() if gateway.process.is_running]
        codes = await asyncio.gather(*(gateway.stop() for gateway in running), return_exceptions=True)
        for owner in self.owners:
            await owner.aclose()
        for link in self.links:
            await link.aclose()
        mistakes = [
            f"{gateway.name} ended with {code}" for gateway, code in zip(running, codes, strict=True) if code != 0
        ]
        for gateway in self.gateways.values():
            text = gateway.process.log_text()
            mistakes += [f"{gateway.name} logged: {each}" for each in COMPLAINTS if each in text]
        return mistakes

    def add(
        self,
        name: str,
        *,
        manifest: Mapping[str, Any] | None = None,
        peers: Iterable[tuple[str, Gateway | Owner | Link | str]] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> Gateway:
        """A gateway that is not started yet, with a fresh port; `settings` by dotted key."""
        assert self._session is not None, "use it as `async with Cluster() as cluster`"
        gateway = Gateway(name, self.folder / name, self._session, manifest)
        for peer_name, target in peers:
            gateway.add_peer(peer_name, target)
        gateway.configure(settings or {})
        self.gateways[name] = gateway
        return gateway

    async def owner(self, spec: Mapping[str, Any]) -> Owner:
        """A running stand-in owner; `spec` as standin.py describes it."""
        owner = Owner(spec, self.folder / f"owner-{len(self.owners)}")
        self.owners.append(owner)
        await owner.start()
        return owner

    async def link(self, target: Gateway | Owner) -> Link:
        """An open link to it."""
        link = Link(target.url)
        self.links.append(link)
        await link.heal()
        return link

    async def start_all(self, order: Sequence[Gateway] | None = None) -> None:
        """All at once, or one after the other in `order`, each healthy before the next starts."""
        if order is None:
            await asyncio.gather(*(gateway.start() for gateway in self.gateways.values()))
            return
        for gateway in order:
            await gateway.start()

    def print_logs(self) -> None:
        """To standard output, which pytest shows with the failure."""
        for process in [
            *(gateway.process for gateway in self.gateways.values()),
            *(owner.process for owner in self.owners),
        ]:
            print(f"----- log of {process.name}\n{process.log_text()}")
