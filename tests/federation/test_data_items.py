"""Bound data over three chained gateways: listed once, read and written by ids that work, each failure its own."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.federation.client import Answer
from tests.federation.eventually import eventually
from tests.federation.gateways import Cluster, GatewayProcess

in_shared_loop = pytest.mark.asyncio(loop_scope="module")

AGGREGATES = ("functions/work", "areas/cell", "components/robot")


def manifest(app: str, *data: Mapping[str, Any]) -> Mapping[str, Any]:
    """One App on a robot in a cell that all share, hosting a Function that all share."""
    return {
        "areas": [{"id": "cell"}],
        "components": [{"id": "robot", "area": "cell"}],
        "apps": [{"id": app, "is_located_on": "robot", "data": data}],
        "functions": [{"id": "work", "hosted_by": [app]}],
    }


def commanded(item_id: str, word: str) -> Mapping[str, Any]:
    return {"id": item_id, "command": ["echo", word], "timeout": 30}


TOP = manifest("boss", commanded("who", "top"))
MIDDLE = manifest("arm", commanded("who", "middle"), {"id": "held", "value": 1, "writable": True})
LEAF = manifest(
    "drive",
    commanded("who", "leaf"),
    {"id": "speed", "file": "speed", "type": "int", "min": 0, "max": 9, "writable": True},
    {"id": "mode", "command": ["cat", "mode"], "refresh": 0, "timeout": 30, "write": ["tee", "mode"]},
    {"id": "broken", "command": ["false"], "timeout": 30, "write": ["false"]},
    {"id": "mute", "command": ["sleep", "1000"], "write": {"command": ["sleep", "1000"], "timeout": 0.2}},
)
SHOWN = {"boss:who", "arm:who", "drive:who", "held", "speed", "mode", "broken", "mute"}


@dataclass(frozen=True)
class Chain:
    """The top asks the middle, which asks the leaf."""

    top: GatewayProcess
    leaf: GatewayProcess


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chain(shared_cluster: Cluster) -> Chain:
    leaf = shared_cluster.add("leaf", manifest=LEAF)
    middle = shared_cluster.add("middle", manifest=MIDDLE, peers=[("leaf", leaf)])
    top = shared_cluster.add("top", manifest=TOP, peers=[("middle", middle)])
    await asyncio.gather(leaf.start(), middle.start(), top.start())
    (leaf.process.folder / "speed").write_text("3\n")
    (leaf.process.folder / "mode").write_text("auto\n")

    async def is_whole() -> bool:
        answers = await asyncio.gather(*(top.get(f"/{entity}/data") for entity in AGGREGATES))
        return all({*answer.ids} == SHOWN and "partial" not in answer.medkit for answer in answers)

    await eventually(is_whole)
    return Chain(top, leaf)


def path(entity: str, item_id: str) -> str:
    return f"/{entity}/data/{quote(item_id, safe='')}"


async def write(gateway: GatewayProcess, entity: str, item_id: str, body: Any) -> Answer:
    return await gateway.request("PUT", path(entity, item_id), json=body)


@in_shared_loop
@pytest.mark.parametrize("entity", AGGREGATES)
async def test_every_members_data_is_listed_once_with_ids_that_work(chain: Chain, entity: str) -> None:
    listed = (await chain.top.get(f"/{entity}/data")).items
    assert sorted(item["id"] for item in listed) == sorted(SHOWN)
    values = {
        item["id"]: (await chain.top.get(path(entity, item["id"]))).json
        for item in listed
        if item["id"] not in {"mute", "broken"}
    }
    assert {item_id: body["id"] for item_id, body in values.items()} == {item_id: item_id for item_id in values}
    assert [values[f"{member}:who"]["data"] for member in ("boss", "arm", "drive")] == ["top", "middle", "leaf"]


@in_shared_loop
@pytest.mark.parametrize("entity", [*AGGREGATES, "apps/drive"])
@pytest.mark.parametrize(
    ("body", "value"),
    [
        ({"type": "std_msgs/msg/Int32", "data": 4}, 4),
        ({"value": 5}, 5),
        ({"value": {"type": "std_msgs/msg/Int32", "data": 6}}, 6),
    ],
)
async def test_a_write_in_each_spelling_reaches_the_owner(chain: Chain, entity: str, body: Any, value: int) -> None:
    answer = await write(chain.top, entity, "speed", body)
    assert (answer.status, answer.json["data"], answer.json["value"]) == (200, value, value)
    assert (chain.leaf.process.folder / "speed").read_text() == f"{value}\n"
    assert (await chain.top.get(path(entity, "speed"))).json["value"] == value


@in_shared_loop
async def test_of_two_who_write_at_once_both_are_answered_and_one_is_last(chain: Chain) -> None:
    words = [f"mode {number}" for number in range(6)]
    answers = await asyncio.gather(
        *(write(chain.top, AGGREGATES[n % 3], "mode", {"value": word}) for n, word in enumerate(words))
    )
    assert [answer.status for answer in answers] == [200] * 6
    last = (await chain.top.get(path("apps/drive", "mode"))).json["data"]
    assert last in words
    assert (chain.leaf.process.folder / "mode").read_text() == f"{last}\n"


@in_shared_loop
@pytest.mark.parametrize(
    ("item_id", "value", "status", "words"),
    [
        ("speed", 10, 400, "found 10, allowed are values from 0 up to 9"),
        ("speed", "fast", 400, "allowed is int"),
        ("drive:who", "me", 403, "is read-only"),
        ("broken", "x", 502, "its command ended with exit code 1"),
        ("mute", "x", 504, "may not have been written"),
    ],
)
async def test_a_refusal_comes_back_as_the_owner_said_it(
    chain: Chain, item_id: str, value: Any, status: int, words: str
) -> None:
    answer = await write(chain.top, "functions/work", item_id, {"value": value})
    assert answer.status == status
    assert words in answer.json["message"]
    assert answer.json["parameters"]["id"] == item_id.removeprefix("drive:")


@in_shared_loop
async def test_what_fails_is_the_error_of_its_item_in_every_list(chain: Chain) -> None:
    single = await chain.top.get(path("apps/drive", "broken"))
    assert (single.status, single.json["error_code"]) == (503, "service-unavailable")

    async def causes_are_listed() -> bool:
        items = {item["id"]: item for item in (await chain.top.get("/areas/cell/data")).items}
        assert items["speed"]["value"] in range(10)
        assert items["broken"]["x-medkit"]["error"]["message"] == single.json["message"]
        return "its command did not end" in items["mute"]["x-medkit"]["error"]["message"]

    assert await eventually(causes_are_listed)
