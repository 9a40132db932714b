"""100 peers with 1000 Apps each behind one process: is it whole, how big is it, what does a change cost."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from functools import partial

import aiohttp

from benchmarks.changes import Client, ms_until
from benchmarks.stage import Stage
from benchmarks.table import Figure, Goal, Row
from tests.federation.gateways import Gateway, eventually

PEERS = 100
APPS = 1000
WHOLE_S = 60.0
CHANGES = 5
BETWEEN_S = 0.5


async def measure(stage: Stage) -> Sequence[Row]:
    """Four rows."""
    peers = stage.pace.times(PEERS)
    names = [f"peer{number}" for number in range(peers)]
    _, urls = await stage.peers([{"name": name, "apps": APPS} for name in names])
    began = time.perf_counter()
    grove = await stage.grove("grove", [*zip(names, urls, strict=True)])
    await eventually(partial(_lists, grove, peers * APPS), WHOLE_S)
    whole_s = time.perf_counter() - began
    listed = len((await grove.get("/apps")).items)
    async with aiohttp.ClientSession() as session:
        client = Client(session)
        seen = [await _ms_to_see_a_change(client, grove, urls[0]) for _ in range(stage.pace.times(CHANGES))]
    size = f"{peers} peers x {APPS} Apps, "
    return [
        Row(size + "Apps listed", Figure(listed, "Apps"), goal=Goal("figure", ">=", peers * APPS)),
        Row(size + "from its start until all are listed", Figure(whole_s, "s")),
        Row(size + "memory", Figure(grove.rss_bytes() / 1e6, "MB")),
        Row(size + "a change of one is merged and seen", Figure(statistics.median(seen), "ms")),
    ]


async def _lists(grove: Gateway, apps: int) -> bool:
    total: int = (await grove.get("/apps")).medkit["total_count"]
    return total == apps


async def _ms_to_see_a_change(client: Client, grove: Gateway, peer: str) -> float:
    """Seen by asking for the new App, as the list is long."""
    await asyncio.sleep(BETWEEN_S)
    added = await client.change(peer)

    async def is_known() -> bool:
        return await client.status(f"{grove.url}/api/v1/apps/{added}/data/value0") == 200

    return await ms_until(is_known)
