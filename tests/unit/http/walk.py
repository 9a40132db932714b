"""A walk over all that may be read of an entity: each list, each id in it sent back, each answer of its type."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from tests.unit.http.answer_types import (
    ConfigurationList,
    DataList,
    FaultItem,
    FaultList,
    GlobalFaults,
    LogConfiguration,
    LogItem,
    LogList,
    MembersFaults,
    MembersLogs,
    OperationsList,
    StatusDocument,
)
from tests.unit.local.data_types import OwnRead, Refused
from tests.unit.local.fault_types import FaultDetail, OwnConfigurationRead
from tests.unit.local.operation_types import ExecutionList, OperationDetail

T = TypeVar("T")
Get = Callable[[str], Awaitable[Any]]
"""Asks for a path below `/api/v1`; the answer has `status` and `json`."""


@dataclass
class Seen:
    """What the walk found: ids of items, and the values behind them."""

    data: dict[str, Any] = field(default_factory=dict)
    operations: list[str] = field(default_factory=list)
    configurations: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)


def typed(answer: Any, shape: type[T], status: int = 200) -> T:
    """The body, of this type, with this status."""
    assert answer.status == status, (status, answer.json)
    return msgspec.json.decode(msgspec.json.encode(answer.json), type=shape)


async def walk(get: Get, entity: str) -> Seen:
    """Everything of an entity such as `apps/pump`. Fails where an answer is not of its type, or an id is not found."""
    seen = Seen()
    is_app = entity.startswith("apps/")
    for item in typed(await get(f"/{entity}/data"), DataList).items:
        answer = await get(f"/{entity}/data/{quote(item.id, safe='')}")
        if item.medkit.error is msgspec.UNSET:
            read = typed(answer, OwnRead)
            assert read.id == item.id
            assert read.data == read.value
            seen.data[item.id] = read.data
        else:
            typed(answer, Refused, 503)
    for operation in typed(await get(f"/{entity}/operations"), OperationsList).items:
        path = f"/{entity}/operations/{quote(operation.id, safe='')}"
        assert typed(await get(path), OperationDetail).item.id == operation.id
        typed(await get(f"{path}/executions"), ExecutionList)
        seen.operations.append(operation.id)
    configurations = typed(await get(f"/{entity}/configurations"), ConfigurationList)
    parameters = configurations.medkit.parameters
    for at, configuration in enumerate(configurations.items):
        read_back = typed(
            await get(f"/{entity}/configurations/{quote(configuration.id, safe='')}"), OwnConfigurationRead
        )
        assert not isinstance(parameters, msgspec.UnsetType)
        assert (read_back.id, read_back.data) == (configuration.id, parameters[at].value)
        seen.configurations[configuration.id] = read_back.data
    listed = await get(f"/{entity}/faults?status=all")
    found: list[FaultItem] = typed(listed, FaultList).items if is_app else typed(listed, MembersFaults).items
    for fault in found:
        assert typed(await get(f"/{entity}/faults/{quote(fault.fault_code, safe='')}"), FaultDetail).item.code
        seen.faults.append(fault.fault_code)
    log = await get(f"/{entity}/logs")
    entries: list[LogItem] = typed(log, LogList).items if is_app else typed(log, MembersLogs).items
    seen.logs = [entry.message for entry in entries]
    typed(await get(f"/{entity}/logs/configuration"), LogConfiguration)
    if entity.startswith(("apps/", "components/")):
        typed(await get(f"/{entity}/status"), StatusDocument)
    else:
        typed(await get(f"/{entity}/status"), Refused, 404)
    assert len({*seen.operations}) == len(seen.operations)
    assert len(seen.configurations) == len(configurations.items)
    await _unknown(get, entity)
    return seen


async def _unknown(get: Get, entity: str) -> None:
    """What there is not says so, and is asked for nowhere else."""
    for path, status in (
        ("data/nothing", 404),
        ("operations/nothing", 404),
        ("operations/nothing/executions", 404),
        ("operations/nothing/executions/1", 404),
        ("configurations/nothing", 404),
        ("faults/NOTHING", 404),
        ("faults?status=some", 400),
        ("logs?severity=loud", 400),
        (f"logs?context={'x' * 257}", 400),
        ("logs/nothing", 404),
        ("nothing", 404),
    ):
        typed(await get(f"/{entity}/{path}"), Refused, status)


async def walk_faults(get: Get) -> list[tuple[str, str]]:
    """(code, who reports it) of `/faults`."""
    found = typed(await get("/faults?status=all"), GlobalFaults)
    typed(await get("/faults?status=some"), Refused, 400)
    assert found.medkit.count == len(found.items)
    return [(fault.fault_code, reporter) for fault in found.items for reporter in fault.reporting_sources]
