"""A bad file stops the start and is named; a bad state file costs what it kept, and nothing else."""

import json
from pathlib import Path

import pytest

from tests.federation.gateways import Cluster, Gateway, eventually
from tests.federation.plant import assert_gaps, manifest
from tests.federation.process import EndedError

CONFIGS = {
    "not yaml": "server: {port: 8080",
    "binary": "\x00\x01\x02",
    "a python object": "server: !!python/object/apply:os.system ['true']\n",
    "aliases that explode": "a: &a [x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nserver: *c\n",
}

MANIFESTS = {
    "not yaml": "areas: [",
    "parents in a circle": """
manifest_version: "1.0"
components: [{id: a, parent_component_id: b}, {id: b, parent_component_id: a}]
""",
    "id that is a path": """
manifest_version: "1.0"
components: [{id: ../a}]
""",
}


@pytest.mark.parametrize("name", CONFIGS)
async def test_a_bad_configuration_file_stops_the_start_with_exit_code_2(cluster: Cluster, name: str) -> None:
    gateway = cluster.add_command("a", ["run", "-c", "bad.yaml"], cluster.folder / "a", port=1)
    (cluster.folder / "a" / "bad.yaml").write_text(CONFIGS[name])
    with pytest.raises(EndedError, match=r"exit code 2[\s\S]*bad\.yaml"):
        await gateway.start()


@pytest.mark.parametrize("name", MANIFESTS)
async def test_a_bad_manifest_stops_the_start_with_exit_code_2(cluster: Cluster, name: str) -> None:
    gateway = cluster.add("a")
    bad = gateway.process.folder / "bad.yaml"
    bad.write_text(MANIFESTS[name])
    gateway.configure({"local.manifest": str(bad)})
    with pytest.raises(EndedError, match=r"exit code 2[\s\S]*bad\.yaml"):
        await gateway.start()


async def shows_both(a: Gateway) -> bool:
    listed = await a.get("/apps")
    assert_gaps(listed)
    return sorted(listed.ids) == ["a_app", "b_app", "cam", "subsystem_b__cam"]


def kept_files(gateway: Gateway) -> list[Path]:
    """What its state directory keeps of identity, names and peers."""
    return sorted((gateway.process.folder / "state").glob("*.json"))


async def test_state_files_of_garbage_are_told_of_and_replaced(cluster: Cluster) -> None:
    b = cluster.add("b", manifest=manifest("b"))
    a = cluster.add("a", manifest=manifest("a"), peers=[("subsystem_b", b)])
    await cluster.start_all()
    await eventually(lambda: shows_both(a), 60)
    instances = {(await a.get("/health")).json["x-medkit"]["instance_id"]}
    for garbage in (b'{"instance_id": ', b"\xff\x00" * 100, b'{"instance_id": 1, "here": 2, "url": 3}'):
        await a.stop()
        files = kept_files(a)
        assert len(files) == 3
        for file in files:
            file.write_bytes(garbage)
        lines = len(a.log())
        await a.start()
        await eventually(lambda: shows_both(a), 60)
        told = [line["event"] for line in a.log()[lines:] if line["level"] == "warning"]
        assert sum("unusable" in event or "unreadable" in event for event in told) == len(files), told
        instances.add((await a.get("/health")).json["x-medkit"]["instance_id"])
    assert len(instances) == 4
    await a.stop()
    assert all(json.loads(file.read_bytes()) for file in kept_files(a))
