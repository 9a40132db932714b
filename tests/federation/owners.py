"""A stand-in owner as a process of a test."""

import json
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from tests.federation.eventually import eventually
from tests.federation.guard import Guard
from tests.federation.ports import free_port
from tests.federation.process import START_TIMEOUT_S, Process


class Owner:
    """A running standin.py; `spec` and `faults` as it describes them."""

    def __init__(self, spec: Mapping[str, Any], folder: Path, guard: Guard | None = None) -> None:
        self.port = free_port()
        self.url = f"{'https' if guard else 'http'}://127.0.0.1:{self.port}"
        self._ssl: ssl.SSLContext | bool = True
        self._headers: Mapping[str, str] = {}
        if guard:
            shown = guard.standin(self.port)
            self._ssl = guard.certificates.trusting()
            self._headers = {"Authorization": f"Bearer {shown['token']}"}
            spec = {**spec, "guard": shown}
        spec_file = folder / "spec.json"
        arguments = ["-m", "tests.federation.standin", "--port", str(self.port), "--spec", str(spec_file)]
        self.process = Process(folder.name, arguments, folder)
        spec_file.write_text(json.dumps(spec))

    async def start(self) -> None:
        """Returns when it answers; fails, with the log, when it has ended by itself."""
        self.process.start()
        await eventually(self._answers, START_TIMEOUT_S)

    async def _answers(self) -> bool:
        self.process.check_running()
        return await self.instance_id() != ""

    async def instance_id(self) -> str:
        """As its `/health` tells it."""
        health = await self._control("GET", "/api/v1/health")
        return str(health["x-medkit"]["instance_id"])

    async def counters(self) -> dict[str, int]:
        """Requests by path, as it was asked for, so far."""
        counters: dict[str, int] = await self._control("GET", "/counters")
        return counters

    async def requests(self) -> list[dict[str, Any]]:
        """The requests themselves: method, path, query, headers; without those for health and tree."""
        requests: list[dict[str, Any]] = await self._control("GET", "/requests")
        return requests

    async def streams(self) -> dict[str, Any]:
        """`events_open`, `uploads_open`: how many; `uploads`: size and SHA-256 of those that came to their end."""
        streams: dict[str, Any] = await self._control("GET", "/streams")
        return streams

    async def forget(self) -> None:
        """Counters and requests begin anew."""
        await self._control("DELETE", "/counters")

    async def set_faults(self, *faults: Mapping[str, Any]) -> None:
        """These from now on, and no others."""
        await self._control("PUT", "/faults", faults)

    async def change_tree(self, **spec: Any) -> None:
        """Replaces these keys of the spec."""
        await self._control("PUT", "/tree", spec)

    async def aclose(self) -> None:
        """It has nothing to lose: killed."""
        if self.process.is_running:
            await self.process.kill()

    async def _control(self, method: str, path: str, body: Mapping[str, Any] | Sequence[Any] | None = None) -> Any:
        async with (
            aiohttp.ClientSession(headers=self._headers) as session,
            session.request(method, self.url + path, json=body, ssl=self._ssl) as response,
        ):
            return await response.json() if response.status == 200 else None
