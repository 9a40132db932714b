"""What fault and configuration routes answer has the types that clients rely on: ours, and what upstream was recorded
to say. In all cases: success, refusal, a disk that fails.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from entities.model import Function, GatewayTree
from gateway.local.answers import EntityRef
from gateway.local.bindings import Configuration, DataSpec, HeldData, Refusal
from gateway.local.data_items import HeldItem
from gateway.local.fault_spec import Debounce, FaultSpec, Severity
from gateway.local.own import OwnEntities
from gateway.local.source import Changed, EntityResources, Offer
from gateway.local.storage import Storage
from gateway.local.value_range import ValueRange
from gateway.local.values import DataType
from tests.federation.eventually import eventually
from tests.unit.http.owning import owning
from tests.unit.http.serving import Answer, Client
from tests.unit.local.conftest import HandClock, app
from tests.unit.local.data_types import Refused
from tests.unit.local.fault_types import (
    ConfigurationItem,
    ConfigurationRead,
    FaultDetail,
    FaultEvent,
    FaultItem,
    OwnConfigurationRead,
    OwnFaultItem,
    Parameter,
    ResetResults,
)
from tests.unit.local.scripted import ScriptedSource

RECORDINGS = Path(__file__).parents[2] / "data" / "wire"
PUMP = app("pump")
AT = "/api/v1/apps/pump"
T = TypeVar("T")
HOT = FaultSpec("HOT", Severity.CRITICAL, "too hot", Debounce(2, 2), ("pressure", "nothing"), ("SMOKE",))


def typed(body: Any, shape: type[T]) -> T:
    return msgspec.json.decode(msgspec.json.encode(body), type=shape)


async def picky(value: Any) -> Refusal | None:
    return Refusal("the pump runs") if value in (0, 4.0) else None


RESOURCES = EntityResources(
    data={"pressure": HeldItem(HeldData(DataSpec("pressure", "p", DataType.DOUBLE, unit="bar"), 4.2), HandClock())},
    configurations=(
        Configuration("limit", 4.0, DataType.DOUBLE, unit="bar", range=ValueRange(0, 10), apply=picky),
        Configuration("mode", "auto", DataType.STRING, range=ValueRange(choices=("auto", "manual"))),
        Configuration("serial", "P-1", DataType.STRING, read_only=True, description="its number"),
    ),
    fault_specs=(HOT,),
)


@asynccontextmanager
async def pump(folder: Path) -> AsyncIterator[tuple[OwnEntities, Client]]:
    own = OwnEntities([ScriptedSource(PUMP, RESOURCES)], clock=HandClock(), storage=Storage(folder, clock=HandClock()))
    async with owning(own) as client:
        yield own, client


async def fail(own: OwnEntities) -> None:
    """From now on its disk takes nothing."""
    assert own.storage is not None
    assert own.storage._file is not None
    await own.storage._file.execute_fetchall("PRAGMA query_only = 1")


async def test_every_answer_about_faults_has_its_type(tmp_path: Path) -> None:
    async with pump(tmp_path) as (own, client):
        for code, count in (("HOT", 2), ("SMOKE", 1), ("OVER", 1), ("AGAIN", 1)):
            for _ in range(count):
                assert await own.faults.raise_fault(PUMP, code) is None
        await own.faults.heal_fault(PUMP, "OVER")
        await own.faults.heal_fault(PUMP, "HOT")
        await eventually(lambda: own.faults.book.snapshot(PUMP, "HOT"))
        for path in ("/api/v1/faults?status=all", f"{AT}/faults?status=all"):
            items = typed((await client.get(path)).json["items"], list[OwnFaultItem])
            assert [(item.fault_code, item.status) for item in items] == [
                ("HOT", "PREPASSED"),
                ("SMOKE", "CONFIRMED"),
                ("OVER", "HEALED"),
                ("AGAIN", "CONFIRMED"),
            ]
        for code in ("HOT", "SMOKE", "OVER", "AGAIN"):
            detail = typed((await client.get(f"{AT}/faults/{code}")).json, FaultDetail)
            assert detail.environment_data.extended_data_records.first_occurrence
            assert detail.item.code == code
        assert len(typed((await client.get(f"{AT}/faults/HOT")).json, FaultDetail).environment_data.snapshots) == 2
        assert (await client.request("DELETE", f"{AT}/faults/HOT")).status == 204
        assert [item["fault_code"] for item in (await client.get(f"{AT}/faults")).json["items"]] == ["AGAIN"]
        refused(await client.get(f"{AT}/faults/NOTHING"), 404, "resource-not-found")
        refused(await client.request("DELETE", f"{AT}/faults/NOTHING"), 404, "resource-not-found")
        refused(await client.get(f"{AT}/faults?status=bad"), 400, "invalid-parameter")
        await fail(own)
        refused(await client.request("DELETE", f"{AT}/faults/AGAIN"), 503, "service-unavailable")
        refused(await client.request("DELETE", "/api/v1/faults"), 503, "service-unavailable")
        partly = await client.request("DELETE", f"{AT}/faults")
        assert partly.status == 207
        assert partly.json["results"][0]["success"] is False
        assert [item["fault_code"] for item in (await client.get(f"{AT}/faults")).json["items"]] == ["AGAIN"]


async def test_a_fault_that_clients_clear_while_it_is_being_confirmed_counts_anew(tmp_path: Path) -> None:
    async with pump(tmp_path) as (own, client):
        assert await own.faults.raise_fault(PUMP, "HOT") is None
        for _ in range(8):
            reports = [own.faults.raise_fault(PUMP, "HOT") for _ in range(3)]
            clears = [client.request("DELETE", path) for path in (f"{AT}/faults/HOT", f"{AT}/faults", "/api/v1/faults")]
            done = await asyncio.gather(reports[0], clears[0], reports[1], clears[1], reports[2], clears[2])
            assert [done[0], done[2], done[4]] == [None] * 3
            for answer in (done[1], done[3], done[5]):
                assert isinstance(answer, Answer)
                assert answer.status == 204
        history = typed((await client.get(f"{AT}/faults/HOT")).json, FaultDetail).medkit.history
        assert isinstance(history, list)
        steps = {(before.status, after.status) for before, after in itertools.pairwise(history)}
        assert steps <= {
            ("PREFAILED", "CONFIRMED"),
            ("PREFAILED", "CLEARED"),
            ("CONFIRMED", "CLEARED"),
            ("CLEARED", "PREFAILED"),
        }
        assert ("CLEARED", "PREFAILED") in steps


class Both:
    """A Function of two Apps that others offer."""

    offer = Offer(GatewayTree(functions=(Function("both", hosts=("pump", "spare")),)))

    async def start(self) -> None: ...

    async def run(self, changed: Changed) -> None: ...

    async def close(self) -> None: ...


async def test_of_two_members_that_know_a_fault_the_one_where_it_is_not_over_is_read() -> None:
    spare = app("spare")
    own = OwnEntities([Both(), *(ScriptedSource(ref, EntityResources()) for ref in (PUMP, spare))], clock=HandClock())
    async with owning(own) as client:
        for ref in (PUMP, spare):
            await own.faults.raise_fault(ref, "HOT", description=f"hot at {ref.id}")

        async def shown() -> tuple[Any, str]:
            detail = typed((await client.get("/api/v1/functions/both/faults/HOT")).json, FaultDetail)
            return detail.item.fault_name, detail.item.status.aggregated_status

        assert await shown() == ("hot at pump", "active")
        await client.request("DELETE", f"{AT}/faults/HOT")
        (listed,) = (await client.get("/api/v1/functions/both/faults")).json["items"]
        assert await shown() == (listed["description"], "active") == ("hot at spare", "active")
        await client.request("DELETE", "/api/v1/functions/both/faults/HOT")
        assert await shown() == ("hot at pump", "cleared")


async def test_every_event_of_the_stream_has_its_type(tmp_path: Path) -> None:
    async with (
        pump(tmp_path) as (own, client),
        client.session.get(f"http://127.0.0.1:{client.port}/api/v1/faults/stream") as response,
    ):
        for code in ("SMOKE", "HOT", "HOT"):
            await own.faults.raise_fault(PUMP, code)
        await own.faults.clear(PUMP, "HOT")
        found: list[FaultEvent] = []
        while len(found) < 5:
            line = await response.content.readline()
            if line.startswith(b"data: "):
                found.append(msgspec.json.decode(line[6:], type=FaultEvent))
        assert [(event.event_type, event.fault.fault_code) for event in found] == [
            ("fault_confirmed", "SMOKE"),
            ("fault_updated", "HOT"),
            ("fault_confirmed", "HOT"),
            ("fault_cleared", "HOT"),
            ("fault_cleared", "SMOKE"),
        ]
        assert found[3].auto_cleared_codes == ["SMOKE"]


async def test_every_answer_about_configurations_has_its_type(tmp_path: Path) -> None:
    async with pump(tmp_path) as (own, client):
        listed = (await client.get(f"{AT}/configurations")).json
        items = typed(listed["items"], list[ConfigurationItem])
        parameters = typed(listed["x-medkit"]["parameters"], list[Parameter])
        assert [item.id for item in items] == [one.name for one in parameters] == ["limit", "mode", "serial"]
        for item in items:
            read = typed((await client.get(f"{AT}/configurations/{item.id}")).json, OwnConfigurationRead)
            assert read.data == read.value == read.medkit.parameter.value
        for body in ({"data": 5}, {"value": 5}):
            written = await client.request("PUT", f"{AT}/configurations/limit", json=body)
            assert typed(written.json, OwnConfigurationRead).data == 5.0
        for item_id, value, status, code in (
            ("limit", 11, 400, "invalid-parameter"),
            ("limit", "x", 400, "invalid-parameter"),
            ("limit", 0, 409, "precondition-not-fulfilled"),
            ("mode", "other", 400, "invalid-parameter"),
            ("serial", "P-2", 403, "vendor-error"),
            ("nothing", 1, 404, "resource-not-found"),
        ):
            refused(await client.request("PUT", f"{AT}/configurations/{item_id}", json={"data": value}), status, code)
        refused(await client.request("PUT", f"{AT}/configurations/limit", json={}), 400, "invalid-request")
        partly = await client.request("DELETE", f"{AT}/configurations")
        assert partly.status == 207
        results = typed(partly.json, ResetResults)
        (result,) = results.results
        assert (results.entity_id, results.reset_count, results.failed_count) == ("pump", 0, 1)
        assert (result.app_id, result.success, result.error) == (
            "pump",
            False,
            "1 of 3 configurations were not reset",
        )
        assert result.details == [{"id": "limit", "error": "The value was refused by 'pump': the pump runs"}]
        assert (await client.request("DELETE", f"{AT}/configurations/mode")).status == 204
        await fail(own)
        write = await client.request("PUT", f"{AT}/configurations/mode", json={"data": "manual"})
        refused(write, 503, "service-unavailable")
        assert (await client.get(f"{AT}/configurations/mode")).json["data"] == "auto"


def refused(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, typed(answer.json, Refused).error_code) == (status, code)


async def test_an_entity_without_any_has_empty_lists() -> None:
    bare = EntityRef(PUMP.kind, "bare")
    async with owning(OwnEntities([ScriptedSource(bare, EntityResources())], clock=HandClock())) as client:
        for collection in ("faults", "configurations"):
            assert (await client.get(f"/api/v1/apps/bare/{collection}")).json["items"] == []
            assert (await client.request("DELETE", f"/api/v1/apps/bare/{collection}")).status == 204


def recorded(collection: str) -> list[Mapping[str, Any]]:
    """What upstream answered about these."""
    found = [one for path in sorted(RECORDINGS.glob("*.json")) for one in _exchanges(path)]
    return [one for one in found if f"/{collection}" in one["request"] and one.get("answer")]


def _exchanges(path: Path) -> list[Mapping[str, Any]]:
    told = json.loads(path.read_text())
    return told if isinstance(told, list) else []


@pytest.mark.parametrize("exchange", recorded("faults"), ids=lambda one: one["request"])
def test_what_upstream_says_of_faults_has_the_types_that_ours_have(exchange: Mapping[str, Any]) -> None:
    answer = exchange["answer"]
    if exchange["status"] >= 400:
        typed(answer, Refused)
    elif "items" in answer:
        typed(answer["items"], list[FaultItem])
    else:
        typed(answer, FaultDetail)


@pytest.mark.parametrize("exchange", recorded("configurations"), ids=lambda one: one["request"])
def test_what_upstream_says_of_configurations_has_the_types_that_ours_have(exchange: Mapping[str, Any]) -> None:
    answer = exchange["answer"]
    if exchange["status"] >= 400:
        typed(answer, Refused)
    elif "items" in answer:
        typed(answer["items"], list[ConfigurationItem])
        typed(answer["x-medkit"].get("parameters", []), list[Parameter])
    else:
        typed(answer, ConfigurationRead)


def test_upstream_was_recorded() -> None:
    assert len(recorded("faults")) > 10
    assert len(recorded("configurations")) > 10
