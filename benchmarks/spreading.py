"""How soon a reader three hops away sees that a gateway has changed, and that one has died."""

import asyncio
import random
from collections.abc import Sequence
from functools import partial

import aiohttp

from benchmarks.changes import Client, ms_until, p99
from benchmarks.listing import whole_list
from benchmarks.stage import Stage
from benchmarks.table import Figure, Goal, Row
from tests.federation.gateways import Gateway

CHANGES = 100
DEATHS = 40
BETWEEN_S = (0.05, 0.2)
"""At random, so that no interval of Grove's own falls into step with them."""


async def measure(stage: Stage) -> Sequence[Row]:
    """Two rows. Nobody is pinned: three gateways share the machine with the client."""
    changes, deaths = stage.pace.times(CHANGES), stage.pace.times(DEATHS)
    names = [f"leaf{number}" for number in range(deaths + 1)]
    _, leaves = await stage.peers([{"name": name, "apps": 1} for name in names])
    near = await stage.grove("near", [*zip(names, leaves, strict=True)], alone=False)
    middle = await stage.grove("middle", [("near", near.url)], alone=False)
    reader = await stage.grove("reader", [("middle", middle.url)], alone=False)
    await whole_list(reader, len(leaves))
    dice = random.Random(1)
    async with aiohttp.ClientSession() as session:
        client = Client(session)
        seen = [await _ms_to_see_a_change(client, reader, leaves[0], dice) for _ in range(changes)]
        missed = []
        for name, url in zip(names[1:], leaves[1:], strict=True):
            missed.append(await _ms_to_miss(client, reader, name, url, dice))
    goal = Goal("figure", "<=", 200)
    return [
        Row(f"a change seen three hops away, p99 of {changes}", Figure(p99(seen), "ms"), goal=goal),
        Row(f"a death seen three hops away, p99 of {deaths}", Figure(p99(missed), "ms"), goal=goal),
    ]


async def _ms_to_see_a_change(client: Client, reader: Gateway, leaf: str, dice: random.Random) -> float:
    await asyncio.sleep(dice.uniform(*BETWEEN_S))
    added = await client.change(leaf)
    return await ms_until(partial(_lists, client, reader, added, wanted=True))


async def _ms_to_miss(client: Client, reader: Gateway, name: str, url: str, dice: random.Random) -> float:
    await asyncio.sleep(dice.uniform(*BETWEEN_S))
    await client.kill(url)
    return await ms_until(partial(_lists, client, reader, f"{name}_app0", wanted=False))


async def _lists(client: Client, reader: Gateway, app: str, *, wanted: bool) -> bool:
    return (f'"{app}"' in await client.text(f"{reader.url}/api/v1/apps")) is wanted
