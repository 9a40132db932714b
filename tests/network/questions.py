"""What tests on a switch ask a gateway."""

from typing import Any, Final

from tests.federation.eventually import eventually
from tests.federation.gateway import Gateway

MDNS: Final = {"aggregation.announce": True, "aggregation.discover": True}

SOON_S: Final = 15.0
"""A busy machine starts a gateway in some seconds."""


async def warnings(gateway: Gateway) -> dict[str, str]:
    """The messages of `/health` by code."""
    document: dict[str, Any] = (await gateway.get("/health")).json
    return {warning["code"]: warning["message"] for warning in document["warnings"]}


async def peers(gateway: Gateway) -> dict[str, tuple[str, str]]:
    """(URL, status) of each peer of `/health`, by name."""
    document: dict[str, Any] = (await gateway.get("/health")).json
    return {peer["name"]: (peer["url"], peer["status"]) for peer in document["peers"]}


async def endpoints(gateway: Gateway) -> dict[str, dict[str, Any]]:
    """`x-medkit` of every endpoint that discovery knows, by URL."""
    return {item["url"]: item["x-medkit"] for item in (await gateway.get("/x-medkit-peers")).items}


async def sees(gateway: Gateway, *names: str, within: float = SOON_S) -> None:
    """Waits until exactly these are its peers and all are online."""

    async def check() -> bool:
        found = {name: status for name, (_, status) in (await peers(gateway)).items()}
        assert found == dict.fromkeys(names, "online")
        return True

    await eventually(check, within)


async def has_status(gateway: Gateway, name: str, status: str, within: float = SOON_S) -> None:
    """Waits until its peer has this status."""

    async def check() -> bool:
        assert (await peers(gateway))[name][1] == status
        return True

    await eventually(check, within)


async def trouble(gateway: Gateway, within: float = SOON_S) -> str:
    """Waits for the warning `mdns_unavailable`; its message."""

    async def check() -> str | None:
        return (await warnings(gateway)).get("mdns_unavailable")

    return await eventually(check, within) or ""


async def has_no_trouble(gateway: Gateway, within: float = SOON_S) -> None:
    """Waits until there is no warning `mdns_unavailable`."""

    async def check() -> bool:
        return "mdns_unavailable" not in await warnings(gateway)

    await eventually(check, within)
