"""Executions run, tell of themselves, are stopped and forgotten, and end with the gateway; whoever comes first."""

import asyncio
from typing import Any

import pytest

from gateway.local.executions import KEPT_PER_OPERATION, RUNNING_LIMIT
from gateway.local.operations import Completed, Failed, OperationSpec, Progress
from tests.federation.eventually import eventually
from tests.unit.local.conftest import HandClock
from tests.unit.local.operating import (
    ARM,
    SOON,
    HandOperation,
    OddOperation,
    answered,
    operating,
    refused,
    shown,
    started,
)

STOP = {"capability": "stop"}


async def ended(store: Any, execution: str, word: str = "move") -> None:
    async def has_ended() -> bool:
        return bool(shown(store, execution, word)["status"] != "running")

    await eventually(has_ended)


async def test_an_execution_tells_how_far_it_is_and_then_what_came_of_it(clock: HandClock) -> None:
    move = HandOperation()
    async with operating(clock, move) as store:
        answer = answered(await store.execute(ARM, "move", {}, patience_s=SOON))
        assert answer.body is not None
        execution = answer.body["id"]
        assert answer.body == {"id": execution, "status": "running"}
        started_at = "2026-08-12T12:41:40.000Z"
        medkit: dict[str, Any] = {"entity_id": "arm", "started_at": started_at}
        assert shown(store, execution) == {"status": "running", "capability": "execute", "x-medkit": medkit}
        await asyncio.sleep(0)
        move.progress[0]({"progress": 40, "step": "grip"})
        running = shown(store, execution)
        assert (running["parameters"], running["x-medkit"]["progress"]) == ({"progress": 40, "step": "grip"}, 40)
        move.progress[0](55.5)
        assert shown(store, execution)["parameters"] == {"progress": 55.5}
        clock.advance(2)
        move.end(Completed({"gripped": True}))
        await ended(store, execution)
        assert shown(store, execution) == {
            "status": "completed",
            "capability": "execute",
            "parameters": {"gripped": True},
            "x-medkit": {**medkit, "progress": 55.5, "finished_at": "2026-08-12T12:41:42.000Z"},
        }


@pytest.mark.parametrize(
    ("told", "parameters", "percent"),
    [
        ("halfway", {"feedback": "halfway"}, None),
        ({"progress": 140}, {"progress": 140}, None),
        ({"progress": "40"}, {"progress": "40"}, None),
        (True, {"feedback": True}, None),
        (0, {"progress": 0}, 0),
    ],
)
async def test_only_percent_are_progress(clock: HandClock, told: Any, parameters: Any, percent: Any) -> None:
    move = HandOperation()
    async with operating(clock, move) as store:
        execution = await started(store)
        move.progress[0](told)
        body = shown(store, execution)
        assert (body["parameters"], body["x-medkit"].get("progress")) == (parameters, percent)


@pytest.mark.parametrize("told", [object(), {"x": "y" * 20_000}, "\ud800"])
async def test_what_cannot_be_told_of_an_execution_is_left_out(clock: HandClock, told: Any) -> None:
    move = HandOperation()
    async with operating(clock, move) as store:
        execution = await started(store)
        move.progress[0](10)
        move.progress[0](told)
        assert shown(store, execution)["parameters"] == {"progress": 10}


async def test_a_failed_one_says_why(clock: HandClock) -> None:
    move = HandOperation()
    async with operating(clock, move) as store:
        execution = await started(store)
        move.end(Failed("jammed", {"exit_code": 2}))
        await ended(store, execution)
        body = shown(store, execution)
        assert (body["status"], body.get("parameters")) == ("failed", None)
        assert body["x-medkit"]["error"] == {
            "error_code": "vendor-error",
            "vendor_code": "x-medkit-operation-failed",
            "message": "Operation 'move' failed: jammed",
            "parameters": {
                "entity_id": "arm",
                "operation_id": "move",
                "execution_id": execution,
                "details": {"exit_code": 2},
            },
        }


async def test_one_that_takes_too_long_is_ended_and_has_failed(clock: HandClock) -> None:
    move = HandOperation(OperationSpec("move", "move", asynchronous=True, timeout_s=0.01))
    async with operating(clock, move) as store:
        execution = await started(store)
        await ended(store, execution)
        assert move.cancelled == 1
        error = shown(store, execution)["x-medkit"]["error"]
        assert (error["error_code"], error["parameters"]["may_have_executed"]) == ("not-responding", True)
        assert "longer than its 0.01 s" in error["message"]


async def test_an_error_of_time_in_an_operation_is_its_own(clock: HandClock) -> None:
    def late(_: Progress) -> Completed:
        raise TimeoutError

    async with operating(clock, OddOperation(late)) as store:
        error = refused(await store.execute(ARM, "odd", {}, patience_s=SOON))
        assert (error.status, error.message) == (500, "Operation 'odd' failed: it broke: TimeoutError")


