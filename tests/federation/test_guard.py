"""The harness itself: a guarded cluster lets nobody in without https and a token, and twice.py is up to date."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
import yaml

from tests.federation import robots
from tests.federation.client import Client
from tests.federation.gateways import Cluster
from tests.federation.guard import Certificates
from tests.federation.tutorial import STEP_6, Tutorial
from tests.federation.twice import MODULES, PLAIN_ONLY

HERE = Path(__file__).parent


async def test_the_chain_of_a_guarded_cluster_is_closed_and_each_has_a_credential_of_its_own(
    tmp_path: Path, certificates: Certificates
) -> None:
    async with Cluster(tmp_path, certificates) as cluster:
        a, b, c = Tutorial(cluster).add_all(STEP_6, robots.CHAIN)
        await cluster.start_all()
        await a.lists("components", "control_room", "robot", "torch")
        for gateway in (a, b, c):
            stranger = Client(gateway.url, cluster.session)
            assert (await stranger.get("/apps")).status == 401
            assert "peers" not in (await stranger.get("/health")).json
            with pytest.raises(aiohttp.ClientError):
                await Client(gateway.url.replace("https:", "http:"), cluster.session).get("/health")
        for gateway, other in ((a, b), (b, c), (c, a)):
            assert (await Client(other.url, cluster.session).get("/apps", gateway.headers)).status == 401
        credentials = {}
        for gateway in (a, b):
            (peer,) = yaml.safe_load((tmp_path / "guard" / f"{gateway.name}.yaml").read_text())["aggregation.peers"]
            (kind,) = {"client_secret_file", "token_file"} & peer.keys()
            credentials[kind] = await asyncio.to_thread(Path(peer[kind]).read_text)
        assert len({*credentials.values()}) == 2


async def test_a_stand_in_of_a_guarded_cluster_answers_nobody_without_its_token(
    tmp_path: Path, certificates: Certificates
) -> None:
    async with Cluster(tmp_path, certificates) as cluster:
        owner = await cluster.owner({"name": "b", "apps": [{"id": "cam", "data": ["speed"]}]})
        assert (await Client(owner.url, cluster.session).get("/apps/cam/data/speed")).status == 401
        gateway = cluster.add("a", peers=[("subsystem_b", owner)])
        await gateway.start()
        await gateway.lists("apps", "cam")
        assert (await gateway.get("/apps/cam/data/speed")).status == 200


def test_every_module_and_test_that_twice_names_exists() -> None:
    sources = {module: (HERE / f"{module}.py").read_text() for module in MODULES}
    assert [test for test in PLAIN_ONLY if not any(f"def {test}(" in text for text in sources.values())] == []
