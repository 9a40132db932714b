"""Port 5353 in the hands of others, on a host of its own."""

import socket
from pathlib import Path
from typing import Any

from tests.federation.eventually import eventually
from tests.federation.gateway import Gateway
from tests.network.hosts import Switch

MDNS = {"aggregation.announce": True, "aggregation.discover": True}


async def warnings(gateway: Gateway) -> dict[str, str]:
    """The messages of `/health` by code."""
    document: dict[str, Any] = (await gateway.get("/health")).json
    return {warning["code"]: warning["message"] for warning in document["warnings"]}


async def test_promise_53_a_held_port_is_logged_word_for_word_and_the_gateway_serves(
    switch: Switch, tmp_path: Path
) -> None:
    host = switch.host("a", "10.0.0.1/24")
    with host.here():
        holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        holder.bind(("", 5353))
    with holder:
        gateway = switch.gateway(host, tmp_path, MDNS)
        await gateway.start()
        told = await eventually(lambda: _told(gateway))
        assert "EADDRINUSE" in told
        assert "another program holds UDP port 5353" in told
        lines = [line for line in gateway.log() if line["event"].startswith("mDNS")]
        assert [line["event"] for line in lines] == ["mDNS: Failed to open mDNS announce socket on port 5353."]
        assert lines[0]["retry_s"] == 30.0
        assert (await gateway.get("/components")).ids == ["of_a"]
    assert await gateway.stop() == 0


async def _told(gateway: Gateway) -> str | None:
    return (await warnings(gateway)).get("mdns_unavailable")
