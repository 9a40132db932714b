"""A running network does what the API page says: its routes, its fields, what is not built."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from entities.classify import MAX_DEPTH
from entities.model import EntityKind
from gateway.http.path import relation_names
from gateway.local.storage_file import FILE_NAME
from tests.docs.pages import API, code_words, rows, spans
from tests.docs.test_api import documented_routes, expanded
from tests.federation.gateways import Cluster, Gateway, eventually

in_shared_loop = pytest.mark.asyncio(loop_scope="module")

DATA = [{"id": "speed", "value": 1.5, "unit": "m/s", "writable": True}, {"id": "note", "type": "string"}]
FAULTS = [{"code": "HOT", "severity": "ERROR", "description": "too hot"}]
DEEP = [{"id": "level_0"}, *({"id": f"level_{n}", "parent_area": f"level_{n - 1}"} for n in range(1, MAX_DEPTH + 2))]

OF_A: dict[str, Any] = {
    "areas": [{"id": "plant", "name": "Plant"}, {"id": "x", "parent_area": "y"}, {"id": "y"}],
    "components": [{"id": "rack", "area": "plant", "depends_on": ["robot"]}, {"id": "robot", "area": "plant"}],
    "apps": [{"id": "cam", "is_located_on": "robot", "depends_on": ["boss"]}, {"id": "boss", "is_located_on": "rack"}],
    "functions": [{"id": "line", "hosted_by": ["cam"]}],
}
OF_B: dict[str, Any] = {
    "areas": [{"id": "plant"}, {"id": "cell", "parent_area": "plant"}, {"id": "x"}, {"id": "y", "parent_area": "x"}],
    "components": [
        {"id": "robot", "area": "cell", "type": "robot", "variant": "7", "identity": {"model": "R"}, "data": DATA},
        {"id": "arm", "parent_component_id": "robot", "external": True, "tags": ["steel"], "faults": FAULTS},
    ],
    "apps": [
        {
            "id": "cam",
            "is_located_on": "robot",
            "ros_binding": {"node_name": "cam", "namespace": "/cell"},
            "data": DATA,
            "configurations": [{"id": "gain", "value": 1}],
            "faults": FAULTS,
        },
        {
            "id": "drive",
            "is_located_on": "robot",
            "operations": [{"id": "go", "command": ["sleep", "1000"], "asynchronous": True}],
            "configurations": [{"id": "gain", "value": 2}],
        },
    ],
    "functions": [{"id": "line", "hosted_by": ["cam", "drive"]}],
}
SAMPLES = {
    "area_id": "plant",
    "component_id": "robot",
    "app_id": "drive",
    "function_id": "line",
    "entity_id": "cam",
    "data_id": "speed",
    "operation_id": "go",
    "execution_id": "1",
    "config_id": "gain",
    "fault_code": "HOT",
    "transition": "restart",
}
NO_ROUTE = {"error_code": "resource-not-found", "message": "Resource not found", "parameters": {"status": 404}}


@dataclass(frozen=True, slots=True)
class Pair:
    """A, which reads B."""

    a: Gateway
    b: Gateway

    async def settled(self, *, whole: bool) -> None:
        """Waits until A has B's entities, or names B as missing."""

        async def is_so() -> bool:
            apps = await self.a.get("/apps")
            return ("drive" in apps.ids) is whole and ("partial" in apps.medkit) is not whole

        await eventually(is_so)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(shared_cluster: Cluster) -> Pair:
    """Both up, and A has B's entities. Tests leave them so."""
    b = shared_cluster.add("b", manifest=OF_B)
    pair = Pair(shared_cluster.add("a", manifest=OF_A, peers=[("bb", b)]), b)
    await shared_cluster.start_all()
    await pair.settled(whole=True)
    return pair


def path_of(route: str) -> str:
    """A route with ids of the network above, below /api/v1."""
    filled = re.sub(r"\{(\w+)\}", lambda name: SAMPLES[name[1]], route)
    return filled.removeprefix("/api/v1")


def keys_below(value: Any, *, inside: bool = False) -> Iterator[str]:
    """Every key of every `x-medkit` object in an answer, also of the objects in it."""
    match value:
        case dict():
            for key, inner in value.items():
                if inside:
                    yield key
                yield from keys_below(inner, inside=inside or key == "x-medkit")
        case list():
            for inner in value:
                yield from keys_below(inner, inside=inside)
        case _:
            pass


