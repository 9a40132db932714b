"""Questions to a gateway, as any HTTP client would ask them."""

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from tests.federation.eventually import eventually

REQUEST_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A gateway's answer, read whole. `json` is None when the body is not JSON."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    json: Any

    @property
    def items(self) -> list[dict[str, Any]]:
        """The items of a list."""
        items: list[dict[str, Any]] = self.json["items"]
        return items

    @property
    def ids(self) -> list[str]:
        """The ids of a list's items, in order."""
        return [item["id"] for item in self.items]

    @property
    def medkit(self) -> dict[str, Any]:
        """The answer's `x-medkit` object; empty when it has none."""
        medkit: dict[str, Any] = self.json.get("x-medkit", {})
        return medkit

    def item(self, item_id: str) -> dict[str, Any]:
        """The one item of this id."""
        (found,) = [item for item in self.items if item["id"] == item_id]
        return found


def new_session(trusting: ssl.SSLContext | bool = True) -> aiohttp.ClientSession:
    """A connection for each request, so none is ever left over from before a gateway's restart."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True, limit=0, ssl=trusting),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S),
    )


class Client:
    """Asks the gateway at `url`; whoever made the session closes it."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.headers: Mapping[str, str] = {}
        """What every request has beside its own."""
        self._session = session

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
        headers = {**self.headers, **(options.pop("headers", None) or {})}
        async with self._session.request(method, url, allow_redirects=False, headers=headers, **options) as response:
            yield response

    async def lists(self, collection: str, *ids: str) -> None:
        """Waits until exactly these entities are listed."""

        async def listed() -> bool:
            assert sorted((await self.get(f"/{collection}")).ids) == sorted(ids)
            return True

        await eventually(listed)

    async def sees(self, *peers: str) -> None:
        """Waits until `/health` tells that all these peers are online, and what is shown has their entities."""

        async def shown() -> bool:
            health = await self.get("/health")
            online = {peer["name"] for peer in health.json.get("peers", []) if peer["status"] == "online"}
            return {*peers} <= online - {*health.medkit.get("failed_peers", [])}

        await eventually(shown)
