"""A reset of all configurations of what several gateways share: it says of each member what became of it."""

from typing import Any

from tests.federation.gateways import Cluster, Gateway

REFUSES_ITS_DEFAULT = "[ {value} -ne 4 ] || { echo busy >&2; exit 1; } #"


def manifest(app_id: str, *, picky: bool) -> dict[str, Any]:
    """An App on the shared component `line`, with two configurations; the picky one's first cannot be reset."""
    apply = {"apply": {"command": REFUSES_ITS_DEFAULT, "shell": True}} if picky else {}
    configurations = [{"id": "limit", "value": 4, **apply}, {"id": "mode", "value": "auto"}]
    app = {"id": app_id, "is_located_on": "line", "configurations": configurations}
    return {"components": [{"id": "line"}], "apps": [app]}


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


async def write(gateway: Gateway, app_id: str, item: str, value: Any) -> None:
    answer = await gateway.request("PUT", f"/apps/{app_id}/configurations/{item}", json={"value": value})
    assert answer.status == 200, answer


async def values(gateway: Gateway, app_id: str) -> dict[str, Any]:
    listed = await gateway.get(f"/apps/{app_id}/configurations")
    return {parameter["name"]: parameter["value"] for parameter in listed.medkit["parameters"]}
