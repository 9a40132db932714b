"""Traps T2, T3, T5 and T11: where following upstream's code breaks the tutorial's own words."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from tests.federation import robots
from tests.federation.eventually import eventually
from tests.federation.gateways import Cluster, Gateway
from tests.federation.tutorial import STEP_2, Tutorial, write_manifest

B_WITHOUT_GRIPPER = {**robots.B, "apps": [app for app in robots.B["apps"] if app["id"] != "gripper"]}


async def test_promise_t02_what_a_down_peer_had_is_502_until_the_peer_says_that_it_is_gone(cluster: Cluster) -> None:
    """A restart of A does not make it forget."""
    a, b = Tutorial(cluster).add_all(STEP_2, robots.PAIR)
    await cluster.start_all()
    await a.lists("components", "robot", "arm_controller")
    await b.kill()
    await a.restart()
    for path in ("/apps/gripper/data", "/apps/subsystem_b__cam", "/components/arm_controller/data"):
        answer = await a.get(path)
        assert (path, answer.status) == (path, 502)
        assert answer.json["vendor_code"] == "x-medkit-peer-unavailable"
    write_manifest(b.process.folder, B_WITHOUT_GRIPPER)
    await b.start()
    await a.lists("components", "robot", "arm_controller")
    answer = await a.get("/apps/gripper/data")
    assert (answer.status, answer.json["error_code"]) == (404, "entity-not-found")


async def test_promise_t02_a_peer_that_is_no_longer_configured_leaves_nothing_behind(cluster: Cluster) -> None:
    b = cluster.add("b", manifest=robots.B)
    a = cluster.add("a", manifest=robots.A, peers=[("subsystem_b", b)])
    await cluster.start_all()
    await a.lists("components", "robot", "arm_controller")
    await b.kill()
    await a.stop()
    a.configure({"aggregation": {"enabled": True}})
    await a.start()
    assert (await a.get("/apps/gripper/data")).status == 404
    assert (await a.get("/apps/subsystem_b__cam/data")).status == 404
    assert "partial" not in (await a.get("/faults")).medkit


OWN_APPS = {"cam", "some_node", "planner"}
APPS_OF_BOTH = OWN_APPS | {"gripper", "subsystem_b__cam", "subsystem_b__some_node"}

LISTED = {
    "default": ({"robot"}, OWN_APPS),
    "none": ({"robot"}, OWN_APPS),
    "declared": ({"robot", "arm_controller"}, APPS_OF_BOTH),
    "all": ({"robot", "arm_controller", "the machine of B"}, APPS_OF_BOTH),
}
"""What A lists while B is down, by `aggregation.retain_offline`; all B's entities but its machine are declared."""


async def test_promise_t03_what_a_down_peer_had_is_dropped_unless_asked_otherwise(cluster: Cluster) -> None:
    b = cluster.add("b", manifest=robots.B, settings={"local.host": True})
    readers = {retain: cluster.add(retain, manifest=robots.A, peers=[("subsystem_b", b)]) for retain in LISTED}
    for retain in ("none", "declared", "all"):
        readers[retain].configure({"aggregation.retain_offline": retain})
    await cluster.start_all()
    (machine,) = {*(await b.get("/components")).ids} - {"robot", "arm_controller"}
    for reader in readers.values():
        await reader.lists("components", "robot", "arm_controller", machine)
    await b.kill()
    for retain, (components, apps) in LISTED.items():
        names = {machine if each == "the machine of B" else each for each in components}
        await eventually(partial(names_b_as_missing, readers[retain]))
        assert {*(await readers[retain].get("/components")).ids} == names
        assert {*(await readers[retain].get("/apps")).ids} == apps
    await retained_is_marked(readers["declared"])


async def names_b_as_missing(gateway: Gateway) -> bool:
    return (await gateway.get("/apps")).medkit.get("failed_peers") == ["subsystem_b"]


async def retained_is_marked(gateway: Gateway) -> None:
    """What stays listed by setting says that it is not there, and answers so."""
    apps = await gateway.get("/apps")
    assert apps.item("gripper")["x-medkit"]["available"] is False
    assert "available" not in apps.item("planner")["x-medkit"]
    for path in ("/apps/gripper", "/apps/gripper/data", "/components/arm_controller/data/joint_1"):
        answer = await gateway.get(path)
        assert (path, answer.status, answer.json["error_code"]) == (path, 504, "not-responding")


def one_robot(name: str, *apps: str) -> Mapping[str, Any]:
    """A manifest with these Apps, each with a fault."""
    return {
        "components": [{"id": name, "name": name}],
        "apps": [
            robots.app(app, name, faults=[{"code": f"{name}_{app}", "severity": "WARN", "description": "on"}])
            for app in apps
        ],
    }


REAL_APPS = {"a_lidar", "b_arm", "b_lidar", "c_arm", "c_tool"}
"""Each by the fault it alone has."""


