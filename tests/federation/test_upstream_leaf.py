"""A Grove gateway reads an upstream one: its tree, requests for its entities, its end and its return."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from entities.identity import foreign_id
from tests.federation.gateways import Cluster, Gateway, Upstream, eventually
from tests.federation.test_upstream_standin import differences, recorded
from tests.federation.upstreams import recorded_tree

MANIFEST: Mapping[str, Any] = {
    "areas": [{"id": "chassis", "name": "Chassis"}],
    "components": [{"id": "robot", "name": "Robot", "area": "chassis", "tags": ["top"]}],
    "apps": [
        {
            "id": "cam",
            "name": "cam",
            "is_located_on": "robot",
            "data": [{"id": "frame_rate", "value": 30}],
            "configurations": [{"id": "gain", "value": 1}],
            "faults": [{"code": "CAM_HOT", "severity": "WARN", "description": "hot"}],
        }
    ],
    "functions": [{"id": "navigation", "name": "Navigation", "hosted_by": ["cam"]}],
}
"""Shares an Area, a Component, a Function and the name of an App with the recorded leaf."""

READ = "GET /api/v1/functions"
"""The last collection of a reading."""


async def reading(cluster: Cluster, manifest: Mapping[str, Any] | None = None) -> tuple[Gateway, Upstream]:
    """A gateway over the recorded leaf, its peer `b`."""
    leaf = cluster.upstream("leaf", recorded_tree("leaf"))
    await leaf.start()
    gateway = cluster.add("grove", manifest=manifest, peers=[("b", leaf)])
    await gateway.start()
    await gateway.sees("b")
    await eventually(lambda: has_apps(gateway))
    return gateway, leaf


async def has_apps(gateway: Gateway) -> bool:
    return "pressure_sensor" in (await gateway.get("/apps")).ids


async def readings(leaf: Upstream) -> int:
    """How often it was read to the end, so far."""
    asked = [f"{request['method']} {request['path']}" for request in await leaf.requests()]
    return asked.count(READ)


async def read_again(leaf: Upstream, times: int = 2) -> None:
    """Waits for whole readings that began after now."""
    before = await readings(leaf)

    async def enough() -> bool:
        return await readings(leaf) >= before + times

    await eventually(enough)


async def test_the_record_of_an_upstream_gateway_is_what_its_lists_tell(cluster: Cluster) -> None:
    gateway, leaf = await reading(cluster)
    document = (await gateway.get("/x-medkit-tree")).json
    own = document["instance_id"]
    records = {record["id"]: record for record in document["records"]}
    record = records[foreign_id(own, leaf.url)]
    told = recorded_tree("leaf")
    assert (record["foreign"], record["reader"], record["name"]) == (True, own, "b")
    assert records[own]["links"][0] | {"at": ""} == {"peer": "b", "at": "", "instance": record["id"], "state": "up"}
    fields = ("id", "name", "namespace", "parent_area_id")
    assert [{key: area[key] for key in fields if key in area} for area in record["areas"]] == told["areas"]
    components = {component["id"]: component for component in record["components"]}
    for component in told["components"]:
        assert component.items() <= components[component["id"]].items()
    assert components.keys() == {component["id"] for component in told["components"]}
    apps = {app["id"]: app for app in record["apps"]}
    assert {own_id: (app["component_id"], app["node"]) for own_id, app in apps.items()} == {
        app["id"]: (app["component_id"], app["fqn"]) for app in told["apps"]
    }
    assert apps["cam"]["data"] == ["/chassis/cam/image"]
    assert apps["pressure_sensor"]["operations"] == ["calibrate", "long_calibration"]
    (function,) = record["functions"]
    assert (function["id"], function["name"], function["hosts"]) == (
        "navigation",
        "Navigation",
        ["pressure_sensor", "cam"],
    )


async def test_what_the_leaf_answers_is_what_its_reader_answers(cluster: Cluster) -> None:
    gateway, _ = await reading(cluster)
    found = []
    for exchange in recorded("leaf"):
        method, target = exchange["request"].split(" ")
        path = target.removeprefix("/api/v1")
        if method == "GET" and path not in {"/health", "/version-info", "/faults", "/nowhere"}:
            answer = await gateway.get(path)
            found += [f"{path} {answer.status}"] if answer.status != exchange["status"] else []
            found += [f"{path} {each}" for each in differences(exchange["answer"], answer.json)]
    # Entity documents are Grove's own: it says more in them, and whose an entity is.
    lost = [each for each in found if ": None != " not in each and not is_about_owner(each)]
    assert not lost, "\n".join(lost)


def is_about_owner(difference: str) -> bool:
    return ".source:" in difference or ".contributors[" in difference


async def test_a_reading_that_finds_nothing_new_changes_nothing(cluster: Cluster) -> None:
    gateway, leaf = await reading(cluster)
    before = (await gateway.get("/x-medkit-tree")).headers["ETag"]
    await read_again(leaf, times=4)
    assert (await gateway.get("/x-medkit-tree")).headers["ETag"] == before


async def test_a_change_is_seen_at_the_next_reading_and_raises_the_version(cluster: Cluster) -> None:
    gateway, leaf = await reading(cluster)
    before = (await gateway.get("/x-medkit-tree")).json["records"]
    tree = recorded_tree("leaf")
    await leaf.change_tree({**tree, "apps": tree["apps"][:1]})
    await gateway.lists("apps", "cam")
    after = (await gateway.get("/x-medkit-tree")).json["records"]
    version = {record["id"]: record["version"] for record in before if record.get("foreign")}
    assert all(record["version"] > version[record["id"]] for record in after if record.get("foreign"))


async def test_requests_for_its_entities_arrive_in_its_own_words(cluster: Cluster) -> None:
    gateway, leaf = await reading(cluster, MANIFEST)
    assert sorted((await gateway.get("/apps")).ids) == ["b__cam", "cam", "pressure_sensor"]
    await leaf.forget()
    image = await gateway.get("/apps/b__cam/data/%2Fchassis%2Fcam%2Fimage?depth=2&a=1")
    assert (image.status, image.json["data"], image.json["id"]) == (200, {"w": 1}, "/chassis/cam/image")
    asked = [one for one in await leaf.requests() if one["path"].startswith("/api/v1/apps/cam/data/")]
    assert [(one["path"], one["query"]) for one in asked] == [
        ("/api/v1/apps/cam/data/%2Fchassis%2Fcam%2Fimage", "depth=2&a=1")
    ]
    body = {"type": "std_msgs/msg/Float32", "data": {"data": 7.5}}
    written = await gateway.request("PUT", "/apps/pressure_sensor/data//chassis/brakes/pressure", json=body)
    assert (written.status, written.json["data"]) == (200, {"data": 7.5})
    configured = await gateway.request("PUT", "/apps/b__cam/configurations/rate", json={"data": 25})
    assert (configured.status, configured.json["data"]) == (200, 25)
    fault = await gateway.get("/apps/pressure_sensor/faults/P_LOW")
    assert fault.json["item"]["code"] == "P_LOW"
    assert (await gateway.request("DELETE", "/apps/pressure_sensor/faults/P_LOW")).status == 204
    assert (await leaf.get("/faults?status=all")).items == []


async def test_an_execution_is_followed_by_the_location_that_was_given(cluster: Cluster) -> None:
    gateway, _ = await reading(cluster, MANIFEST)
    for entity in ("apps/pressure_sensor", "components/arm_controller", "functions/navigation"):
        path = f"/{entity}/operations/long_calibration/executions"
        started = await gateway.request("POST", path, json={"parameters": {"order": 3}})
        assert started.status == 202, (entity, started.body)
        location = started.headers["Location"]
        running = await gateway.get(location)
        assert (running.status, running.json["status"]) == (200, "running"), (location, running.body)
        assert (await gateway.request("PUT", location, json={"capability": "stop"})).status == 202
        assert (await gateway.get(location)).json["status"] == "completed"
        assert (await gateway.request("DELETE", location)).status == 204


async def test_a_member_qualified_id_reaches_its_member(cluster: Cluster) -> None:
    gateway, leaf = await reading(cluster, MANIFEST)
    configurations = await gateway.get("/functions/navigation/configurations")
    assert sorted(configurations.ids) == ["b__cam:rate", "cam:gain", "pressure_sensor:mode", "pressure_sensor:offset"]
    for item, value in (("b__cam:rate", 40), ("pressure_sensor:mode", "manual")):
        answer = await gateway.request("PUT", f"/functions/navigation/configurations/{item}", json={"data": value})
        assert (answer.status, answer.json["data"], answer.json["id"]) == (200, value, item)
    assert (await leaf.get("/apps/cam/configurations/rate")).json["data"] == 40
    assert (await leaf.get("/apps/pressure_sensor/configurations/mode")).json["data"] == "manual"
    image = await gateway.get("/areas/chassis/data/b__cam:%2Fchassis%2Fcam%2Fimage")
    assert (image.status, image.json["data"]) == (200, {"w": 1})


async def test_a_fan_out_reaches_both_sorts_of_gateways_and_each_item_says_whose_it_is(cluster: Cluster) -> None:
    second = cluster.add("second", manifest=MANIFEST)
    leaf = cluster.upstream("leaf", recorded_tree("leaf"))
    await leaf.start()
    await second.start()
    gateway = cluster.add("grove", manifest=MANIFEST, peers=[("second", second), ("b", leaf)])
    await gateway.start()
    await gateway.lists("apps", "cam", "second__cam", "b__cam", "pressure_sensor")
    data = await gateway.get("/functions/navigation/data")
    assert "partial" not in data.medkit
    whose = [(item["id"], item["x-medkit"].get("source"), item["x-medkit"]["member_ids"]) for item in data.items]
    assert sorted(whose, key=str) == [
        ("/chassis/brakes/pressure", "peer:b", ["pressure_sensor"]),
        ("/chassis/cam/image", "peer:b", ["b__cam"]),
        ("cam:frame_rate", None, ["cam"]),
        ("second__cam:frame_rate", "peer:second", ["second__cam"]),
    ]
    faults = await gateway.get("/faults")
    assert sorted((fault["fault_code"], fault["x-medkit"].get("source", "")) for fault in with_marks(faults.items)) == [
        ("CAM_HOT", ""),
        ("CAM_HOT", "peer:second"),
        ("P_LOW", "peer:b"),
    ]
    versions = [item["vendor_info"]["name"] for item in (await gateway.get("/version-info")).items]
    assert sorted(versions) == ["grove", "grove", "ros2_medkit"]
    await leaf.kill()
    for path in ("/functions/navigation/data", "/areas/chassis/faults", "/faults", "/version-info"):
        answer = await gateway.get(path)
        assert (answer.status, answer.medkit["failed_peers"]) == (200, ["b"]), path


def with_marks(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"x-medkit": {}, **item} for item in items]


async def test_faults_on_what_only_we_have_are_found_and_cleared_at_its_apps(cluster: Cluster) -> None:
    """The Component is ours, the Apps on it are the upstream gateway's: that knows nothing of the Component."""
    tree = recorded_tree("leaf")
    apps = [{**app, "component_id": "base"} for app in tree["apps"]]
    leaf = cluster.upstream("leaf", {**tree, "apps": apps})
    await leaf.start()
    grove = cluster.add("grove", manifest={"components": [{"id": "base", "name": "Base"}]}, peers=[("b", leaf)])
    far = cluster.add("far", peers=[("near", grove)])
    await cluster.start_all()
    await eventually(lambda: has_apps(far))
    for gateway in (grove, far):
        faults = await gateway.get("/components/base/faults")
        assert [fault["fault_code"] for fault in faults.items] == ["P_LOW"]
        assert (await gateway.get("/components/base/faults/P_LOW")).json["item"]["code"] == "P_LOW"
        assert (await gateway.get("/components/base/faults/P_HIGH")).status == 404
        data = await gateway.get("/components/base/data")
        assert sorted(data.ids) == ["/chassis/brakes/pressure", "/chassis/cam/image"]
    assert (await far.request("DELETE", "/components/base/faults/P_LOW")).status == 204
    assert (await leaf.get("/faults?status=all")).items == []
    assert (await grove.request("DELETE", "/components/base/faults/P_LOW")).status == 404


