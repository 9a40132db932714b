"""The logs of members behind other gateways are one list, and one that cannot be read is named in it."""

from pathlib import Path
from typing import Any

from tests.federation.gateways import Cluster


def manifest(name: str, log: Path) -> dict[str, Any]:
    return {
        "areas": [{"id": "plant"}],
        "components": [{"id": name, "area": "plant"}],
        "apps": [{"id": f"{name}_app", "is_located_on": name, "logs": [{"file": str(log), "format": "json"}]}],
        "functions": [{"id": "line", "hosted_by": [f"{name}_app"]}],
    }


def entry(second: int, message: str, level: str = "info") -> str:
    return f'{{"time": "2026-08-12T12:00:0{second}Z", "level": "{level}", "msg": "{message}", "name": "pump/1"}}\n'


async def test_logs_of_three_chained_gateways_are_one_list_by_time(cluster: Cluster, tmp_path: Path) -> None:
    logs = {name: tmp_path / f"{name}.log" for name in "abc"}
    logs["a"].write_text(entry(1, "a1") + entry(4, "a4", "error"))
    logs["c"].write_text(entry(2, "c2", "warn") + entry(3, "c3"))
    c = cluster.add("c", manifest=manifest("c", logs["c"]))
    b = cluster.add("b", manifest=manifest("b", logs["b"]), peers=[("c", c)])
    a = cluster.add("a", manifest=manifest("a", logs["a"]), peers=[("b", b)])
    await cluster.start_all()
    await a.lists("apps", "a_app", "b_app", "c_app")

    for path in ("/areas/plant/logs", "/functions/line/logs"):
        listed = await a.get(path)
        assert [item["message"] for item in listed.items] == ["a1", "c2", "c3", "a4"]
        assert [item.get("x-medkit", {}).get("member_ids") for item in listed.items] == [
            ["a_app"],
            ["c_app"],
            ["c_app"],
            ["a_app"],
        ]
        (failed,) = listed.medkit["failed_logs"]
        assert (failed["member_id"], failed["log"], failed["error_code"]) == ("b_app", "b.log", "service-unavailable")
        assert "No such file" in failed["message"]
        assert "partial" not in listed.medkit

    severe = await a.get("/areas/plant/logs?severity=warning&context=pump")
    assert [item["message"] for item in severe.items] == ["c2", "a4"]
    assert (await a.get("/areas/plant/logs?severity=loud")).status == 400

    alone = await a.get("/apps/b_app/logs")
    assert (alone.status, alone.json["error_code"]) == (503, "service-unavailable")
    assert (await a.get("/apps/c_app/logs")).items[0]["context"] == {"node": "pump/1"}

    body = {"max_entries": 2, "severity_filter": "warning"}
    assert (await a.request("PUT", "/areas/plant/logs/configuration", json=body)).status == 204
    assert [item["message"] for item in (await a.get("/areas/plant/logs")).items] == ["c2", "a4"]
    assert (await a.request("PUT", "/apps/c_app/logs/configuration", json={"max_entries": 1})).status == 204
    assert (await c.get("/apps/c_app/logs/configuration")).json["max_entries"] == 1
    assert [item["message"] for item in (await a.get("/functions/line/logs")).items] == ["a1", "c3", "a4"]

    strict = await a.get("/areas/plant/logs", headers={"Prefer": "handling=strict"})
    assert (strict.status, strict.json["error_code"]) == (503, "service-unavailable")
