"""Every route of every kind of entity answers in its types, success or refusal, and all ids that are listed work."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.unit.http.press import ENTITIES, OF_PRESS, id_of, pressing
from tests.unit.http.serving import Answer, Client
from tests.unit.http.walk import Seen, typed, walk, walk_faults
from tests.unit.local.data_types import OwnWritten, Refused
from tests.unit.local.fault_types import OwnConfigurationRead
from tests.unit.local.operation_types import Detail, Result, Started


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with pressing(tmp_path) as client:
        yield client


def below_api(client: Client) -> Any:
    async def get(path: str) -> Answer:
        return await client.get(f"/api/v1{path}")

    return get


@pytest.mark.parametrize("entity", ENTITIES)
async def test_what_is_listed_of_an_entity_is_found_and_of_its_type(client: Client, entity: str) -> None:
    seen = await walk(below_api(client), entity)
    if entity == "apps/idle":
        assert seen == Seen()
        return
    if entity in ("apps/press", "functions/pressing"):
        assert [*seen.data.values()] == [4.0, {"a": [1]}]
        assert seen.operations == ["home", "slow", "fail", "move"]
        values = {"limit": 4, "mode": "auto", "serial": "P-1", "press:port": 1, "local:port": 2}
        assert seen.configurations == values
        assert seen.faults == ["HOT", "COLD"]
        assert seen.logs == ["one", "two"]
        return
    assert [*seen.data.values()] == [20, 4.0, {"a": [1]}]
    assert seen.operations == ["stop", "home", "slow", "fail", "move"]
    assert sorted(map(str, seen.configurations.values())) == ["1", "2", "4", "9", "P-1", "auto"]
    assert seen.faults == ["PRESS", "HOT", "COLD"]
    assert sorted(seen.logs) == ["one", "one", "two", "two"]


async def test_the_faults_of_everybody_are_listed_and_cleared_by_status(client: Client) -> None:
    get = below_api(client)
    assert await walk_faults(get) == [("PRESS", "press"), ("HOT", "press"), ("COLD", "press")]
    cleared = await client.request("DELETE", "/api/v1/faults?status=pending")
    assert (cleared.status, cleared.body, cleared.headers["X-Medkit-Local-Only"]) == (204, b"", "true")
    assert [fault["fault_code"] for fault in (await get("/faults")).json["items"]] == ["PRESS", "HOT"]
    typed(await client.request("DELETE", "/api/v1/faults?status=some"), Refused, 400)
    assert (await client.request("DELETE", "/api/v1/faults")).status == 204
    assert (await get("/faults")).json["items"] == []
    assert [code for code, _ in await walk_faults(get)] == ["PRESS", "HOT", "COLD"]


@pytest.mark.parametrize("entity", OF_PRESS)
async def test_data_are_written_through_whatever_the_app_belongs_to(client: Client, entity: str) -> None:
    path = f"/api/v1/{entity}/data/p"
    for body in ({"type": "x/msg/Y", "data": 5}, {"value": 5}, {"value": {"type": "x/msg/Y", "data": 5}}):
        assert typed(await client.request("PUT", path, json=body), OwnWritten).data == 5.0
    assert (await client.get("/api/v1/apps/press/data/Pressure")).json["value"] == 5.0
    wrong: tuple[tuple[str, Any, int], ...] = (
        ("p", {"value": 11}, 400),
        ("p", {"value": "x"}, 400),
        ("p", {}, 400),
        ("p", [], 400),
        ("%2Fwith%2Fslash", {"value": {}}, 403),
        ("nothing", {"value": 1}, 404),
    )
    for item, refused, status in wrong:
        typed(await client.request("PUT", f"/api/v1/{entity}/data/{item}", json=refused), Refused, status)
    typed(await client.request("PUT", path, data=b"{"), Refused, 400)
    for method in ("DELETE", "POST", "PATCH"):
        typed(await client.request(method, path, json={"value": 1}), Refused, 404)
    assert (await client.get(path)).json["data"] == 5.0


@pytest.mark.parametrize("entity", OF_PRESS)
async def test_operations_are_led_through_whatever_the_app_belongs_to(client: Client, entity: str) -> None:
    path = f"/api/v1/{entity}/operations"
    done = await client.request("POST", f"{path}/home/executions", json={})
    assert typed(done, Result).parameters == {"output": ["home"]}
    for word, body, status in (
        ("fail", {}, 500),
        ("move", {}, 400),
        ("move", {"parameters": {"to": 10}}, 400),
        ("move", {"parameters": {"from": 1}}, 400),
        ("move", [], 400),
        ("nothing", {}, 404),
    ):
        typed(await client.request("POST", f"{path}/{word}/executions", json=body), Refused, status)
    started = await client.request("POST", f"{path}/Take%20your%20time/executions", json={"input": {}})
    location = started.headers["Location"]
    assert location == f"{path}/Take%20your%20time/executions/{typed(started, Started, 202).id}"
    assert typed(await client.get(location), Detail).status == "running"
    typed(await client.request("PUT", location, json={"capability": "stop"}), Started, 202)
    typed(await client.request("PUT", location, json={"capability": "execute"}), Refused, 409)
    typed(await client.request("PUT", location, json={}), Refused, 400)
    assert (await client.request("DELETE", location)).status == 204
    for method in ("GET", "PUT", "DELETE"):
        typed(await client.request(method, location, json={"capability": "stop"}), Refused, 404)


@pytest.mark.parametrize("entity", OF_PRESS)
async def test_configurations_are_changed_through_whatever_the_app_belongs_to(client: Client, entity: str) -> None:
    def path(item: str) -> str:
        return f"/api/v1/{entity}/configurations/{quote(id_of(entity, item), safe='')}"

    for body in ({"data": 5}, {"value": 5}):
        written = typed(await client.request("PUT", path("limit"), json=body), OwnConfigurationRead)
        assert (written.id, written.data) == (id_of(entity, "limit"), 5)
    assert (await client.get("/api/v1/apps/press/configurations/limit")).json["data"] == 5
    for item, wrong, status in (
        ("limit", {"data": 11}, 400),
        ("limit", {"data": "x"}, 400),
        ("limit", {}, 400),
        ("serial", {"data": "P-2"}, 403),
        ("nothing", {"data": 1}, 404),
    ):
        typed(await client.request("PUT", path(item), json=wrong), Refused, status)
    typed(await client.request("DELETE", path("nothing")), Refused, 404)
    for item in ("limit", "serial"):
        reset = await client.request("DELETE", path(item))
        assert (reset.status, reset.body) == (204, b"")
    assert (await client.get("/api/v1/apps/press/configurations/limit")).json["data"] == 4
    await client.request("PUT", path("mode"), json={"data": "manual"})
    everything = await client.request("DELETE", f"/api/v1/{entity}/configurations")
    assert (everything.status, everything.body) == (204, b"")
    assert (await client.get("/api/v1/apps/press/configurations/mode")).json["data"] == "auto"
    assert (await client.get("/api/v1/components/press/configurations/limit")).json["data"] == 9


@pytest.mark.parametrize("entity", OF_PRESS)
async def test_faults_are_cleared_through_whatever_the_app_belongs_to(client: Client, entity: str) -> None:
    path = f"/api/v1/{entity}/faults"
    typed(await client.request("DELETE", f"{path}/NOTHING"), Refused, 404)
    for method in ("PUT", "POST"):
        typed(await client.request(method, f"{path}/HOT", json={}), Refused, 404)
    for _ in range(2):
        cleared = await client.request("DELETE", f"{path}/HOT")
        assert (cleared.status, cleared.body) == (204, b"")
    listed = (await client.get(f"{path}?status=cleared")).json["items"]
    assert [fault["fault_code"] for fault in listed] == ["HOT"]
    assert (await client.request("DELETE", path)).status == 204
    assert (await client.get(path)).json["items"] == []


@pytest.mark.parametrize("entity", OF_PRESS)
async def test_the_log_of_an_entity_has_its_own_settings(client: Client, entity: str) -> None:
    path = f"/api/v1/{entity}/logs/configuration"
    assert (await client.get(path)).json == {"severity_filter": "debug", "max_entries": 100}
    wrong: tuple[Any, ...] = ({"max_entries": 0}, {"max_entries": "5"}, {"severity_filter": "loud"}, [])
    for body in wrong:
        typed(await client.request("PUT", path, json=body), Refused, 400)
    typed(await client.request("PUT", path, data=b"{"), Refused, 400)
    changed = await client.request("PUT", path, json={"max_entries": 1})
    assert (changed.status, changed.body) == (204, b"")
    assert (await client.get(path)).json == {"severity_filter": "debug", "max_entries": 1}
    assert [entry["message"] for entry in (await client.get(f"/api/v1/{entity}/logs")).json["items"]] == ["two"]
    for method in ("DELETE", "POST"):
        typed(await client.request(method, path, json={}), Refused, 404)
