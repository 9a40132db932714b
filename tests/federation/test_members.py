"""Collections of Areas, Functions and parent Components over three chained gateways: every member's items once, under
ids that work when they are sent back."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.federation.eventually import eventually
from tests.federation.gateways import Cluster, GatewayProcess
from tests.unit.http.walk import walk, walk_faults

in_shared_loop = pytest.mark.asyncio(loop_scope="module")

PLACES = {"top": "boss", "middle": "arm", "leaf": "arm"}
"""Each gateway's App; the leaf's is called `leaf__arm` above it."""

APPS_AT_TOP = {"top": "boss", "middle": "arm", "leaf": "leaf__arm"}

AGGREGATES = ("functions/work", "areas/cell", "components/line")
WITH_STATIONS = ("areas/cell", "components/line")
"""Those to which the stations belong, not only the Apps on them."""


def manifest(place: str, folder: Path) -> Mapping[str, Any]:
    """One station of a line that all share, with one App; every item of every gateway has the same ids."""
    (folder / "program.log").write_text(f"2026-01-02T03:04:05Z WARN hello from {place}\n")
    app = {
        "id": PLACES[place],
        "is_located_on": f"station_{place}",
        "data": [{"id": "x", "value": f"app at {place}", "writable": True}],
        "operations": [{"id": "say", "command": ["echo", place]}],
        "configurations": [{"id": "limit", "value": 1}],
        "faults": [
            {"code": "SAME", "severity": "ERROR", "description": f"the same at {place}"},
            {"code": f"ONLY_{place.upper()}", "severity": "WARN", "description": f"of {place} alone"},
            {"code": "CLEARED_BY_ALL", "severity": "INFO"},
            {"code": f"CLEARED_BY_{place.upper()}", "severity": "INFO"},
        ],
        "logs": [{"file": str(folder / "program.log")}],
    }
    station = {
        "id": f"station_{place}",
        "parent_component_id": "line",
        "area": "cell",
        "data": [{"id": "t", "value": f"station at {place}"}],
    }
    here = place == "leaf"
    return {
        "areas": [{"id": "cell"}],
        "components": [{"id": "line", "area": "cell"}, station, {"id": "pump", **(PUMP if here else {})}],
        "apps": [app, *([ON_PUMP] if here else [])],
        "functions": [
            {"id": "work", "hosted_by": [PLACES[place]]},
            {"id": "filling", "hosted_by": ["pump"] if here else []},
        ],
    }


PUMP: Mapping[str, Any] = {
    "data": [{"id": "d", "value": "of the component"}],
    "operations": [{"id": "say", "command": ["echo", "component"]}],
    "configurations": [{"id": "limit", "value": "of the component"}],
}
ON_PUMP: Mapping[str, Any] = {
    "id": "pump",
    "is_located_on": "pump",
    "data": [{"id": "p", "name": "Pressure", "value": 1, "writable": True}, {"id": "d", "value": "of the app"}],
    "operations": [{"id": "say", "command": ["echo", "app"]}],
    "configurations": [{"id": "limit", "value": "of the app"}, {"id": "mode", "value": "auto"}],
}
"""All know this Component, and only the leaf has something of it; the App on it is called as it is."""


@dataclass(frozen=True)
class Chain:
    """The top asks the middle, which asks the leaf."""

    top: GatewayProcess
    by_place: Mapping[str, GatewayProcess]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chain(shared_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    gateways: dict[str, GatewayProcess] = {}
    below: tuple[tuple[str, GatewayProcess], ...] = ()
    for place in ("leaf", "middle", "top"):
        declared = manifest(place, tmp_path_factory.mktemp(place))
        gateways[place] = shared_cluster.add(place, manifest=declared, peers=below)
        below = ((place, gateways[place]),)
    await asyncio.gather(*(gateway.start() for gateway in gateways.values()))
    chain = Chain(gateways["top"], gateways)

    async def is_whole() -> bool:
        answers = [await chain.top.get(f"/{entity}/data") for entity in AGGREGATES]
        wanted = {"functions/work": 3, "areas/cell": 6, "components/line": 6}
        return [len(answer.items) for answer in answers] == [wanted[entity] for entity in AGGREGATES]

    await eventually(is_whole)
    return chain


async def one(chain: Chain, entity: str, collection: str, item_id: str) -> Any:
    answer = await chain.top.get(f"/{entity}/{collection}/{quote(item_id, safe='')}")
    assert answer.status == 200, (item_id, answer.json)
    return answer.json


@in_shared_loop
@pytest.mark.parametrize("entity", AGGREGATES)
async def test_every_members_data_are_listed_once_with_ids_that_lead_to_them(chain: Chain, entity: str) -> None:
    listed = await chain.top.get(f"/{entity}/data")
    assert "partial" not in listed.medkit
    assert len({*listed.ids}) == len(listed.ids)
    wanted = {f"app at {place}" for place in PLACES}
    if entity in WITH_STATIONS:
        wanted |= {f"station at {place}" for place in PLACES}
    found = [(await one(chain, entity, "data", item_id)) for item_id in listed.ids]
    assert sorted(item["data"] for item in found) == sorted(wanted)
    assert [item["id"] for item in found] == listed.ids
    named = {(item["value"], *item["x-medkit"]["member_ids"]) for item in listed.items if item["id"].endswith("x")}
    assert named == {(f"app at {place}", app) for place, app in APPS_AT_TOP.items()}


@in_shared_loop
@pytest.mark.parametrize("entity", AGGREGATES)
async def test_a_value_is_written_where_its_id_leads(chain: Chain, entity: str) -> None:
    for place, app in APPS_AT_TOP.items():
        path = f"/{entity}/data/{quote(f'{app}:x', safe='')}"
        written = await chain.top.request("PUT", path, json={"value": f"written at {place}"})
        assert (written.status, written.json["id"]) == (200, f"{app}:x")
        own = await chain.by_place[place].get(f"/apps/{PLACES[place]}/data/x")
        assert own.json["data"] == f"written at {place}"
        await chain.top.request("PUT", path, json={"value": f"app at {place}"})


@in_shared_loop
@pytest.mark.parametrize("entity", AGGREGATES)
async def test_every_members_configurations_are_listed_once_and_changed_by_their_ids(chain: Chain, entity: str) -> None:
    listed = await chain.top.get(f"/{entity}/configurations")
    assert sorted(listed.ids) == sorted(f"{app}:limit" for app in APPS_AT_TOP.values())
    assert sorted(parameter["x-medkit"]["source"] for parameter in listed.medkit["parameters"]) == sorted(
        APPS_AT_TOP.values()
    )
    for number, (place, app) in enumerate(APPS_AT_TOP.items(), start=10):
        path = f"/{entity}/configurations/{quote(f'{app}:limit', safe='')}"
        assert (await chain.top.request("PUT", path, json={"data": number})).status == 200
        assert (await one(chain, entity, "configurations", f"{app}:limit"))["data"] == number
        own = await chain.by_place[place].get(f"/apps/{PLACES[place]}/configurations/limit")
        assert own.json["data"] == number
    assert (await chain.top.request("DELETE", f"/{entity}/configurations")).status in (200, 204, 207)
    for place, app in PLACES.items():
        own = await chain.by_place[place].get(f"/apps/{app}/configurations/limit")
        assert own.json["data"] == 1


@in_shared_loop
@pytest.mark.parametrize("entity", AGGREGATES)
async def test_every_members_faults_are_listed_once_and_found_by_their_codes(chain: Chain, entity: str) -> None:
    listed = await chain.top.get(f"/{entity}/faults")
    lasting = [fault["description"] for fault in listed.items if not fault["fault_code"].startswith("CLEARED")]
    assert sorted(lasting) == sorted(
        [*(f"the same at {place}" for place in PLACES), *(f"of {place} alone" for place in PLACES)]
    )
    assert listed.medkit["count"] == len(listed.items)
    for place in PLACES:
        detail = await one(chain, entity, "faults", f"ONLY_{place.upper()}")
        assert detail["item"]["fault_name"] == f"of {place} alone"
    assert (await one(chain, entity, "faults", "SAME"))["item"]["fault_name"].startswith("the same at ")


@in_shared_loop
@pytest.mark.parametrize("entity", AGGREGATES)
async def test_every_members_log_is_in_the_log_once(chain: Chain, entity: str) -> None:
    listed = await chain.top.get(f"/{entity}/logs")
    assert sorted(entry["message"].rpartition(" ")[2] for entry in listed.items) == sorted(PLACES)
    assert all(entry["x-medkit"]["member_ids"] for entry in listed.items if "x-medkit" in entry)


@in_shared_loop
async def test_a_fault_is_cleared_by_its_code_wherever_it_is(chain: Chain) -> None:
    assert (await chain.top.request("DELETE", "/functions/work/faults/CLEARED_BY_LEAF")).status == 204
    own = await chain.by_place["leaf"].get("/apps/arm/faults?status=cleared")
    assert "CLEARED_BY_LEAF" in {fault["fault_code"] for fault in own.items}
    assert (await chain.top.request("DELETE", "/functions/work/faults/CLEARED_BY_ALL")).status == 204
    for place, app in PLACES.items():
        own = await chain.by_place[place].get(f"/apps/{app}/faults?status=cleared")
        assert "CLEARED_BY_ALL" in {fault["fault_code"] for fault in own.items}


@in_shared_loop
@pytest.mark.parametrize(("entity", "ids"), [("functions/filling", 2), ("components/pump", 3)])
async def test_what_only_the_leaf_has_is_found_by_the_ids_and_names_that_are_listed(
    chain: Chain, entity: str, ids: int
) -> None:
    listed = await chain.top.get(f"/{entity}/configurations")
    assert len({*listed.ids}) == len(listed.ids) == ids
    values = [parameter["value"] for parameter in listed.medkit["parameters"]]
    assert [(await one(chain, entity, "configurations", item_id))["data"] for item_id in listed.ids] == values
    written = await chain.top.request("PUT", f"/{entity}/configurations/mode", json={"value": "manual"})
    assert (written.status, written.json["id"], written.json["data"]) == (200, "mode", "manual")
    assert (await chain.top.request("DELETE", f"/{entity}/configurations/mode")).status == 204
    leaf = chain.by_place["leaf"]
    assert (await leaf.get("/apps/pump/configurations/mode")).json["data"] == "auto"

    written = await chain.top.request("PUT", f"/{entity}/data/Pressure", json={"value": 7})
    assert (written.status, written.json["id"]) == (200, "Pressure")
    assert (await one(chain, entity, "data", "Pressure"))["data"] == 7
    assert (await leaf.get("/apps/pump/data/p")).json["data"] == 7


@in_shared_loop
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("entity", AGGREGATES)
async def test_a_bare_id_that_several_members_have_changes_none_of_them(chain: Chain, entity: str, method: str) -> None:
    assert (await one(chain, entity, "configurations", "limit"))["x-medkit"]["source_app"] == "boss"
    answer = await chain.top.request(method, f"/{entity}/configurations/limit", json={"data": 99})
    assert (answer.status, answer.json["error_code"]) == (400, "invalid-request")
    assert sorted(answer.json["parameters"]["ids"]) == sorted(f"{app}:limit" for app in APPS_AT_TOP.values())
    for place, app in PLACES.items():
        assert (await chain.by_place[place].get(f"/apps/{app}/configurations/limit")).json["data"] == 1
    if method == "PUT":
        answer = await chain.top.request(method, f"/{entity}/data/x", json={"value": "nobody's"})
        assert (answer.status, len(answer.json["parameters"]["item_ids"])) == (400, 3)


@in_shared_loop
async def test_nobody_is_named_as_another_gateway_calls_him(chain: Chain) -> None:
    """`arm` is another App here, so nothing about the leaf's may say so."""
    paths = ("data/nothing", "operations/nothing", "configurations/nothing", "faults/nothing")
    for path in paths:
        error = (await chain.top.get(f"/apps/leaf__arm/{path}")).json["parameters"]
        assert "leaf__arm" in error.values(), error
        assert "arm" not in error.values(), error
    refused = await chain.top.request("PUT", "/functions/work/data/leaf__arm%3Ax", json={"value": 1})
    assert (refused.status, refused.json["parameters"]["entity_id"]) == (400, "leaf__arm")
    configured = await chain.top.get("/apps/leaf__arm/configurations")
    assert [one["x-medkit"]["source"] for one in configured.medkit["parameters"]] == ["leaf__arm"]
    changed = await chain.top.get("/areas/cell/configurations/leaf__arm%3Alimit")
    assert changed.json["x-medkit"]["source_app"] == "leaf__arm"
    for path in ("/faults", "/apps/leaf__arm/faults", "/functions/work/faults", "/areas/cell/faults"):
        (fault,) = [one for one in (await chain.top.get(path)).items if one["fault_code"] == "ONLY_LEAF"]
        assert fault["reporting_sources"] == ["leaf__arm"]
    detail = await one(chain, "apps/leaf__arm", "faults", "ONLY_LEAF")
    assert detail["x-medkit"]["reporting_sources"] == ["leaf__arm"]


