"""A gateway with a peer and a name it had to give, killed again and again; it comes back as who it was."""

import asyncio
import json
import random

from tests.federation.gateways import Cluster, Gateway
from tests.federation.plant import manifest

LONGEST_LIFE_S = 0.6
"""Long enough to begin everything, from loading to saving, and to be somewhere in it."""

APPS = ("arm_app", "arm__cam", "cam", "hub_app")


async def killed(cluster: Cluster, times: int, chance: random.Random) -> Gateway:
    """The gateway, which has survived it; whatever it has saved is whole."""
    arm = cluster.add("arm", manifest=manifest("arm"))
    hub = cluster.add("hub", manifest=manifest("hub"), peers=[("arm", arm)])
    await cluster.start_all()
    await hub.lists("apps", *APPS)
    identity = (await hub.get("/health")).medkit["instance_id"]
    for _ in range(times):
        await hub.kill()
        await hub.start(wait=False)
        await asyncio.sleep(chance.uniform(0.0, LONGEST_LIFE_S))
    await hub.kill()
    await hub.start()
    await hub.lists("apps", *APPS)
    assert (await hub.get("/health")).medkit["instance_id"] == identity
    log = hub.process.log_text()
    assert not [word for word in ("unusable", "unreadable", "damaged") if word in log], log[-5000:]
    state = hub.process.folder / "state"
    assert not [*state.glob("*.unusable")]
    for file in state.glob("*.json"):
        json.loads(file.read_bytes())
    return hub
