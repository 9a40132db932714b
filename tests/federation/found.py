"""Peers that are found, not configured: the files they stand in, and what a gateway says became of them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.federation.client import Client
from tests.federation.eventually import eventually


class PeerFile:
    """A file that lists peers; every change is one atomic rename, as programs do it that know how."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, peers: Mapping[str, str]) -> None:
        """From now on these names are at these URLs."""
        self.write_text(json.dumps([{"name": name, "url": url} for name, url in peers.items()]))

    def write_text(self, text: str) -> None:
        """From now on the file is exactly this."""
        new = self.path.with_name(f".{self.path.name}.new")
        new.write_text(text)
        new.replace(self.path)


async def page(gateway: Client) -> dict[str, dict[str, Any]]:
    """`/x-medkit-peers` by URL, each with its `x-medkit` fields beside the others."""
    items = (await gateway.get("/x-medkit-peers")).items
    return {item["url"]: {**item.pop("x-medkit"), **item} for item in items}


async def sources(gateway: Client) -> dict[str, dict[str, Any]]:
    """The sources of `/x-medkit-peers` by name."""
    return {source["name"]: source for source in (await gateway.get("/x-medkit-peers")).medkit["sources"]}


async def becomes(gateway: Client, url: str, timeout: float = 30.0, **expected: Any) -> dict[str, Any]:
    """Waits until the endpoint at `url` is shown with these fields."""

    async def shown() -> dict[str, Any]:
        found = (await page(gateway))[url]
        assert expected.items() <= found.items(), found
        return found

    return await eventually(shown, timeout)


async def vanishes(gateway: Client, url: str, timeout: float = 30.0) -> None:
    """Waits until nothing is said of this endpoint any more."""

    async def gone() -> bool:
        return url not in await page(gateway)

    await eventually(gone, timeout)


async def peer_names(gateway: Client) -> list[str]:
    """The peers of `/health`, in order."""
    return [peer["name"] for peer in (await gateway.get("/health")).json["peers"]]


async def warned(gateway: Client, code: str, timeout: float = 30.0) -> Any:
    """Waits for this warning in `/health`."""

    async def shown() -> Any:
        warnings = (await gateway.get("/health")).json["warnings"]
        return {each["code"]: each for each in warnings}[code]

    return await eventually(shown, timeout)
