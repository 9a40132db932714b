"""Clients that change the same thing at once, each through another entity that has it: one order, and nothing lost."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest_asyncio

from tests.unit.http.press import ENTITIES, OF_PRESS, id_of, pressing
from tests.unit.http.serving import Answer, Client
from tests.unit.http.walk import typed
from tests.unit.local.fault_types import FaultDetail
from tests.unit.local.operation_types import Detail, ExecutionList, Started

AT = "/api/v1"


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with pressing(tmp_path) as client:
        yield client


def configuration(entity: str, item: str) -> str:
    return f"{AT}/{entity}/configurations/{quote(id_of(entity, item), safe='')}"


async def put(client: Client, path: str, value: Any) -> Answer:
    return await client.request("PUT", path, json={"value": value})


async def test_of_many_who_write_a_value_at_once_all_are_answered_and_everybody_reads_the_last(client: Client) -> None:
    answers = await asyncio.gather(*(put(client, f"{AT}/{OF_PRESS[n % 5]}/data/p", n / 4) for n in range(40)))
    assert [answer.status for answer in answers] == [200] * 40
    assert [answer.json["data"] for answer in answers] == [n / 4 for n in range(40)]
    read = {(await client.get(f"{AT}/{entity}/data/p")).json["data"] for entity in OF_PRESS}
    assert len(read) == 1
    assert read < {n / 4 for n in range(40)}


async def test_of_many_who_set_and_reset_a_configuration_the_last_counts_and_survives(tmp_path: Path) -> None:
    async with pressing(tmp_path) as client:
        asked = [put(client, configuration(OF_PRESS[n % 5], "limit"), n % 11) for n in range(40)]
        asked += [client.request("DELETE", configuration(entity, "limit")) for entity in OF_PRESS]
        answers = await asyncio.gather(*asked)
        assert [answer.status for answer in answers] == [200] * 40 + [204] * 5
        read = {(await client.get(configuration(entity, "limit"))).json["data"] for entity in OF_PRESS}
        assert len(read) == 1
    async with pressing(tmp_path) as client:
        assert {(await client.get(configuration("apps/press", "limit"))).json["data"]} == read


async def test_a_reset_of_all_beside_writes_is_before_or_after_each_of_them(tmp_path: Path) -> None:
    items = {"limit": (4, 7), "mode": ("auto", "manual")}
    shown: dict[str, Any] = {}
    async with pressing(tmp_path) as client:
        for entity in OF_PRESS:
            writes = [put(client, configuration(other, item), items[item][1]) for other in OF_PRESS for item in items]
            resets = [client.request("DELETE", f"{AT}/{entity}/configurations") for _ in range(2)]
            asked = [*writes[:5], resets[0], *writes[5:], resets[1]]
            answers = await asyncio.gather(*asked)
            assert {answer.status for answer in answers[:5]} == {200}
            assert {answers[5].status, answers[-1].status} == {204}
            shown = {item: (await client.get(configuration("apps/press", item))).json["data"] for item in items}
            assert all(shown[item] in items[item] for item in items)
    async with pressing(tmp_path) as client:
        for item in items:
            assert (await client.get(configuration("apps/press", item))).json["data"] == shown[item]


async def test_many_who_clear_the_same_faults_are_all_told_that_they_are_cleared(client: Client) -> None:
    ones = [client.request("DELETE", f"{AT}/{entity}/faults/HOT") for entity in OF_PRESS for _ in range(2)]
    alls = [client.request("DELETE", f"{AT}/{entity}/faults") for entity in OF_PRESS]
    everybodys = [client.request("DELETE", f"{AT}/faults")]
    answers = await asyncio.gather(*ones, *alls, *everybodys)
    assert {answer.status for answer in answers} == {204}
    for entity in ENTITIES:
        assert (await client.get(f"{AT}/{entity}/faults")).json["items"] == []
    history = typed(await client.get(f"{AT}/apps/press/faults/HOT"), FaultDetail).medkit.history
    assert isinstance(history, list)
    assert [change.status for change in history][-1:] == ["CLEARED"]
    assert [change.status for change in history].count("CLEARED") == 1


async def test_two_settings_of_a_log_that_are_changed_at_once_both_count(client: Client) -> None:
    for entity in OF_PRESS:
        path = f"{AT}/{entity}/logs/configuration"
        bodies = ({"max_entries": 7}, {"severity_filter": "info"})
        answers = await asyncio.gather(*(client.request("PUT", path, json=body) for body in bodies))
        assert {answer.status for answer in answers} == {204}
        assert (await client.get(path)).json == {"severity_filter": "info", "max_entries": 7}


async def test_many_who_delete_and_stop_one_execution_leave_none_and_only_one_ends_it(client: Client) -> None:
    for entity in OF_PRESS:
        path = f"{AT}/{entity}/operations/slow/executions"
        execution = typed(await client.request("POST", path, json={}), Started, 202).id
        there = [f"{AT}/{other}/operations/slow/executions/{execution}" for other in OF_PRESS]
        stops = [client.request("PUT", one, json={"capability": "stop"}) for one in there]
        reads = [client.get(one) for one in there]
        deletes = [client.request("DELETE", one) for one in there]
        answers = await asyncio.gather(*stops, *reads, *deletes)
        assert {answer.status for answer in answers[:5]} <= {202, 404}
        for answer in answers[5:10]:
            if answer.status != 404:
                assert typed(answer, Detail).status in ("running", "failed")
        assert {answer.status for answer in answers[10:]} <= {204, 404}
        assert 204 in {answer.status for answer in answers[10:]}
        assert typed(await client.get(path), ExecutionList).items == []