async def test_promise_t05_mutual_peers_settle_at_each_real_app_once(cluster: Cluster) -> None:
    """A, B and C, each a peer of its neighbours; `arm` and `lidar` exist twice. No App comes back as an echo."""
    gateways = add_mutual_chain(cluster)
    await cluster.start_all()
    for gateway in gateways:
        await eventually(partial(shows_each_app_once, gateway))
    await eventually(partial(stays_the_same, gateways), timeout=60)
    for gateway in gateways:
        assert await shows_each_app_once(gateway)
        faults = await gateway.get("/faults")
        assert sorted(fault["fault_code"] for fault in faults.items) == sorted(REAL_APPS)
        assert "partial" not in faults.medkit


def add_mutual_chain(cluster: Cluster) -> list[Gateway]:
    """Not started yet."""
    apps = {"a": ["lidar"], "b": ["arm", "lidar"], "c": ["arm", "tool"]}
    a, b, c = [cluster.add(name, manifest=one_robot(name, *apps[name]), log_level="debug") for name in apps]
    for one, other in ((a, b), (b, a), (b, c), (c, b)):
        one.add_peer(other.name, other)
    return [a, b, c]


async def shows_each_app_once(gateway: Gateway) -> bool:
    apps = (await gateway.get("/apps")).ids
    assert {app["id"] for app in (gateway.manifest or {})["apps"]} <= {*apps}
    faults = [(await gateway.get(f"/apps/{app}/faults")).items for app in apps]
    assert sorted(fault["fault_code"] for of_app in faults for fault in of_app) == sorted(REAL_APPS)
    return True


async def generation(gateway: Gateway) -> int:
    """It rises when anything that is shown changes."""
    count: int = (await gateway.get("/health")).json["x-medkit"]["generation"]
    return count


async def stays_the_same(gateways: Sequence[Gateway]) -> bool:
    """Nothing that is shown changes while each of the at most two readers of each refreshes ten times."""
    before = [await generation(gateway) for gateway in gateways]
    aims = [(gateway, times_read(gateway) + 20) for gateway in gateways]
    await eventually(lambda: all(times_read(gateway) >= aim for gateway, aim in aims), timeout=30)
    return [await generation(gateway) for gateway in gateways] == before


def times_read(gateway: Gateway) -> int:
    """How often its tree was asked for since it was started."""
    return gateway.process.log_text().count("/api/v1/x-medkit-tree")


def claimant(value: int) -> Mapping[str, Any]:
    """A manifest that claims the leaf Component `ecu`."""
    return {"components": [{"id": "ecu", "name": "ECU", "data": [{"id": "temperature", "value": value}]}]}


async def test_promise_t11_an_item_of_a_leaf_two_peers_claim_never_changes_its_owner(cluster: Cluster) -> None:
    left, right = [cluster.add(name, manifest=claimant(value)) for name, value in (("left", 20), ("right", 90))]
    top = cluster.add("top", manifest={}, peers=[("left", left), ("right", right)])
    await cluster.start_all([left, right, top])
    await top.sees("left", "right")
    assert await temperatures(top) == {"temperature": 20, "right:temperature": 90}
    await left.kill()
    await eventually(lambda: is_missing(top, "left"))
    assert await temperatures(top) == {"temperature": 502, "right:temperature": 90}
    await left.start()
    await right.kill()
    await eventually(lambda: is_missing(top, "right"))
    assert await temperatures(top) == {"temperature": 20, "right:temperature": 502}


async def temperatures(gateway: Gateway) -> dict[str, int]:
    """The value of each of the two items, or the status where there is none."""
    answers = {
        item: await gateway.get(f"/components/ecu/data/{item.replace(':', '%3A')}")
        for item in ("temperature", "right:temperature")
    }
    return {item: answer.json.get("data", answer.status) for item, answer in answers.items()}


async def is_missing(gateway: Gateway, peer: str) -> bool:
    """Whether this peer, and it alone, is named as missing from the Component's data."""
    data = await gateway.get("/components/ecu/data")
    assert len(data.items) == 1
    return data.medkit.get("failed_peers") == [peer]


async def test_promise_t11_the_warning_stays_when_a_claimant_dies(cluster: Cluster) -> None:
    left, right = [cluster.add(name, manifest=claimant(value)) for name, value in (("left", 20), ("right", 90))]
    top = cluster.add("top", manifest={}, peers=[("right", right), ("left", left)])
    await cluster.start_all([left, right, top])
    await top.sees("left", "right")
    expected = [("leaf_id_collision", ["ecu"], ["left", "right"])]

    async def is_warned_of() -> bool:
        return await collisions(top) == expected

    await eventually(is_warned_of)
    for dying, name in ((left, "left"), (right, "right")):
        await dying.kill()
        await eventually(partial(named_silent, top, name))
        assert await collisions(top) == expected


async def collisions(gateway: Gateway) -> list[tuple[str, list[str], list[str]]]:
    """Such warnings in `/health`: code, entities, peers."""
    warnings = (await gateway.get("/health")).json["warnings"]
    told = [(warning["code"], warning["entity_ids"], warning["peer_names"]) for warning in warnings]
    return [each for each in told if "collision" in each[0]]


async def named_silent(gateway: Gateway, peer: str) -> bool:
    return peer in (await gateway.get("/faults")).medkit.get("failed_peers", [])
