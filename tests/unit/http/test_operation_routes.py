"""Every route of operations, over HTTP: what it answers, by our own types and by upstream's recorded answers."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
import pytest_asyncio

from entities.model import App, Component, EntityKind, Function, GatewayTree
from gateway.local.answers import EntityRef
from gateway.local.executions import RUNNING_LIMIT
from gateway.local.operations import Completed, Failed, Operation, OperationSpec
from gateway.local.own import OwnEntities
from gateway.local.source import Changed, EntityResources, Offer
from tests.federation.eventually import eventually
from tests.unit.http.owning import owning
from tests.unit.http.serving import Answer, Client
from tests.unit.local.operating import HandOperation, OddOperation
from tests.unit.local.operation_types import (
    Detail,
    ErrorBody,
    ExecutionList,
    OperationDetail,
    OperationList,
    Result,
    Started,
)

RECORDED = Path(__file__).parents[2] / "data" / "wire" / "leaf.json"
EXECUTIONS = "/api/v1/apps/arm/operations/move/executions"
FUNCTION_EXECUTIONS = "/api/v1/functions/walk/operations/move/executions"
CALIBRATE = "/api/v1/apps/arm/operations/calibrate/executions"


T = TypeVar("T")


def read(answer: Answer, wanted: type[T], status: int = 200) -> T:
    """The body, of exactly this type, with this status."""
    assert answer.status == status, answer.json
    return msgspec.json.decode(answer.body, type=wanted)


class Arm:
    """An arm on a robot that a function needs; it moves by hand, and calibrates at once."""

    def __init__(self) -> None:
        self.move = HandOperation(OperationSpec("move", "Move it", asynchronous=True, at_once=2, confirm="Sure?"))
        self.calibrate = OddOperation(lambda _: Completed({"success": True}), OperationSpec("calibrate", "calibrate"))
        self.break_down = OddOperation(lambda _: Failed("worn out"), OperationSpec("break", "break"))
        self.wait = HandOperation(OperationSpec("wait", "Stand still"))
        self.halt = OddOperation(lambda _: Completed({"success": True}), OperationSpec("halt", "Stand still"))
        self.many = HandOperation(OperationSpec("many", "many", asynchronous=True, at_once=RUNNING_LIMIT + 1))

    @property
    def offer(self) -> Offer:
        tree = GatewayTree(
            components=(Component("robot"),),
            apps=(App("arm", component_id="robot"), App("leg", component_id="robot")),
            functions=(Function("walk", hosts=("arm", "leg")),),
        )
        arm: Sequence[Operation] = (self.move, self.calibrate, self.break_down, self.wait, self.many)
        return Offer(tree, {self._ref("arm"): _of(arm), self._ref("leg"): _of((self.calibrate, self.halt))})

    def _ref(self, app: str) -> EntityRef:
        return EntityRef(EntityKind.APP, app)

    async def start(self) -> None: ...

    async def run(self, changed: Changed) -> None: ...

    async def close(self) -> None: ...


def _of(operations: Sequence[Operation]) -> EntityResources:
    return EntityResources(operations={operation.spec.id: operation for operation in operations})


@pytest.fixture
def arm() -> Arm:
    return Arm()


@pytest_asyncio.fixture
async def client(arm: Arm) -> AsyncIterator[Client]:
    async with owning(OwnEntities([arm], clock=lambda: 1_786_538_500_000_000_000), write_timeout_ms=10_000) as client:
        yield client


async def start(client: Client, path: str = EXECUTIONS) -> str:
    answer = await client.request("POST", path, json={})
    return read(answer, Started, 202).id


@pytest.mark.parametrize("entity", ["apps/arm", "components/robot", "functions/walk"])
async def test_operations_are_listed_and_shown(client: Client, entity: str) -> None:
    listed = read(await client.get(f"/api/v1/{entity}/operations"), OperationList).items
    assert [item.id for item in listed][:1] == ["move"]
    for item in listed:
        path = f"/api/v1/{entity}/operations/{item.id.replace(':', '%3A')}"
        shown = read(await client.get(path), OperationDetail).item
        assert (shown.id, shown.name, shown.medkit.entity_id) == (item.id, item.name, entity.split("/")[1])
        head = await client.request("HEAD", path)
        assert head.status == 200


async def test_what_upstream_answers_is_in_our_answers(client: Client) -> None:
    recorded = {one["request"]: one for one in json.loads(RECORDED.read_text())}
    for name, ours in (("calibrate", "calibrate"), ("long_calibration", "move")):
        theirs = next(
            item
            for item in recorded["GET /api/v1/apps/pressure_sensor/operations"]["answer"]["items"]
            if item["id"] == name
        )
        found = (await client.get(f"/api/v1/apps/arm/operations/{ours}")).json["item"]
        assert found.keys() >= theirs.keys()
        assert found["x-medkit"].keys() >= theirs["x-medkit"].keys() - {"ros2"}
        assert found["x-medkit"]["type_info"].keys() == theirs["x-medkit"]["type_info"].keys()
        assert found["asynchronous_execution"] is theirs["asynchronous_execution"]
    unknown = recorded["POST /api/v1/apps/pressure_sensor/operations/nope/executions"]["answer"]
    answer = await client.request("POST", "/api/v1/apps/arm/operations/nope/executions", json={})
    assert answer.json == {**unknown, "parameters": {"entity_id": "arm", "operation_id": "nope"}}
    done = recorded["POST /api/v1/apps/pressure_sensor/operations/calibrate/executions"]["answer"]
    assert (await client.request("POST", CALIBRATE, json={})).json.keys() == done.keys()


@pytest.mark.parametrize("body", [{"json": {}}, {"data": b""}, {"json": {"input": {}}}, {"json": {"goal": {"a": 1}}}])
async def test_a_synchronous_execution_answers_with_its_result(client: Client, body: Mapping[str, Any]) -> None:
    answer = await client.request("POST", CALIBRATE, **body)
    assert read(answer, Result).parameters == {"success": True}
    assert "Location" not in answer.headers


async def test_a_synchronous_execution_that_fails_is_an_error(client: Client) -> None:
    answer = await client.request("POST", "/api/v1/apps/arm/operations/break/executions", json={})
    error = read(answer, ErrorBody, 500)
    assert (error.error_code, error.vendor_code) == ("vendor-error", "x-medkit-operation-failed")
    (known,) = read(await client.get("/api/v1/apps/arm/operations/break/executions"), ExecutionList).items
    shown = read(await client.get(f"/api/v1/apps/arm/operations/break/executions/{known.id}"), Detail)
    assert shown.status == "failed"


async def test_an_asynchronous_execution_is_led_by_its_location(client: Client, arm: Arm) -> None:
    answer = await client.request("POST", EXECUTIONS, json={"parameters": {"to": 3}})
    execution = read(answer, Started, 202)
    location = answer.headers["Location"]
    assert location == f"{EXECUTIONS}/{execution.id}"
    assert [item.id for item in read(await client.get(EXECUTIONS), ExecutionList).items] == [execution.id]
    assert read(await client.get(location), Detail).status == "running"
    arm.move.progress[0](40)
    assert read(await client.get(location), Detail).medkit.progress == 40
    arm.move.end(Completed({"at": 3}))

    async def ended() -> Detail | None:
        shown = read(await client.get(location), Detail)
        return shown if shown.status == "completed" else None

    shown = await eventually(ended)
    assert shown is not None
    assert shown.parameters == {"at": 3}
    deleted = await client.request("DELETE", location)
    assert (deleted.status, deleted.body) == (204, b"")
    assert read(await client.get(location), ErrorBody, 404).error_code == "resource-not-found"


async def test_a_stop_answers_with_the_execution_and_where_it_is(client: Client) -> None:
    execution = await start(client)
    answer = await client.request("PUT", f"{EXECUTIONS}/{execution}", json={"capability": "stop"})
    assert read(answer, Started, 202).id == execution
    assert answer.headers["Location"] == f"{EXECUTIONS}/{execution}"

    async def failed() -> bool:
        return read(await client.get(f"{EXECUTIONS}/{execution}"), Detail).status == "failed"

    await eventually(failed)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"capability": "execute"}', 409, "precondition-not-fulfilled"),
        (b'{"capability": "pause"}', 400, "invalid-parameter"),
        (b"{", 400, "invalid-request"),
    ],
)
async def test_what_an_execution_cannot_do_is_refused(client: Client, body: bytes, status: int, code: str) -> None:
    path = f"{EXECUTIONS}/{await start(client)}"
    assert read(await client.request("PUT", path, data=body), ErrorBody, status).error_code == code


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/apps/arm/operations/move"),
        ("DELETE", "/api/v1/apps/arm/operations/move"),
        ("PUT", EXECUTIONS),
        ("DELETE", EXECUTIONS),
        ("POST", f"{EXECUTIONS}/1"),
        ("POST", "/api/v1/apps/arm/operations"),
    ],
)
async def test_other_methods_are_no_routes(client: Client, method: str, path: str) -> None:
    answer = await client.request(method, path, json={})
    assert read(answer, ErrorBody, 404).error_code == "resource-not-found"


async def test_who_starts_an_operation_at_its_own_path_is_told_of_executions(client: Client) -> None:
    answer = await client.request("POST", "/api/v1/apps/arm/operations/move", json={})
    assert "by POST to its /executions" in read(answer, ErrorBody, 404).message


async def test_an_execution_is_led_through_an_aggregate_in_its_own_words(client: Client) -> None:
    for entity, word in (
        ("functions/walk", "move"),
        ("components/robot", "Move%20it"),
        ("functions/walk", "arm%3Amove"),
    ):
        path = f"/api/v1/{entity}/operations/{word}/executions"
        answer = await client.request("POST", path, json={})
        location = answer.headers["Location"]
        assert location == f"{path}/{read(answer, Started, 202).id}"
        shown = read(await client.get(location), Detail)
        assert shown.medkit.entity_id == entity.split("/")[1]
        assert (await client.request("DELETE", location)).status == 204


async def test_an_id_that_two_members_have_is_ambiguous_and_the_qualified_ones_work(client: Client) -> None:
    path = "/api/v1/functions/walk/operations"
    for method, tail in (("GET", ""), ("GET", "/executions"), ("POST", "/executions"), ("GET", "/executions/x")):
        error = read(await client.request(method, f"{path}/calibrate{tail}", json={}), ErrorBody, 400)
        assert isinstance(error.parameters, dict)
        assert error.parameters["operation_ids"] == ["arm:calibrate", "leg:calibrate"]
    answer = await client.request("POST", f"{path}/leg%3Acalibrate/executions", json={})
    assert read(answer, Result).parameters == {"success": True}
    assert len(read(await client.get("/api/v1/apps/leg/operations/calibrate/executions"), ExecutionList).items) == 1
    assert read(await client.get(CALIBRATE), ExecutionList).items == []


async def test_two_clients_at_once_have_an_execution_each_and_a_third_has_none(client: Client) -> None:
    answers = await asyncio.gather(*(client.request("POST", EXECUTIONS, json={}) for _ in range(3)))
    assert sorted(answer.status for answer in answers) == [202, 202, 409]
    started = {answer.json["id"] for answer in answers if answer.status == 202}
    assert {item.id for item in read(await client.get(EXECUTIONS), ExecutionList).items} == started


async def test_two_who_delete_and_one_who_stops_at_once_leave_nothing(client: Client) -> None:
    path = f"{EXECUTIONS}/{await start(client)}"
    stop = client.request("PUT", path, json={"capability": "stop"})
    answers = await asyncio.gather(client.request("DELETE", path), stop, client.request("DELETE", path))
    assert {answer.status for answer in answers} <= {202, 204, 404}
    assert read(await client.get(EXECUTIONS), ExecutionList).items == []


@pytest.mark.parametrize("first", ["end", "stop"])
async def test_a_stop_while_an_execution_finishes_is_answered_and_what_came_first_counts(
    client: Client, arm: Arm, first: str
) -> None:
    paths = [f"{path}/{await start(client, path)}" for path in (EXECUTIONS, FUNCTION_EXECUTIONS)]
    for at, path in enumerate(paths):
        if first == "end":
            arm.move.end(Completed({"at": 3}), at)
        stops = [client.request("PUT", path, json={"capability": "stop"}) for _ in range(2)]
        answers = await asyncio.gather(*stops, client.get(path))
        if first == "stop":
            arm.move.end(Completed({"at": 3}), at)
        assert [answer.status for answer in answers] == [202, 202, 200]

        async def ended(path: str = path) -> str | None:
            shown = read(await client.get(path), Detail)
            return None if shown.status == "running" else shown.status

        assert await eventually(ended) == ("completed" if first == "end" else "failed")
        again = read(await client.request("PUT", path, json={"capability": "stop"}), Started, 202)
        assert again.status == ("completed" if first == "end" else "failed")
        deletes = await asyncio.gather(*(client.request("DELETE", path) for _ in range(2)))
        assert {answer.status for answer in deletes} <= {204, 404}
        read(await client.get(path), ErrorBody, 404)


async def test_who_leaves_while_his_execution_runs_ends_nothing(client: Client, arm: Arm) -> None:
    leaving = asyncio.create_task(client.request("POST", "/api/v1/apps/arm/operations/wait/executions", json={}))
    await eventually(lambda: arm.wait.given)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    (known,) = read(await client.get("/api/v1/apps/arm/operations/wait/executions"), ExecutionList).items
    arm.wait.end(Completed({"waited": True}))
    path = f"/api/v1/apps/arm/operations/wait/executions/{known.id}"

    async def completed() -> bool:
        return read(await client.get(path), Detail).status == "completed"

    await eventually(completed)
    assert arm.wait.cancelled == 0


async def test_a_full_gateway_says_when_to_come_again(client: Client) -> None:
    path = "/api/v1/apps/arm/operations/many/executions"
    for _ in range(RUNNING_LIMIT):
        await start(client, path)
    answer = await client.request("POST", path, json={})
    assert read(answer, ErrorBody, 503).error_code == "service-unavailable"
    assert answer.headers["Retry-After"] == "1"


async def test_a_name_that_two_members_have_is_ambiguous_too(client: Client, arm: Arm) -> None:
    path = "/api/v1/functions/walk/operations/Stand%20still/executions"
    error = read(await client.request("POST", path, json={}), ErrorBody, 400)
    assert isinstance(error.parameters, dict)
    assert error.parameters["operation_ids"] == ["wait", "halt"]
    assert arm.wait.given == []
    answer = await client.request("POST", path.replace("Stand", "leg%3AStand"), json={})
    assert read(answer, Result).parameters == {"success": True}


@pytest.mark.parametrize("ending", ["/", "?wait=no"])
async def test_the_location_is_the_path_of_the_execution_and_nothing_else(client: Client, ending: str) -> None:
    answer = await client.request("POST", f"{EXECUTIONS}{ending}", json={})
    assert answer.headers["Location"] == f"{EXECUTIONS}/{read(answer, Started, 202).id}"
