"""A list that takes several peers to answer, against a bare aiohttp fan-out to the same peers."""

from collections.abc import Sequence

from benchmarks.bare import FAN_OUT
from benchmarks.load import saturate_in_turn
from benchmarks.stage import SETTLE_S, Stage
from benchmarks.table import Figure, Goal, Rival, Row
from tests.federation.gateways import Gateway, eventually

PEERS = (1, 4, 16)
CONNECTIONS = 16
GOAL_PEERS = 4


async def measure(stage: Stage) -> Sequence[Row]:
    """One row for each number of peers."""
    specs = [
        {"name": f"peer{number}", "apps": 1, "functions": [f"over{peers}" for peers in PEERS if number < peers]}
        for number in range(max(PEERS))
    ]
    _, urls = await stage.peers(specs)
    grove = await stage.grove("grove", [(f"peer{number}", url) for number, url in enumerate(urls)])
    rows = []
    for peers in PEERS:
        path = f"/api/v1/functions/over{peers}/data"
        await _answers_from(grove, path, peers)
        bare = await stage.bare(urls[:peers])
        asked = {"grove": grove.url + path, "bare": bare + FAN_OUT + path}
        found = await saturate_in_turn(asked, CONNECTIONS, stage.pace)
        rates = {name: Figure(loaded.rate, "/s") for name, loaded in found.items()}
        goal = Goal("ratio", ">=", 4) if peers == GOAL_PEERS else None
        what = f"fan-out to {peers} peer{'s' * (peers > 1)}, {CONNECTIONS} connections"
        rows.append(Row(what, rates["grove"], Rival("aiohttp", rates["bare"]), goal))
    return rows


async def _answers_from(grove: Gateway, path: str, peers: int) -> None:
    async def whole() -> bool:
        answer = await grove.get(path)
        return answer.status == 200 and len(answer.items) == peers

    await eventually(whole, SETTLE_S)