async def undocumented_fields(pair: Pair, methods: set[str]) -> dict[str, str]:
    """What A answers to these methods of all routes beside what the page has: field -> route."""
    words = code_words(API)
    unknown: dict[str, str] = {}
    for route in documented_routes():
        method, path = route.split(" ")
        if method not in methods or path.endswith(("/x-medkit-events", "/faults/stream")):
            continue
        body = {"type": "double", "data": 2.0} if method in ("PUT", "POST") else None
        answer = await pair.a.request(method, path_of(path), json=body)
        assert answer.json != NO_ROUTE, route
        assert answer.status != 501 or "{transition}" in route, route  # of what nobody can start or stop it is 501
        unknown |= {key: route for key in keys_below(answer.json) if key not in words}
    return unknown


@in_shared_loop
async def test_every_documented_route_is_one_and_answers_only_documented_fields(pair: Pair) -> None:
    assert await undocumented_fields(pair, {"GET", "PUT", "POST", "DELETE"}) == {}


@in_shared_loop
async def test_answers_with_gaps_have_only_documented_fields_too(pair: Pair) -> None:
    assert await pair.b.stop() == 0
    await pair.settled(whole=False)
    assert await undocumented_fields(pair, {"GET"}) == {}
    await pair.b.start()
    await pair.settled(whole=True)


@in_shared_loop
async def test_what_is_not_built_answers_as_the_page_says(pair: Pair) -> None:
    table = [row for row in rows(API, "Routes") if "501" in row[1] or row[1].startswith("404")]
    assert len(table) > 3
    for routes, says in table:
        for route in expanded(spans(routes)):
            method, _, path = route.rpartition(" ")
            if not path.startswith("/api/v1"):
                continue
            target = path_of(path.replace("{app_id}", "boss"))  # A's own
            answer = await pair.a.request(method or "GET", target)
            if "empty list" in says:
                assert (answer.status, answer.items) == (200, []), route
                assert (await pair.a.get(f"{target}/some")).status == 404, route
            else:
                assert answer.status == int(says[:3]), route


@in_shared_loop
async def test_relations_and_warnings_are_those_of_the_page(pair: Pair) -> None:
    for kind, entity in (("areas", "plant"), ("components", "robot"), ("apps", "cam"), ("functions", "line")):
        for name in relation_names(EntityKind(kind)):
            answer = await pair.a.get(f"/{kind}/{entity}/{name}")
            assert answer.medkit["total_count"] == len(answer.items)
    assert {warning["code"] for warning in (await pair.a.get("/health")).json["warnings"]} == {
        "hierarchy_cycle",
    }
    assert set((await pair.a.get("/areas")).ids) == {"plant", "x", "y"}


@in_shared_loop
async def test_clearing_faults_keeps_to_the_status_that_was_asked_for(pair: Pair) -> None:
    await pair.b.stop()
    for kept in (pair.b.process.folder / "state").glob(f"{FILE_NAME}*"):  # faults that other tests cleared stay so
        kept.unlink()
    await pair.b.start()
    answer = await pair.b.request("DELETE", "/faults?status=pending")
    assert (answer.status, answer.headers["X-Medkit-Local-Only"]) == (204, "true")
    assert {fault["status"] for fault in (await pair.b.get("/faults")).items} == {"CONFIRMED"}
    assert (await pair.b.request("DELETE", "/faults?status=some")).status == 400
    assert (await pair.b.request("DELETE", "/faults")).status == 204
    assert (await pair.b.get("/faults")).items == []
    await pair.settled(whole=True)


async def test_a_hierarchy_that_is_too_deep_is_warned_of_as_the_page_says(tmp_path: Path) -> None:
    async with Cluster(tmp_path) as cluster:
        deep = cluster.add("deep", manifest={"areas": DEEP})
        await deep.start()
        (warning,) = (await deep.get("/health")).json["warnings"]
    assert (warning["code"], warning["entity_ids"]) == ("hierarchy_too_deep", [f"level_{MAX_DEPTH + 1}"])