async def test_a_synchronous_one_that_outlasts_its_request_goes_on_and_is_found_again(clock: HandClock) -> None:
    move = HandOperation(OperationSpec("move", "move"))
    async with operating(clock, move) as store:
        error = refused(await store.execute(ARM, "move", {}, patience_s=0.01))
        assert (error.status, error.code) == (504, "not-responding")
        assert error.parameters["may_have_executed"] is True
        execution = error.parameters["execution_id"]
        assert answered(store.executions(ARM, "move")).body == {"items": [{"id": execution}]}
        assert shown(store, execution)["status"] == "running"
        move.end(Completed({"moved": 3}))
        await ended(store, execution)
        assert shown(store, execution)["parameters"] == {"moved": 3}
        assert len(move.given) == 1


async def test_a_client_that_leaves_ends_nothing(clock: HandClock) -> None:
    move = HandOperation(OperationSpec("move", "move"))
    async with operating(clock, move) as store:
        client = asyncio.create_task(store.execute(ARM, "move", {}, patience_s=SOON))
        await eventually(lambda: move.given)
        client.cancel()
        await asyncio.gather(client, return_exceptions=True)
        assert move.cancelled == 0
        move.end()
        ((one,),) = ((answered(store.executions(ARM, "move")).body or {})["items"],)
        await ended(store, one["id"])
        assert shown(store, one["id"])["status"] == "completed"


async def test_a_stopped_one_ends_and_has_failed(clock: HandClock) -> None:
    move = HandOperation()
    async with operating(clock, move) as store:
        execution = await started(store)
        answer = answered(store.control(ARM, "move", execution, STOP))
        assert (answer.status, answer.body) == (202, {"id": execution, "status": "running"})
        assert shown(store, execution)["x-medkit"]["stopping"] is True
        await ended(store, execution)
        body = shown(store, execution)
        assert (body["status"], "stopping" in body["x-medkit"]) == ("failed", False)
        assert "a client stopped it" in body["x-medkit"]["error"]["message"]


async def test_a_stop_before_the_first_step_is_a_stop_too(clock: HandClock) -> None:
    move = HandOperation()
    async with operating(clock, move) as store:
        body = answered(await store.execute(ARM, "move", {}, patience_s=SOON)).body or {}
        store.control(ARM, "move", body["id"], STOP)
        await ended(store, body["id"])
        assert move.given == []
        assert "a client stopped it" in shown(store, body["id"])["x-medkit"]["error"]["message"]


async def test_one_that_comes_to_its_own_end_before_the_stop_does_has_that_end(clock: HandClock) -> None:
    move = HandOperation(obeys=False)
    async with operating(clock, move) as store:
        execution = await started(store)
        move.end(Completed({"gripped": True}))
        store.control(ARM, "move", execution, STOP)
        await ended(store, execution)
        assert shown(store, execution)["parameters"] == {"gripped": True}
        late = answered(store.control(ARM, "move", execution, STOP))
        assert (late.status, late.body) == (202, {"id": execution, "status": "completed"})
        assert shown(store, execution)["status"] == "completed"


async def test_two_who_stop_it_are_both_told_so_and_it_is_told_once(clock: HandClock) -> None:
    move = HandOperation(obeys=False)
    async with operating(clock, move) as store:
        execution = await started(store)
        answers = [answered(store.control(ARM, "move", execution, STOP)).status for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert (answers, move.cancelled) == ([202, 202], 1)
        move.end()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"capability": "execute"}, 409, "precondition-not-fulfilled"),
        ({"capability": "freeze"}, 400, "invalid-parameter"),
        ({"capability": 3}, 400, "invalid-parameter"),
        ({}, 400, "invalid-parameter"),
        ([], 400, "invalid-parameter"),
    ],
)
async def test_an_execution_can_do_nothing_but_stop(clock: HandClock, body: Any, status: int, code: str) -> None:
    async with operating(clock, HandOperation()) as store:
        error = refused(store.control(ARM, "move", await started(store), body))
        assert (error.status, error.code) == (status, code)
        assert error.parameters["supported_capabilities"] == ["stop"]


async def test_a_deleted_one_is_ended_and_forgotten(clock: HandClock) -> None:
    move = HandOperation()
    async with operating(clock, move) as store:
        execution = await started(store)
        assert answered(await store.delete(ARM, "move", execution, patience_s=SOON)).status == 204
        assert move.cancelled == 1
        assert answered(store.executions(ARM, "move")).body == {"items": []}
        assert refused(store.execution(ARM, "move", execution)).status == 404


