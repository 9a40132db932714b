"""Fault 88: none of the peers is there when the gateway starts."""

import time

from tests.federation.black_hole import black_hole
from tests.federation.gateways import Cluster
from tests.federation.mute import mute_server
from tests.federation.plant import assert_gaps, manifest
from tests.federation.ports import free_port

STARTED_S = 40.0
"""One second is promised; a busy machine needs most of it to load Python. Waiting for the dead would take longer."""

PATIENCE = {"aggregation.timeout_ms": 120_000, "aggregation.connect_timeout_ms": 120_000}
"""So that a start that waited for an answer of the dead could not be in time."""


async def test_fault_088_a_gateway_all_of_whose_peers_are_dead_serves_its_own_at_once_and_names_them(
    cluster: Cluster,
) -> None:
    async with mute_server() as mute:
        with black_hole() as unaccepting:
            dead = {
                "refuses": f"http://127.0.0.1:{free_port()}",
                "mute": mute,
                "unaccepting": f"http://127.0.0.1:{unaccepting}",
                "nameless": "http://no-such-gateway.invalid:8080",
            }
            lonely = cluster.add("lonely", manifest=manifest("own"), peers=dead.items(), settings=PATIENCE)
            begun = time.monotonic()
            await lonely.start()
            assert time.monotonic() - begun < STARTED_S
            for path in ("/components", "/faults"):
                assert_gaps(await lonely.get(path), dead)
            assert (await lonely.get("/components")).ids == ["own_unit"]
            own = await lonely.get("/functions/production/data")
            assert_gaps(own)
            assert own.ids == ["whose"]
            assert (await lonely.get("/apps/own_app/data/whose")).json["data"] == "own"
            assert await lonely.stop() == 0
