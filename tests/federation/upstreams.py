"""A stand-in upstream gateway as a process of a test."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from tests.federation.client import Client
from tests.federation.eventually import eventually
from tests.federation.ports import free_port
from tests.federation.process import START_TIMEOUT_S, Process

WIRE = Path(__file__).parents[1] / "data" / "wire"
SETTLE_S = 30.0


def recorded_tree(name: str) -> dict[str, Any]:
    """The entities behind a recording."""
    tree: dict[str, Any] = json.loads((WIRE / f"{name}.tree.json").read_text())
    return tree


class Upstream(Client):
    """A running upstream.py; `spec` as it describes it. As a client it asks it like any other."""

    def __init__(self, name: str, spec: Mapping[str, Any], folder: Path, session: aiohttp.ClientSession) -> None:
        self.name = name
        self.port = free_port()
        super().__init__(f"http://127.0.0.1:{self.port}", session)
        self._spec = dict(spec)
        self._control = f"http://127.0.0.1:{(control := free_port())}"
        spec_file = folder / "spec.json"
        arguments = ["-m", "tests.federation.upstream", "--port", str(self.port), "--control", str(control)]
        self.process = Process(name, [*arguments, "--spec", str(spec_file)], folder)
        self._spec_file = spec_file

    def add_peer(self, name: str, url: str) -> None:
        """One more peer; it counts from the next start on."""
        self._spec.setdefault("peers", []).append([name, url])

    async def start(self) -> None:
        """Returns when it answers; fails, with the log, when it has ended by itself."""
        self._spec_file.write_text(json.dumps(self._spec))
        self.process.start()

        async def answers() -> bool:
            self.process.check_running()
            return (await self.get("/health")).status == 200

        await eventually(answers, START_TIMEOUT_S)

    async def refresh(self) -> dict[str, Any]:
        """One refresh of all its peers: {peers: {name: error or None}, lost}."""
        outcome: dict[str, Any] = await self.control("POST", "/refresh")
        return outcome

    async def reads(self, *peers: str) -> None:
        """One refresh, in which it reads these peers whole."""
        outcome = await self.refresh()
        assert outcome == {"peers": dict.fromkeys(peers), "lost": None}, outcome

    async def state(self) -> dict[str, Any]:
        state: dict[str, Any] = await self.control("GET", "/state")
        return state

    async def cache(self) -> dict[str, Any]:
        cache: dict[str, Any] = await self.control("GET", "/cache")
        return cache

    async def requests(self) -> list[dict[str, Any]]:
        requests: list[dict[str, Any]] = await self.control("GET", "/requests")
        return requests

    async def forget(self) -> None:
        """Requests and the peak of connections begin anew."""
        await self.control("DELETE", "/requests")

    async def set_oddities(self, *oddities: Mapping[str, Any]) -> None:
        """These from now on, and no others."""
        await self.control("PUT", "/oddities", oddities)

    async def change_tree(self, spec: Mapping[str, Any]) -> None:
        """Other entities of its own."""
        await self.control("PUT", "/tree", spec)

    async def tell_fault(self, event: Mapping[str, Any]) -> None:
        """One more event on its fault stream."""
        await self.control("POST", "/faults", event)

    async def set_peers(self, *peers: tuple[str, str]) -> None:
        """These peers, nothing known of them yet."""
        await self.control("PUT", "/peers", peers)

    async def kill(self) -> None:
        await self.process.kill()

    async def aclose(self) -> None:
        """It has nothing to lose: killed."""
        if self.process.is_running:
            await self.process.kill()

    async def control(self, method: str, path: str, body: Mapping[str, Any] | Sequence[Any] | None = None) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self._control + path, json=body) as response,
        ):
            return await response.json() if response.status == 200 else None