async def test_fault_046_an_upstream_gateway_is_told_the_way_and_not_to_ask_others_and_nothing_else_of_ours(
    cluster: Cluster,
) -> None:
    gateway, leaf = await reading(cluster, MANIFEST)
    await leaf.forget()
    await gateway.get("/functions/navigation/data")
    await gateway.get("/apps/pressure_sensor/data")
    requests = await leaf.requests()
    ours = {name.lower() for one in requests for name in one["headers"] if name.lower().startswith("x-medkit-")}
    assert ours <= {"x-medkit-via", "x-medkit-no-fan-out"}
    fanned = [one for one in requests if one["path"] == "/api/v1/functions/navigation/data"]
    assert [one["headers"].get("X-Medkit-No-Fan-Out") for one in fanned] == ["1"]


async def test_a_gateway_behind_the_reader_has_its_entities_too(cluster: Cluster) -> None:
    reader, leaf = await reading(cluster, MANIFEST)
    far = cluster.add("far", peers=[("near", reader)])
    await far.start()
    await eventually(lambda: has_apps(far))
    assert sorted((await far.get("/apps")).ids) == ["b__cam", "cam", "pressure_sensor"]
    item = await far.get("/apps/b__cam/data/%2Fchassis%2Fcam%2Fimage")
    assert (item.status, item.json["data"]) == (200, {"w": 1})
    data = await far.get("/functions/navigation/data")
    assert sorted(data.ids) == ["/chassis/brakes/pressure", "/chassis/cam/image", "frame_rate"]
    assert "partial" not in data.medkit
    codes = [fault["fault_code"] for fault in (await far.get("/faults")).items]
    assert sorted(codes) == ["CAM_HOT", "P_LOW"]
    await leaf.kill()
    for path in ("/functions/navigation/data", "/faults"):
        answer = await far.get(path)
        assert (answer.status, answer.medkit["failed_peers"]) == (200, ["near/b"]), path


