"""A gateway whose disk is full: what cannot be stored is refused with the cause, everything else goes on."""

from tests.federation.eventually import eventually
from tests.federation.gateways import Cluster

MANIFEST = {
    "apps": [
        {
            "id": "pump",
            "configurations": [{"id": "note", "value": "", "type": "string"}],
            "data": [
                {
                    "id": "level",
                    "value": 0,
                    "writable": True,
                    "rules": [{"code": "HIGH", "above": 5, "every_s": 0.1}],
                }
            ],
        }
    ]
}
NOTE = "/apps/pump/configurations/note"
ROOM = 400_000
"""Bytes a file may have: the database and its log fit in, but not for long."""


async def test_a_full_disk_refuses_changes_with_the_cause_and_hides_no_fault(cluster: Cluster) -> None:
    gateway = cluster.add("a", manifest=MANIFEST)
    gateway.process.prefix = ("prlimit", f"--fsize={ROOM}")
    await gateway.start()
    kept = ""
    for number in range(200):
        text = str(number) * 3000
        answer = await gateway.request("PUT", NOTE, json={"data": text})
        if answer.status != 200:
            break
        kept = text
    else:
        raise AssertionError("everything was stored")
    assert answer.status == 503
    assert answer.json["error_code"] == "service-unavailable"
    assert answer.json["parameters"]["details"] == "the disk fails or is full"
    assert (await gateway.get(NOTE)).json["data"] == kept

    warnings = (await gateway.get("/health")).json["warnings"]
    assert "storage_failed" in [warning["code"] for warning in warnings]
    await gateway.request("PUT", "/apps/pump/data/level", json={"value": 9})
    await eventually(lambda: fault_is_listed(cluster))

    gateway.process.prefix = ()
    await gateway.kill()
    await gateway.start()
    assert (await gateway.get(NOTE)).json["data"] == kept
    assert (await gateway.request("PUT", NOTE, json={"data": "room again"})).status == 200


async def fault_is_listed(cluster: Cluster) -> bool:
    return len((await cluster.gateways["a"].get("/apps/pump/faults")).items) == 1