@in_shared_loop
@pytest.mark.parametrize(
    ("entity", "count"),
    [
        ("functions/work", 3),
        ("areas/cell", 6),
        ("components/line", 6),
        ("components/station_leaf", 2),
        ("apps/leaf__arm", 1),
        ("apps/arm", 1),
        ("apps/boss", 1),
        ("components/pump", 3),
        ("functions/filling", 2),
    ],
)
async def test_everything_that_is_listed_at_the_top_is_of_its_type_and_found_there(
    chain: Chain, entity: str, count: int
) -> None:
    seen = await walk(chain.top.get, entity)
    assert len(seen.data) == count
    is_about_pump = entity in ("components/pump", "functions/filling")
    assert bool(seen.faults) is bool(seen.logs) is not is_about_pump
    assert seen.configurations
    assert seen.operations


@in_shared_loop
async def test_the_faults_of_all_three_are_of_their_type_and_named_apart(chain: Chain) -> None:
    reported = await walk_faults(chain.top.get)
    assert {who for code, who in reported if code == "SAME"} == {*APPS_AT_TOP.values()}
    assert len({*reported}) == len(reported)


@in_shared_loop
async def test_what_is_changed_at_once_over_every_way_has_one_last_value_everywhere(chain: Chain) -> None:
    ways = [
        (chain.top, f"/{entity}/configurations/{word}")
        for entity, word in (*((one, "leaf__arm%3Alimit") for one in AGGREGATES), ("apps/leaf__arm", "limit"))
    ]
    ways += [(chain.by_place["middle"], "/apps/leaf__arm/configurations/limit")]
    ways += [(chain.by_place["leaf"], "/apps/arm/configurations/limit")]
    writes = [way.request("PUT", path, json={"data": 100 + n}) for n, (way, path) in enumerate(ways * 2)]
    resets = [way.request("DELETE", path) for way, path in ways]
    all_resets = [chain.top.request("DELETE", f"/{entity}/configurations") for entity in AGGREGATES]
    answers = await asyncio.gather(*writes, *resets, *all_resets)
    assert {answer.status for answer in answers[: len(writes)]} == {200}
    assert {answer.status for answer in answers[len(writes) :]} == {204}
    (value,) = {(await way.get(path)).json["data"] for way, path in ways}
    assert value in {1, *range(100, 100 + len(writes))}
    assert (await chain.top.request("DELETE", "/areas/cell/configurations")).status == 204