async def test_when_it_dies_its_entities_leave_and_answer_502_until_it_is_back(cluster: Cluster) -> None:
    gateway, leaf = await reading(cluster, MANIFEST)
    await leaf.kill()
    await gateway.lists("apps", "cam")
    apps = await gateway.get("/apps")
    assert apps.medkit["failed_peers"] == ["b"]
    for path in ("/apps/pressure_sensor", "/apps/b__cam/data", "/components/arm_controller"):
        assert (await gateway.get(path)).status == 502, path
    await leaf.start()
    await gateway.lists("apps", "cam", "b__cam", "pressure_sensor")
    assert "partial" not in (await gateway.get("/apps")).medkit


async def test_a_restarted_reader_knows_its_entities_before_it_answers(cluster: Cluster) -> None:
    gateway, leaf = await reading(cluster, MANIFEST)
    await gateway.stop()
    await leaf.kill()
    await gateway.start()
    answer = await gateway.get("/apps/pressure_sensor/data")
    assert answer.status == 502, answer.body
    assert (await gateway.get("/apps")).medkit["failed_peers"] == ["b"]


async def test_it_never_has_more_than_four_connections_of_ours(cluster: Cluster) -> None:
    gateway, leaf = await reading(cluster)
    await leaf.set_oddities({"path": "/api/v1/apps/cam/data", "delay": 0.03})
    await leaf.forget()
    await asyncio.gather(*(gateway.get("/apps/cam/data") for _ in range(40)))
    await read_again(leaf)
    state = await leaf.state()
    assert 0 < state["connections"]["peak"] <= 4, state


