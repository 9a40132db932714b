"""A small answer of a peer's App, against nginx and a bare aiohttp proxy before the same peer."""

from collections.abc import Sequence

from benchmarks.listing import whole_list
from benchmarks.load import saturate_in_turn
from benchmarks.stage import Stage
from benchmarks.table import Figure, Goal, Rival, Row

PATH = "/api/v1/apps/peer_app0/data/value0"
CONNECTIONS = (1, 16, 64)


async def measure(stage: Stage) -> Sequence[Row]:
    """Two rows for each number of connections."""
    _, (url,) = await stage.peers([{"name": "peer", "apps": 1}])
    grove = await stage.grove("grove", [("peer", url)])
    await whole_list(grove, 1)
    nginx, bare = await stage.nginx(url), await stage.bare([url])
    urls = {"grove": grove.url + PATH, "nginx": nginx and nginx + PATH, "bare": bare + PATH}
    rows = []
    for connections in CONNECTIONS:
        found = await saturate_in_turn(urls, connections, stage.pace)
        rates = {name: Figure(loaded.rate, "/s") for name, loaded in found.items()}
        what = f"forwarded GET, {connections} connection{'s' * (connections > 1)}"
        rows += [
            Row(what, rates["grove"], Rival("aiohttp", rates["bare"]), Goal("ratio", ">=", 2)),
            Row(what, rates["grove"], Rival("nginx", rates.get("nginx"))),
        ]
    return rows
