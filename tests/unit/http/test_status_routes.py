"""The status of programs over HTTP, and what they are asked to do: answered, refused, asked by two at once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from entities.model import App, Component, Function, GatewayTree
from gateway.local.command import Commands
from gateway.local.control import Control, Transition
from gateway.local.operations import Completed, OperationSpec
from gateway.local.own import OwnEntities
from gateway.local.source import Changed, EntityResources, Offer
from gateway.local.unit_control import UNIT_TRANSITIONS, unit_actions
from tests.federation.eventually import eventually
from tests.unit.http.answer_types import StatusDocument
from tests.unit.http.owning import owning
from tests.unit.http.serving import Client
from tests.unit.http.walk import typed
from tests.unit.local.conftest import HandClock, app
from tests.unit.local.data_types import Refused
from tests.unit.local.operating import HandOperation
from tests.unit.local.operation_types import Detail, ExecutionList, OperationList
from tests.unit.local.systemctl import FakeSystemctl

NOT_ALLOWED = "this gateway lets nobody"


class Machine:
    """`web` is a unit, `pump` is stopped by hand, `guarded` may be stopped by nobody, `plain` is started elsewhere."""

    def __init__(self, systemctl: FakeSystemctl) -> None:
        self.stop = HandOperation(OperationSpec("stop", "Stop", asynchronous=True, at_once=1))
        apps = tuple(App(one, component_id="edge") for one in ("web", "pump", "guarded", "plain"))
        tree = GatewayTree(components=(Component("edge"),), apps=apps, functions=(Function("all", hosts=("web",)),))
        units = unit_actions("web.service", Commands(), lambda: None, systemctl.program)
        by_hand = {"shutdown": Transition("stop")}
        self.offer = Offer(
            tree,
            {
                app("web"): EntityResources(operations=units, control=Control(UNIT_TRANSITIONS)),
                app("pump"): EntityResources(operations={"stop": self.stop}, control=Control(by_hand)),
                app("guarded"): EntityResources(control=Control(by_hand, NOT_ALLOWED)),
            },
        )

    async def start(self) -> None: ...

    async def run(self, changed: Changed) -> None: ...

    async def close(self) -> None: ...


@pytest.fixture
def systemctl(tmp_path: Path) -> FakeSystemctl:
    found = FakeSystemctl(tmp_path / "systemd")
    found.set("web.service", "active")
    return found


@pytest.fixture
def machine(systemctl: FakeSystemctl) -> Machine:
    return Machine(systemctl)


@pytest_asyncio.fixture
async def client(machine: Machine) -> AsyncIterator[Client]:
    async with owning(OwnEntities([machine], clock=HandClock())) as client:
        yield client


async def test_a_status_says_what_may_be_asked_for(client: Client) -> None:
    web = typed(await client.get("/api/v1/apps/web/status"), StatusDocument)
    offered = (web.status, web.start, web.restart, web.shutdown, web.force_shutdown)
    below = "/api/v1/apps/web/status"
    assert offered == ("ready", *(f"{below}/{word}" for word in ("start", "restart", "shutdown", "force-shutdown")))
    for path in ("apps/guarded", "apps/plain", "components/edge"):
        assert (await client.get(f"/api/v1/{path}/status")).json == {"status": "ready"}
    for method, path in (
        ("GET", "functions/all/status"),
        ("PUT", "functions/all/status/start"),
        ("POST", "apps/web/status"),
    ):
        typed(await client.request(method, f"/api/v1/{path}", json={}), Refused, 404)


async def test_a_unit_is_restarted_and_its_execution_tells_what_came_of_it(
    client: Client, systemctl: FakeSystemctl
) -> None:
    answer = await client.request("PUT", "/api/v1/apps/web/status/restart")
    assert (answer.status, answer.headers["Location"]) == (202, "/api/v1/apps/web/status")
    path = "/api/v1/apps/web/operations/restart/executions"
    (execution,) = typed(await client.get(path), ExecutionList).items

    async def completed() -> bool:
        return typed(await client.get(f"{path}/{execution.id}"), Detail).status == "completed"

    await eventually(completed)
    assert systemctl.calls == ["restart --no-ask-password -- web.service"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("apps/web/status/force-restart", 501, "not-implemented"),
        ("apps/plain/status/start", 501, "not-implemented"),
        ("components/edge/status/start", 501, "not-implemented"),
        ("apps/guarded/status/shutdown", 403, "insufficient-access-rights"),
        ("apps/guarded/operations/stop", 403, "insufficient-access-rights"),
        ("apps/web/status/dance", 404, "resource-not-found"),
        ("apps/nobody/status/start", 404, "entity-not-found"),
    ],
)
async def test_what_cannot_be_asked_for_is_refused_with_its_reason(
    client: Client, path: str, status: int, code: str
) -> None:
    method = "GET" if "/operations/" in path else "PUT"
    refused = typed(await client.request(method, f"/api/v1/{path}"), Refused, status)
    assert refused.error_code == code
    assert typed(await client.get("/api/v1/apps/guarded/operations"), OperationList).items == []


async def test_of_two_who_stop_a_program_at_once_one_is_told_that_it_is_being_stopped(
    client: Client, machine: Machine
) -> None:
    asked = [client.request("PUT", "/api/v1/apps/pump/status/shutdown") for _ in range(2)]
    asked.append(client.request("POST", "/api/v1/apps/pump/operations/stop/executions", json={}))
    answers = await asyncio.gather(*asked)
    assert sorted(answer.status for answer in answers) == [202, 409, 409]
    (execution,) = typed(await client.get("/api/v1/apps/pump/operations/stop/executions"), ExecutionList).items
    for answer in answers:
        if answer.status == 409:
            assert answer.json["parameters"]["running"] == [execution.id]
    await eventually(lambda: len(machine.stop.given) == 1)
    machine.stop.end(Completed())

    async def may_be_asked_again() -> bool:
        return (await client.request("PUT", "/api/v1/apps/pump/status/shutdown")).status == 202

    await eventually(may_be_asked_again)
