"""Federations of every shape: each entity once, still while nothing happens, no silence unnamed, whole again.

Single faults of shapes are in tests/faults.
"""

import pytest

from tests.federation.gateways import Cluster
from tests.federation.plant import FAN_OUTS, Plant, Witness
from tests.federation.shapes import DIAMOND, Shape, chain, mesh, ring, star

SHAPES = (chain(4), star(10), ring(4), DIAMOND, mesh(5))
REFRESHES = 20


@pytest.mark.timeout(300)  # a machine that is busy takes several times as long
@pytest.mark.parametrize("shape", SHAPES, ids=str)
async def test_a_federation_is_whole_and_still_and_names_whoever_falls_silent(cluster: Cluster, shape: Shape) -> None:
    plant = await Plant.start(cluster, shape)
    for viewer in plant.living:
        for path in FAN_OUTS:
            assert await plant.asked(viewer, path) == dict.fromkeys(shape.live(viewer.name), 1)
    await plant.stands_still(REFRESHES)
    ids = {viewer.name: (await viewer.get("/apps")).ids for viewer in plant.living}
    async with Witness(plant).watching() as witness:
        for name in shape.kinds:
            await plant.kill(name)
            await plant.settled()
            await plant.revive(name)
            await plant.settled()
    assert witness.answers
    assert {viewer.name: (await viewer.get("/apps")).ids for viewer in plant.living} == ids