async def test_two_who_delete_it_at_once_are_both_told_that_it_is_gone(clock: HandClock) -> None:
    async with operating(clock, HandOperation()) as store:
        execution = await started(store)
        answers = await asyncio.gather(*(store.delete(ARM, "move", execution, patience_s=SOON) for _ in range(2)))
        assert [answer.status for answer in answers] == [204, 204]
        assert refused(await store.delete(ARM, "move", execution, patience_s=SOON)).status == 404


async def test_one_that_does_not_end_is_not_said_to_be_gone(clock: HandClock) -> None:
    move = HandOperation(obeys=False)
    async with operating(clock, move) as store:
        execution = await started(store)
        error = refused(await store.delete(ARM, "move", execution, patience_s=0.01))
        assert (error.status, error.code) == (504, "not-responding")
        assert shown(store, execution)["status"] == "running"
        move.end()
        assert answered(await store.delete(ARM, "move", execution, patience_s=SOON)).status == 204


async def test_who_waits_for_one_that_another_deletes_is_told_so(clock: HandClock) -> None:
    move = HandOperation(OperationSpec("move", "move"))
    async with operating(clock, move) as store:
        client = asyncio.create_task(store.execute(ARM, "move", {}, patience_s=SOON))
        await eventually(lambda: move.given)
        (known,) = (answered(store.executions(ARM, "move")).body or {})["items"]
        assert answered(await store.delete(ARM, "move", known["id"], patience_s=SOON)).status == 204
        assert "a client deleted it" in refused(await client).message


async def test_two_posts_are_two_executions(clock: HandClock) -> None:
    move = HandOperation()
    async with operating(clock, move) as store:
        first, second = await started(store), await started(store)
        assert answered(store.executions(ARM, "move")).body == {"items": [{"id": first}, {"id": second}]}
        move.end(Completed({"which": 2}), 1)
        await ended(store, second)
        assert shown(store, second)["parameters"] == {"which": 2}
        assert shown(store, first)["status"] == "running"


async def test_no_more_run_at_once_than_the_operation_allows(clock: HandClock) -> None:
    move = HandOperation(OperationSpec("move", "move", asynchronous=True, at_once=1))
    async with operating(clock, move) as store:
        execution = await started(store)
        error = refused(await store.execute(ARM, "move", {}, patience_s=SOON))
        assert (error.status, error.code) == (409, "precondition-not-fulfilled")
        assert error.parameters["running"] == [execution]
        move.end()
        await ended(store, execution)
        assert await started(store) != execution


async def test_no_more_run_at_once_than_the_gateway_allows(clock: HandClock) -> None:
    specs = [OperationSpec(name, name, asynchronous=True, at_once=RUNNING_LIMIT) for name in ("move", "turn")]
    async with operating(clock, *map(HandOperation, specs)) as store:
        for _ in range(RUNNING_LIMIT):
            await started(store)
        error = refused(await store.execute(ARM, "turn", {}, patience_s=SOON))
        assert (error.status, error.code, error.retry_after_s) == (503, "service-unavailable", 1)
        ((first, *_),) = ((answered(store.executions(ARM, "move")).body or {})["items"],)
        assert answered(await store.delete(ARM, "move", first["id"], patience_s=SOON)).status == 204
        await started(store, "turn")


async def test_the_oldest_ends_are_forgotten_and_what_runs_is_not(clock: HandClock) -> None:
    move = HandOperation()
    async with operating(clock, move) as store:
        running = await started(store)
        ids = []
        for _ in range(KEPT_PER_OPERATION + 3):
            ids.append(await started(store))
            move.end()
            await ended(store, ids[-1])
        known = [item["id"] for item in (answered(store.executions(ARM, "move")).body or {})["items"]]
        assert known == [running, *ids[3:]]


async def test_large_results_are_forgotten_sooner(clock: HandClock) -> None:
    odd = OddOperation(lambda _: Completed("x" * 1_000_000))
    async with operating(clock, odd) as store:
        for _ in range(20):
            assert answered(await store.execute(ARM, "odd", {}, patience_s=SOON)).status == 200
        assert len((answered(store.executions(ARM, "odd")).body or {})["items"]) == 8


async def test_what_runs_when_the_gateway_stops_is_ended_and_those_who_wait_are_told(clock: HandClock) -> None:
    move = HandOperation(OperationSpec("move", "move"))
    async with operating(clock, move) as store:
        client = asyncio.create_task(store.execute(ARM, "move", {}, patience_s=SOON))
        await eventually(lambda: move.given)
    assert move.cancelled == 1
    error = refused(await client)
    assert (error.status, error.vendor_code) == (503, "x-medkit-gateway-shutdown")
    ((known,),) = ((answered(store.executions(ARM, "move")).body or {})["items"],)
    assert shown(store, known["id"])["status"] == "failed"