async def test_a_peer_that_is_no_gateway_at_all_is_refused(cluster: Cluster) -> None:
    stranger = cluster.upstream("stranger", recorded_tree("leaf"))
    await stranger.start()
    await stranger.set_oddities({"path": "/api/v1/health", "status": 200, "body": {"ok": True}})
    gateway = cluster.add("grove", peers=[("b", stranger)])
    await gateway.start()

    async def refused() -> bool:
        (peer,) = (await gateway.get("/health")).json["peers"]
        return (peer["x-medkit"]["state"], peer["x-medkit"].get("reason")) == ("refused", "not_grove")

    await eventually(refused)
    assert not await readings(stranger)


async def test_health_says_that_a_peer_is_read_as_an_upstream_gateway(cluster: Cluster) -> None:
    gateway, leaf = await reading(cluster)
    (peer,) = (await gateway.get("/health")).json["peers"]
    assert (peer["status"], peer["x-medkit"]["foreign"], peer["x-medkit"]["entities"]) == ("online", True, 8)
    assert json.dumps(peer).find(leaf.url) > 0


async def test_a_tree_of_another_format_is_left_for_the_lists(cluster: Cluster) -> None:
    owner = await cluster.owner({"name": "newer", "apps": [{"id": "cam"}]})
    await owner.set_faults({"path": "/api/v1/x-medkit-tree", "status": 200, "body": {"format": 2}})
    gateway = cluster.add("grove", peers=[("b", owner)])
    await gateway.start()

    async def asked_for_lists() -> bool:
        return "/api/v1/areas" in await owner.counters()

    await eventually(asked_for_lists)


async def test_a_death_that_a_request_meets_is_published_at_once(cluster: Cluster) -> None:
    """Neither the next probe nor the next refresh is due before the test is long over."""
    leaf = cluster.upstream("leaf", recorded_tree("leaf"))
    await leaf.start()
    owner = await cluster.owner({"name": "owner", "apps": [{"id": "lamp"}]})
    slow = {"health_interval_ms": 60_000, "refresh_interval_ms": 60_000}
    gateway = cluster.add("grove", peers=[("b", leaf), ("o", owner)], settings=slow)
    await gateway.start()
    await gateway.lists("apps", "cam", "pressure_sensor", "lamp")
    await leaf.kill()
    await owner.process.kill()
    for path, left in (("/apps/cam/data", ["lamp"]), ("/apps/lamp/data", [])):
        assert (await gateway.get(path)).status == 502
        await gateway.lists("apps", *left)