@in_shared_loop
async def test_many_who_clear_a_fault_over_every_way_are_all_told_that_it_is_cleared(chain: Chain) -> None:
    paths = [f"/{entity}/faults/CLEARED_BY_MIDDLE" for entity in (*AGGREGATES, "apps/arm", "components/station_middle")]
    asked = [chain.top.request("DELETE", path) for path in paths * 2]
    asked.append(chain.by_place["middle"].request("DELETE", "/apps/arm/faults/CLEARED_BY_MIDDLE"))
    assert [answer.status for answer in await asyncio.gather(*asked)] == [204] * len(asked)
    detail = await one(chain, "areas/cell", "faults", "CLEARED_BY_MIDDLE")
    assert [change["status"] for change in detail["x-medkit"]["history"]] == ["CLEARED"]


@in_shared_loop
async def test_a_component_and_the_app_on_it_are_told_apart_though_all_their_ids_are_the_same(chain: Chain) -> None:
    for member, word in (("pump", "component"), ("app__pump", "app")):
        item = await one(chain, "components/pump", "data", f"{member}:d")
        assert (item["id"], item["data"]) == (f"{member}:d", f"of the {word}")
        path = f"/api/v1/components/pump/operations/{member}%3Asay/executions"
        done = await chain.top.request("POST", path, json={})
        assert done.json == {"parameters": {"output": [word]}}
        (execution,) = (await chain.top.get(path)).ids
        assert (await chain.top.request("DELETE", f"{path}/{execution}")).status == 204
    bare = await chain.top.get("/components/pump/data/d")
    assert (bare.status, bare.json["parameters"]["item_ids"]) == (400, ["pump:d", "app__pump:d"])
