"""The merged list of 1000 Apps of a peer, against nginx that has the same bytes in a file."""

from collections.abc import Sequence

from benchmarks.load import saturate_in_turn
from benchmarks.nginx import LIST_PATH
from benchmarks.stage import SETTLE_S, Stage
from benchmarks.table import Figure, Goal, Rival, Row
from tests.federation.gateways import Gateway, eventually

APPS = 1000
CONNECTIONS = 16


async def measure(stage: Stage) -> Sequence[Row]:
    """One row."""
    _, (url,) = await stage.peers([{"name": "peer", "apps": APPS}])
    grove = await stage.grove("grove", [("peer", url)])
    page = await whole_list(grove, APPS)
    nginx = await stage.nginx(url, page)
    urls = {"grove": grove.url + LIST_PATH, "nginx": nginx and nginx + LIST_PATH}
    found = await saturate_in_turn(urls, CONNECTIONS, stage.pace)
    rival = Rival("nginx", Figure(found["nginx"].rate, "/s") if nginx else None)
    what = f"merged list of {APPS} Apps, {len(page) / 1000:.0f} kB"
    return [Row(what, Figure(found["grove"].rate, "/s"), rival, Goal("ratio", ">=", 0.6))]


async def whole_list(grove: Gateway, apps: int) -> bytes:
    """The list once it has this many Apps."""

    async def listed() -> bytes:
        answer = await grove.get("/apps")
        return answer.body if len(answer.items) == apps else b""

    return await eventually(listed, SETTLE_S)
