"""Operations are listed with all that clients need, found by id and name, and started with what fits them."""

from typing import Any

import pytest

from gateway.local.operation_arguments import Argument
from gateway.local.operations import Completed, Failed, OperationSpec
from gateway.local.own import OwnEntities
from gateway.local.values import DataType
from tests.unit.local.conftest import HandClock, app
from tests.unit.local.operating import (
    ARM,
    SOON,
    HandOperation,
    OddOperation,
    OfferedOperations,
    answered,
    operating,
    refused,
    started,
)

SPEED = Argument("speed", DataType.INT, required=True, minimum=1, maximum=9, unit="mm/s")
PRIME = OperationSpec(
    "prime",
    "Prime the pump",
    arguments=(SPEED,),
    confirm="Is the tank full?",
    description="Fills the line",
    timeout_s=5,
)


def own_of(*specs: OperationSpec) -> OwnEntities:
    return OwnEntities([OfferedOperations([HandOperation(spec) for spec in specs])], clock=HandClock())


def test_an_operation_is_listed_with_what_clients_need() -> None:
    (item,) = own_of(PRIME).operations.items(ARM)
    schema = {
        "type": "object",
        "properties": {"speed": {"type": "integer", "minimum": 1, "maximum": 9, "x-unit": "mm/s"}},
        "additionalProperties": False,
        "required": ["speed"],
    }
    assert item == {
        "id": "prime",
        "name": "Prime the pump",
        "description": "Fills the line",
        "proximity_proof_required": False,
        "asynchronous_execution": False,
        "x-medkit": {
            "entity_id": "arm",
            "source": "grove",
            "type_info": {"request": schema, "response": {}},
            "timeout_s": 5,
            "schema": schema,
            "confirm": "Is the tank full?",
        },
    }


def test_one_that_takes_anything_has_no_schema_and_an_asynchronous_one_the_words_of_an_action() -> None:
    (item,) = own_of(OperationSpec("go", "go", asynchronous=True)).operations.items(ARM)
    assert item["asynchronous_execution"] is True
    assert item["x-medkit"]["type_info"] == {"goal": {}, "feedback": {}, "result": {}}
    assert item["x-medkit"].keys() & {"schema", "confirm"} == set()


def test_the_records_list_operations_by_their_ids() -> None:
    own = own_of(PRIME, OperationSpec("go", "go"))
    assert [entity.operations for entity in own.tree.apps] == [("prime", "go")]


@pytest.mark.parametrize("word", ["prime", "Prime the pump"])
def test_an_operation_is_found_by_its_id_and_by_its_name(word: str) -> None:
    operations = own_of(PRIME).operations
    assert answered(operations.item(ARM, word)).body == {"item": operations.items(ARM)[0]}


def test_an_id_goes_before_the_name_of_another() -> None:
    operations = own_of(OperationSpec("stop", "go"), OperationSpec("go", "stop")).operations
    body = answered(operations.item(ARM, "go")).body
    assert body is not None
    assert body["item"]["name"] == "stop"


async def test_what_is_unknown_is_said_to_be(clock: HandClock) -> None:
    async with operating(clock, HandOperation()) as operations:
        execution = await started(operations)
        for ref, word in ((ARM, "nope"), (app("leg"), "move")):
            error = refused(operations.item(ref, word))
            assert (error.status, error.code) == (404, "operation-not-found")
            assert error.parameters == {"entity_id": ref.id, "operation_id": word}
            assert refused(await operations.execute(ref, word, {}, patience_s=SOON)) == error
            assert refused(operations.executions(ref, word)) == error
            assert refused(operations.execution(ref, word, execution)) == error
        lost = refused(operations.execution(ARM, "move", "nope"))
        assert (lost.status, lost.code, lost.message) == (404, "resource-not-found", "Execution not found")
        assert refused(operations.control(ARM, "move", "nope", {"capability": "stop"})) == lost
        assert refused(await operations.delete(ARM, "move", "nope", patience_s=SOON)) == lost


@pytest.mark.parametrize("key", ["parameters", "goal", "request", "input"])
async def test_parameters_may_stand_where_any_client_puts_them(clock: HandClock, key: str) -> None:
    prime = HandOperation(OperationSpec("prime", "prime", asynchronous=True, arguments=(SPEED,)))
    async with operating(clock, prime) as operations:
        await started(operations, "prime", {key: {"speed": 3}, "type": "pkg/srv/Prime"})
        assert prime.given == [{"speed": 3}]


