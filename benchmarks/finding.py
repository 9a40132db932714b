"""How soon two gateways on one host find each other by mDNS, and how soon one knows that the other left, or died."""

import asyncio
import secrets
import signal
from collections.abc import Sequence
from functools import partial

import aiohttp
import msgspec

from benchmarks.changes import Client, ms_until
from benchmarks.stage import Stage
from benchmarks.table import Figure, Goal, Row
from tests.federation.gateways import Gateway

ROUNDS = 10


async def measure(stage: Stage) -> Sequence[Row]:
    """Three rows, each the longest of all rounds. Nobody is pinned: two gateways share the machine with the client."""
    rounds = stage.pace.times(ROUNDS)
    settings = {
        "aggregation.enabled": True,
        "aggregation.announce": True,
        "aggregation.discover": True,
        "aggregation.mdns_service": f"_b{secrets.token_hex(6)}._tcp.local",
    }
    a, b = [await stage.grove(name, settings={**settings, "aggregation.mdns_name": name}, alone=False) for name in "ab"]
    found, left, died = [], [], []
    async with aiohttp.ClientSession() as session:
        client = Client(session)
        await _settled(client, a, b)
        for _ in range(rounds):
            leaving = asyncio.create_task(b.stop(signal.SIGINT))
            left.append(await ms_until(partial(_shows, client, a, None)))
            await leaving
            await b.start()
            found.append(await ms_until(partial(_see_each_other, client, a, b)))
            await _settled(client, a, b)
            await b.kill()
            died.append(await ms_until(partial(_shows, client, a, "offline")))
            await b.start()
            await _settled(client, a, b)
    return [
        Row(f"{what}, longest of {rounds}", Figure(max(times), "ms"), goal=Goal("figure", "<=", most))
        for what, times, most in (
            ("two gateways that both answer see each other by mDNS", found, 5000),
            ("a gateway that was stopped is no peer any more", left, 1000),
            ("a gateway that was killed is known to be silent", died, 4000),
        )
    ]


async def _settled(client: Client, a: Gateway, b: Gateway) -> None:
    """Waits until they see each other and have said who they are: before that there is no goodbye to say."""
    await ms_until(partial(_see_each_other, client, a, b))
    for gateway in (a, b):
        await ms_until(partial(_is_announced, gateway))


async def _is_announced(gateway: Gateway) -> bool:
    events = [line["event"] for line in gateway.log()]
    return events.count("announced by mdns") == events.count("gateway ready")


async def _see_each_other(client: Client, a: Gateway, b: Gateway) -> bool:
    return await _shows(client, a, "online") and await _shows(client, b, "online")


async def _shows(client: Client, gateway: Gateway, status: str | None) -> bool:
    """Whether its one peer has this status; None: whether it has no peer."""
    document = msgspec.json.decode(await client.text(f"{gateway.url}/api/v1/health"))
    return [peer["status"] for peer in document["peers"]] == ([] if status is None else [status])
