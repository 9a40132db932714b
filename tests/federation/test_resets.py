"""Changes of what several gateways share: the answer says of each member what became of it."""

from typing import Any

from tests.federation.gateways import Cluster, Gateway

REFUSES_ITS_DEFAULT = "[ {value} -ne 4 ] || { echo busy >&2; exit 1; } #"


def manifest(app_id: str, *, picky: bool) -> dict[str, Any]:
    """An App on the shared component `line`, with two configurations; the picky one's first cannot be reset."""
    apply = {"apply": {"command": REFUSES_ITS_DEFAULT, "shell": True}} if picky else {}
    configurations = [{"id": "limit", "value": 4, **apply}, {"id": "mode", "value": "auto"}]
    faults = [{"code": "HOT", "severity": "WARN"}]
    app = {"id": app_id, "is_located_on": "line", "configurations": configurations, "faults": faults}
    return {"components": [{"id": "line"}], "apps": [app], "functions": [{"id": "work", "hosted_by": [app_id]}]}


async def test_each_member_of_a_shared_entity_tells_what_became_of_its_configurations(cluster: Cluster) -> None:
    leaf = cluster.add("leaf", manifest=manifest("drive", picky=True))
    top = cluster.add("top", manifest=manifest("drive", picky=False), peers=[("leaf", leaf)])
    await cluster.start_all()
    await top.lists("apps", "drive", "leaf__drive")
    for app_id in ("drive", "leaf__drive"):
        for item, value in (("limit", 5), ("mode", "manual")):
            await write(top, app_id, item, value)

    answer = await top.request("DELETE", "/components/line/configurations")
    assert answer.status == 207
    assert (answer.json["entity_id"], answer.json["reset_count"]) == ("line", len(answer.json["results"]) - 1)
    assert answer.json["failed_count"] == 1
    results = {result["app_id"]: result for result in answer.json["results"]}
    assert results["drive"] == {"app_id": "drive", "node": "", "success": True}
    failed = results["leaf__drive"]
    assert (failed["node"], failed["success"]) == ("", False)
    assert failed["error"] == "1 of 2 configurations were not reset"
    assert [each["id"] for each in failed["details"]] == ["limit"]
    assert await values(top, "drive") == {"limit": 4, "mode": "auto"}
    assert await values(top, "leaf__drive") == {"limit": 5, "mode": "auto"}

    refused = await top.request("DELETE", "/apps/leaf__drive/configurations/limit")
    assert (refused.status, refused.json["error_code"]) == (409, "precondition-not-fulfilled")
    await leaf.restart()
    await top.sees("leaf")
    assert await values(top, "leaf__drive") == {"limit": 5, "mode": "auto"}


async def test_a_change_names_the_member_that_is_silent_and_never_does_it_elsewhere(cluster: Cluster) -> None:
    leaf = cluster.add("leaf", manifest=manifest("drive", picky=False))
    top = cluster.add("top", manifest=manifest("drive", picky=False), peers=[("leaf", leaf)])
    await cluster.start_all()
    await top.lists("apps", "drive", "leaf__drive")
    await write(top, "leaf__drive", "mode", "manual")
    await leaf.kill()
    await top.lists("apps", "drive")

    for entity in ("functions/work", "components/line"):
        for method, path in (
            ("PUT", "configurations/mode"),
            ("DELETE", "configurations/mode"),
            ("PUT", "configurations/leaf__drive%3Amode"),
            ("PUT", "data/nothing"),
            ("POST", "operations/nothing/executions"),
        ):
            answer = await top.request(method, f"/{entity}/{path}", json={"value": "manual"})
            assert (answer.status, answer.json["parameters"]) == (502, {"may_have_executed": False})
        await write(top, "drive", "mode", "manual")
        for collection in ("configurations", "faults", "faults/HOT"):
            answer = await top.request("DELETE", f"/{entity}/{collection}")
            assert answer.status == 207
            results = {result["app_id"]: (result["success"], result.get("status")) for result in answer.json["results"]}
            assert results.pop("leaf") == (False, 502)
            assert all(success for success, _ in results.values())
            assert {*results} <= {"drive", "line", "local"}
        assert (await values(top, "drive"))["mode"] == "auto"
        for collection in ("configurations", "faults", "logs", "data", "operations"):
            assert (await top.get(f"/{entity}/{collection}")).medkit["failed_peers"] == ["leaf"]
    for method, path in (("PUT", "configurations/mode"), ("DELETE", "faults/HOT"), ("DELETE", "configurations")):
        answer = await top.request(method, f"/apps/leaf__drive/{path}", json={"value": "manual"})
        assert (answer.status, answer.json["parameters"]) == (502, {"may_have_executed": False})
    await leaf.start()
    await top.lists("apps", "drive", "leaf__drive")
    assert (await values(top, "leaf__drive"))["mode"] == "manual"


async def test_what_a_member_says_of_its_failure_is_told_on(cluster: Cluster) -> None:
    told = {"error_code": "service-unavailable", "message": "Nothing was cleared: the disk is full"}
    owner = await cluster.owner({"components": [{"id": "line"}]})
    paths = [f"/api/v1/components/line/faults{each}" for each in ("/HOT", "/OLD", "")]
    await owner.set_faults(*({"path": path, "method": "DELETE", "status": 503, "body": told} for path in paths))
    top = cluster.add("top", manifest=manifest("drive", picky=False), peers=[("leaf", owner)])
    await top.start()
    await top.sees("leaf")
    why = f"leaf answered 503: {told['message']}"
    both = await top.request("DELETE", "/components/line/faults/HOT")
    assert (both.status, [result.get("error") for result in both.json["results"]]) == (207, [None, why])
    theirs = await top.request("DELETE", "/components/line/faults/OLD")
    assert (theirs.status, theirs.json["message"]) == (502, why)
    everything = await top.request("DELETE", "/components/line/faults")
    assert [result.get("error") for result in everything.json["results"]] == [None, None, why]


async def write(gateway: Gateway, app_id: str, item: str, value: Any) -> None:
    answer = await gateway.request("PUT", f"/apps/{app_id}/configurations/{item}", json={"value": value})
    assert answer.status == 200, answer


async def values(gateway: Gateway, app_id: str) -> dict[str, Any]:
    listed = await gateway.get(f"/apps/{app_id}/configurations")
    return {parameter["name"]: parameter["value"] for parameter in listed.medkit["parameters"]}
