"""One test's own small network: gateways, the links between them, stand-in owners."""

import asyncio
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.federation.client import Answer, Client, new_session
from tests.federation.eventually import eventually
from tests.federation.gateway import Gateway, GatewayProcess
from tests.federation.guard import Certificates, Guard
from tests.federation.link import Link
from tests.federation.owners import Owner
from tests.federation.upstreams import Upstream

__all__ = ["Answer", "Client", "Cluster", "Gateway", "GatewayProcess", "Link", "Owner", "Upstream", "eventually"]

COMPLAINTS = ("Traceback (most recent call last)", "never retrieved", "never awaited")
"""What no gateway may ever log."""


class Cluster:
    """Leaving it stops everything.

    A test that fails gets all logs printed. One that passes fails after all when a gateway logged one of
    COMPLAINTS or did not end with exit code 0, unless `forgive` is set.
    """

    def __init__(self, folder: Path | None = None, certificates: Certificates | None = None) -> None:
        """With `certificates` all in it is guarded: https and tokens, to the tester and between gateways."""
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="grove-test-")
        self.folder = folder or Path(self._temporary.name if self._temporary else "")
        self._guard = Guard(self.folder, certificates) if certificates else None
        self.gateways: dict[str, GatewayProcess] = {}
        self.owners: list[Owner] = []
        self.links: list[Link] = []
        self.upstreams: list[Upstream] = []
        self.forgive = False
        self._session: aiohttp.ClientSession | None = None
        # Mutable state: who is in it, and the client session.

    async def __aenter__(self) -> Self:
        self._session = new_session(self._guard.certificates.trusting() if self._guard else True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mistakes = await self._stop_all()
        if error is not None or (mistakes and not self.forgive):
            self.print_logs()
        if self._temporary:
            self._temporary.cleanup()
        if mistakes and error is None and not self.forgive:
            raise AssertionError("; ".join(mistakes))

    def add(
        self,
        name: str,
        *,
        manifest: Mapping[str, Any] | None = None,
        peers: Iterable[tuple[str, GatewayProcess | Owner | Link | Upstream | str]] = (),
        settings: Mapping[str, Any] | None = None,
        log_level: str = "info",
    ) -> Gateway:
        """A gateway that is not started yet, with a fresh port; `settings` by dotted key.

        With the log level "debug" its log has a line for every request.
        """
        gateway = Gateway(name, self.folder / name, self.session, manifest, log_level)
        self._take(gateway)
        for peer_name, target in peers:
            gateway.add_peer(peer_name, target)
        gateway.configure(settings or {})
        return gateway

    def add_command(
        self, name: str, arguments: Sequence[str], folder: Path, port: int, *, fresh: bool = False
    ) -> GatewayProcess:
        """`grove <arguments>`, not started yet, run in `folder`; `port` is the one the arguments make it listen on.

        `fresh`: as from a user's shell it is started from nothing, not forked.
        """
        gateway = GatewayProcess(name, arguments, folder=folder, port=port, session=self.session)
        gateway.process.fresh = fresh
        self._take(gateway)
        return gateway

    def _take(self, gateway: GatewayProcess) -> None:
        self.gateways[gateway.name] = gateway
        if self._guard is not None:
            gateway.be_guarded(self._guard)

    async def owner(self, spec: Mapping[str, Any]) -> Owner:
        """A running stand-in owner; `spec` as standin.py describes it."""
        owner = Owner(spec, self.folder / f"owner-{len(self.owners)}", self._guard)
        self.owners.append(owner)
        await owner.start()
        return owner

    def upstream(self, name: str, spec: Mapping[str, Any]) -> Upstream:
        """A stand-in upstream gateway that is not started yet; `spec` as upstream.py describes it."""
        upstream = Upstream(name, spec, self.folder / name, self.session)
        self.upstreams.append(upstream)
        return upstream

    async def link(self, target: GatewayProcess | Owner | Upstream) -> Link:
        """An open link to it."""
        assert self._guard is None, "a guarded cluster has no links: nobody has credentials for one"
        link = Link(target.url)
        self.links.append(link)
        await link.heal()
        return link

    async def start_all(self, order: Sequence[GatewayProcess] | None = None) -> None:
        """All at once, or one after the other in `order`, each healthy before the next starts."""
        if order is None:
            await asyncio.gather(*(gateway.start() for gateway in self.gateways.values()))
            return
        for gateway in order:
            await gateway.start()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The client session all its gateways are asked with."""
        assert self._session is not None, "use it as `async with Cluster() as cluster`"
        return self._session

    def print_logs(self) -> None:
        """To standard output, which pytest shows with the failure."""
        for process in [
            *(gateway.process for gateway in self.gateways.values()),
            *(owner.process for owner in self.owners),
            *(upstream.process for upstream in self.upstreams),
        ]:
            print(f"----- log of {process.name}\n{process.log_text()}")

    async def _stop_all(self) -> list[str]:
        """Ends every process and link; returns what the gateways did wrong."""
        await self.session.close()
        running = [gateway for gateway in self.gateways.values() if gateway.process.is_running]
        ends = await asyncio.gather(*(gateway.stop() for gateway in running), return_exceptions=True)
        for owner in self.owners:
            await owner.aclose()
        for upstream in self.upstreams:
            await upstream.aclose()
        for link in self.links:
            await link.aclose()
        mistakes = [f"{gateway.name} ended with {end}" for gateway, end in zip(running, ends, strict=True) if end != 0]
        for gateway in self.gateways.values():
            text = gateway.process.log_text()
            mistakes += [f"{gateway.name} logged: {each}" for each in COMPLAINTS if each in text]
        return mistakes
