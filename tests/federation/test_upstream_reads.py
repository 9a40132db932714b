"""Upstream gateways read Grove: whole every time, whoever dies; alone, in both directions, in a chain."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Mapping
from typing import Any

from entities.identity import foreign_id
from tests.federation.gateways import Cluster, Gateway, Upstream, eventually
from tests.federation.test_upstream_leaf import MANIFEST, has_apps, read_again
from tests.federation.upstreams import recorded_tree

REFRESHES = 50
"""Readings at least, and more until peers were seen to come and go."""

DIFFERENT_LISTS = 3
MISCHIEF_S = 90.0

COLLECTIONS = ("areas", "components", "apps", "functions")


def owned(name: str) -> Mapping[str, Any]:
    """Something of every kind, an Area and a Function that everybody has."""
    return {
        "areas": [{"id": "plant", "name": "Plant"}, {"id": f"{name}_hall", "name": "Hall", "parent_area": "plant"}],
        "components": [
            {"id": f"{name}_line", "name": "Line", "area": "plant", "tags": ["line"]},
            {"id": f"{name}_robot", "name": "Robot", "area": "plant", "parent_component_id": f"{name}_line"},
        ],
        "apps": [
            {
                "id": f"{name}_app{number}",
                "name": "App",
                "is_located_on": f"{name}_robot",
                "data": [{"id": "value", "value": number}],
                "faults": [{"code": f"{name}_{number}", "severity": "WARN", "description": "always there"}],
            }
            for number in range(3)
        ],
        "functions": [
            {"id": "production", "name": "Production", "hosted_by": [f"{name}_app0"]},
            {"id": f"{name}_function", "name": "Own", "hosted_by": [f"{name}_app1"]},
        ],
    }


async def test_every_reading_is_whole_while_peers_die_and_come_back(cluster: Cluster) -> None:
    near, far = cluster.add("near", manifest=owned("near")), cluster.add("far", manifest=owned("far"))
    near.add_peer("far", far)
    leaf = cluster.upstream("leaf", recorded_tree("leaf"))
    grove = cluster.add("grove", manifest=owned("grove"), peers=[("near", near), ("leaf", leaf)])
    reader = cluster.upstream("reader", recorded_tree("aggregator"))
    reader.add_peer("grove", grove.url)
    await leaf.start()
    await cluster.start_all()
    await reader.start()
    await eventually(lambda: shows(grove, "near_app0", "far_app0", "pressure_sensor"))
    await reader.reads("grove")

    enough = asyncio.Event()

    async def mischief() -> None:
        peers: tuple[Gateway | Upstream, ...] = (near, far, leaf)
        victims = itertools.cycle(peers)
        while not enough.is_set():
            victim = next(victims)
            await victim.kill()
            await eventually(lambda: lacks_somebody(grove))
            await victim.start()

    seen = set()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(mischief())
        try:
            async with asyncio.timeout(MISCHIEF_S):
                for count in itertools.count(1):
                    await reader.reads("grove")
                    seen.add(frozenset((await reader.cache())["apps"]))
                    if count >= REFRESHES and len(seen) >= DIFFERENT_LISTS:
                        break
        finally:
            enough.set()
    assert (await reader.state())["failures"] == []


async def lacks_somebody(gateway: Gateway) -> bool:
    return bool((await gateway.get("/apps")).medkit.get("failed_peers"))


async def shows(gateway: Gateway | Upstream, *apps: str) -> bool:
    return {*apps} <= {*(await gateway.get("/apps")).ids}


async def test_what_is_silent_stays_readable_as_upstream_knows_it(cluster: Cluster) -> None:
    near = cluster.add("near", manifest=owned("near"))
    grove = cluster.add("grove", peers=[("near", near)], settings={"aggregation.retain_offline": "all"})
    reader = cluster.upstream("reader", {})
    reader.add_peer("grove", grove.url)
    await cluster.start_all()
    await reader.start()
    await eventually(lambda: shows(grove, "near_app0"))
    await near.kill()

    async def silent() -> bool:
        item = (await grove.get("/apps")).item("near_app0")
        return item["x-medkit"].get("available") is False

    await eventually(silent)
    await reader.reads("grove")
    cache = await reader.cache()
    assert {one["available"] for kind in ("components", "apps") for one in cache[kind].values()} == {False}
    assert set(cache["functions"]) == {"production", "near_function"}


async def test_fault_037_an_upstream_gateway_in_both_directions_has_each_entity_shown_once(cluster: Cluster) -> None:
    upstream = cluster.upstream("c", recorded_tree("leaf"))
    grove = cluster.add("grove", manifest=mutual_manifest(), peers=[("c", upstream)])
    upstream.add_peer("grove", grove.url)
    await upstream.start()
    await grove.start()
    await eventually(lambda: has_apps(grove))
    for _ in range(3):
        await upstream.reads("grove")
        await read_again(upstream)
        assert sorted((await grove.get("/apps")).ids) == ["c__cam", "cam", "pressure_sensor", "valve"]
        assert sorted((await upstream.get("/apps")).ids) == ["cam", "grove__cam", "pressure_sensor", "valve"]
        assert sorted((await grove.get("/components")).ids) == ["arm_controller", "pump", "robot"]
        routes = (await upstream.cache())["routes"]
        assert routes == dict.fromkeys(("apps/grove__cam", "apps/valve", "components/pump"), "grove")
    for viewer, codes in ((grove, ["CAM_HOT", "P_LOW"]), (upstream, ["CAM_HOT", "P_LOW"])):
        faults = await viewer.get("/faults")
        assert sorted(fault["fault_code"] for fault in faults.items) == codes
    record = await record_of(grove, upstream)
    assert sorted(app["id"] for app in record["apps"]) == ["cam", "pressure_sensor"]
    assert all("origin=" not in tag for one in record["components"] for tag in one.get("tags", []))


def mutual_manifest() -> Mapping[str, Any]:
    """As MANIFEST, with a leaf Component that the upstream gateway has too, and something of its own."""
    return {
        **MANIFEST,
        "components": [
            *MANIFEST["components"],
            {"id": "arm_controller", "name": "Arm controller", "area": "chassis"},
            {"id": "pump", "name": "Pump"},
        ],
        "apps": [
            *MANIFEST["apps"],
            {"id": "valve", "name": "Valve", "is_located_on": "pump", "data": [{"id": "open", "value": True}]},
        ],
    }


async def record_of(grove: Gateway, upstream: Upstream) -> dict[str, Any]:
    document = (await grove.get("/x-medkit-tree")).json
    wanted = foreign_id(document["instance_id"], upstream.url)
    (record,) = [record for record in document["records"] if record["id"] == wanted]
    return dict(record)


async def test_fault_037_an_upstream_gateway_in_both_directions_lets_no_request_circle(cluster: Cluster) -> None:
    upstream = cluster.upstream("c", recorded_tree("leaf"))
    grove = cluster.add("grove", manifest=mutual_manifest(), peers=[("c", upstream)], log_level="debug")
    upstream.add_peer("grove", grove.url)
    await upstream.start()
    await grove.start()
    await eventually(lambda: has_apps(grove))
    await upstream.reads("grove")
    await upstream.forget()
    asked: tuple[tuple[Gateway | Upstream, str, int], ...] = (
        (grove, "/apps/pressure_sensor/data/%2Fchassis%2Fbrakes%2Fpressure", 200),
        (grove, "/apps/c__cam/data", 200),
        (grove, "/components/arm_controller/data", 200),
        (grove, "/functions/navigation/data", 200),
        (grove, "/areas/chassis/faults", 200),
        (upstream, "/apps/valve/data/open", 200),
        (upstream, "/apps/grove__cam/data", 200),
        (upstream, "/components/arm_controller/data", 200),
        (upstream, "/components/pump", 200),
        (upstream, "/functions/navigation/data", 200),
        (upstream, "/faults", 200),
    )
    for viewer, path, status in asked:
        answer = await viewer.get(path)
        assert (answer.status, answer.medkit.get("partial")) == (status, None), (path, answer.body)
    counts = Counter(
        one["path"] for one in await upstream.requests() if "/data" in one["path"] or "faults" in one["path"]
    )
    assert max(counts.values()) <= 3, counts
    data = await grove.get("/components/arm_controller/data")
    assert data.ids == ["/chassis/brakes/pressure"]


async def test_a_reader_that_comes_later_never_sees_its_own_entities(cluster: Cluster) -> None:
    """First a leaf like any other, then it begins to read: nothing of it may come back even once."""
    upstream = cluster.upstream("c", recorded_tree("leaf"))
    grove = cluster.add("grove", manifest=mutual_manifest(), peers=[("c", upstream)])
    await upstream.start()
    await grove.start()
    await eventually(lambda: has_apps(grove))
    await upstream.set_peers(("grove", grove.url))
    await upstream.reads("grove")
    assert sorted((await upstream.get("/apps")).ids) == ["cam", "grove__cam", "pressure_sensor", "valve"]
    await read_again(upstream)
    assert sorted((await grove.get("/apps")).ids) == ["c__cam", "cam", "pressure_sensor", "valve"]
    warnings = {warning["code"] for warning in (await grove.get("/health")).json["warnings"]}
    assert "foreign_peer_misplaced" not in warnings


async def test_a_chain_with_upstream_gateways_at_both_ends_shows_and_reaches_everything(cluster: Cluster) -> None:
    leaf = cluster.upstream("leaf", recorded_tree("leaf"))
    grove = cluster.add("grove", manifest=owned("grove"), peers=[("b", leaf)])
    top = cluster.upstream("top", recorded_tree("aggregator"))
    top.add_peer("grove", grove.url)
    await leaf.start()
    await grove.start()
    await eventually(lambda: has_apps(grove))
    await top.start()
    await top.reads("grove")
    apps = (await top.get("/apps")).ids
    assert sorted(apps) == sorted(["cam", "grove__cam", "pressure_sensor", "grove_app0", "grove_app1", "grove_app2"])
    item = await top.get("/apps/pressure_sensor/data/%2Fchassis%2Fbrakes%2Fpressure")
    assert (item.status, item.json["data"]) == (200, {"data": 2.5})
    started = await top.request("POST", "/apps/pressure_sensor/operations/long_calibration/executions", json={})
    assert started.status == 202
    assert (await leaf.get(started.headers["Location"])).json["status"] == "running"
    configured = await top.request("PUT", "/apps/pressure_sensor/configurations/offset", json={"data": 0.25})
    assert configured.json["data"] == 0.25
    cache = await top.cache()
    assert [item["id"] for item in cache["apps"]["pressure_sensor"]["data"]] == ["/chassis/brakes/pressure"]
    assert (await leaf.get("/apps")).ids == ["cam", "pressure_sensor"]


async def test_more_than_an_upstream_reader_takes_is_warned_of_once_one_appears(cluster: Cluster) -> None:
    many = [{"id": f"unit{number}", "name": "Unit"} for number in range(1001)]
    grove = cluster.add("grove", manifest={"components": many})
    reader = cluster.upstream("reader", {})
    reader.add_peer("grove", grove.url)
    await grove.start()
    await reader.start()

    async def codes() -> set[str]:
        return {warning["code"] for warning in (await grove.get("/health")).json["warnings"]}

    assert "upstream_reader_limit" not in await codes()
    outcome = await reader.refresh()
    assert "1001" in outcome["peers"]["grove"]
    assert "upstream_reader_limit" in await codes()


async def test_a_peer_with_peers_of_its_own_is_warned_of_and_what_it_lost_is_named(cluster: Cluster) -> None:
    leaf = cluster.upstream("leaf", recorded_tree("leaf"))
    middle = cluster.upstream("middle", recorded_tree("aggregator"))
    middle.add_peer("subsystem_b", leaf.url)
    await leaf.start()
    await middle.start()
    await middle.reads("subsystem_b")
    grove = cluster.add("grove", peers=[("m", middle)])
    await grove.start()
    await eventually(lambda: shows(grove, "cam", "subsystem_b__cam", "pressure_sensor"))

    async def warned() -> bool:
        codes = [warning["code"] for warning in (await grove.get("/health")).json["warnings"]]
        return "foreign_peer_misplaced" in codes

    await eventually(warned)
    data = await grove.get("/functions/navigation/data")
    assert sorted(data.ids) == ["/chassis/brakes/pressure", "/chassis/cam/image", "/powertrain/cam/image"]
    await leaf.kill()
    faults = await grove.get("/faults")
    assert faults.medkit["failed_peers"] == ["m/subsystem_b"]
    await middle.refresh()

    async def named() -> bool:
        apps = await grove.get("/apps")
        return apps.ids == ["cam"] and apps.medkit.get("failed_peers") == ["m/subsystem_b"]

    await eventually(named)
    assert (await grove.get("/apps/pressure_sensor")).status == 502