@pytest.mark.parametrize("body", [{}, {"parameters": None}, {"parameters": {}}, {"unknown": 1}])
async def test_no_parameters_are_parameters_too(clock: HandClock, body: Any) -> None:
    move = HandOperation()
    async with operating(clock, move) as operations:
        await started(operations, body=body)
        assert move.given == [{}]


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        ([], "invalid-request", "JSON object"),
        ({"parameters": [1]}, "invalid-request", "'parameters' must be a JSON object"),
        ({"parameters": [1.5] * 9000}, "invalid-request", "found a list of 9000"),
        ({"speed": 3}, "invalid-request", "must stand in 'parameters': found speed"),
        ({}, "invalid-parameter", "speed: missing, a value of type int"),
        ({"input": {"speed": 12}}, "invalid-parameter", "speed: found 12, allowed are values from 1 up to 9"),
        ({"input": {"speed": 3, "x": 1}}, "invalid-parameter", "x: unknown, allowed are speed"),
    ],
)
async def test_what_does_not_fit_starts_nothing_and_is_told(clock: HandClock, body: Any, code: str, told: str) -> None:
    prime = HandOperation(PRIME)
    async with operating(clock, prime) as operations:
        error = refused(await operations.execute(ARM, "prime", body, patience_s=SOON))
        assert (error.status, error.code) == (400, code)
        assert told in error.message
        assert prime.given == []
        assert answered(operations.executions(ARM, "prime")).body == {"items": []}


async def test_every_field_that_does_not_fit_is_named(clock: HandClock) -> None:
    async with operating(clock, HandOperation(PRIME)) as operations:
        error = refused(await operations.execute(ARM, "prime", {"goal": {"speed": "x", "y": 1}}, patience_s=SOON))
        assert error.parameters == {
            "entity_id": "arm",
            "operation_id": "prime",
            "fields": [
                {"field": "speed", "message": "found string, allowed is int"},
                {"field": "y", "message": "unknown, allowed are speed"},
            ],
        }


@pytest.mark.parametrize(
    ("result", "told"),
    [({"a": 1}, {"a": 1}), ({}, {}), (None, {}), ([1, 2], {"result": [1, 2]}), ("ok", {"result": "ok"})],
)
async def test_a_synchronous_one_answers_with_its_result(clock: HandClock, result: Any, told: Any) -> None:
    async with operating(clock, OddOperation(lambda _: Completed(result))) as operations:
        answer = answered(await operations.execute(ARM, "odd", {}, patience_s=SOON))
        assert (answer.status, answer.body) == (200, {"parameters": told})


async def test_a_synchronous_one_that_fails_is_an_error_with_the_cause(clock: HandClock) -> None:
    async with operating(clock, OddOperation(lambda _: Failed("no water", {"exit_code": 3}))) as operations:
        error = refused(await operations.execute(ARM, "odd", {}, patience_s=SOON))
        assert (error.status, error.vendor_code) == (500, "x-medkit-operation-failed")
        assert error.message == "Operation 'odd' failed: no water"
        assert error.parameters["details"] == {"exit_code": 3}
        (known,) = (answered(operations.executions(ARM, "odd")).body or {})["items"]
        assert known == {"id": error.parameters["execution_id"]}


@pytest.mark.parametrize("result", [object(), {"a": {1, object()}}, "\ud800", "x" * 1_048_577])
async def test_a_result_that_cannot_be_told_is_a_failure(clock: HandClock, result: Any) -> None:
    async with operating(clock, OddOperation(lambda _: Completed(result))) as operations:
        error = refused(await operations.execute(ARM, "odd", {}, patience_s=SOON))
        assert "its result cannot be told" in error.message


async def test_one_that_breaks_fails_and_harms_nobody_else(clock: HandClock) -> None:
    def broken(_: Any) -> Completed:
        raise KeyError("valve")

    odd = OddOperation(broken)
    fine = OddOperation(lambda _: Completed({}), OperationSpec("fine", "fine"))
    async with operating(clock, odd, fine) as operations:
        assert "it broke: KeyError" in refused(await operations.execute(ARM, "odd", {}, patience_s=SOON)).message
        assert answered(await operations.execute(ARM, "fine", {}, patience_s=SOON)).status == 200


async def test_nothing_is_started_before_and_after_the_gateway_runs(clock: HandClock) -> None:
    own = OwnEntities([OfferedOperations([HandOperation()])], clock=clock)
    error = refused(await own.operations.execute(ARM, "move", {}, patience_s=SOON))
    assert (error.status, error.code, error.retry_after_s) == (503, "service-unavailable", 1)
    async with operating(clock, HandOperation()) as operations:
        await started(operations)
    assert refused(await operations.execute(ARM, "move", {}, patience_s=SOON)) == error
