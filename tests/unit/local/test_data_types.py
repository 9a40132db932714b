"""What data routes answer has the types that clients rely on: ours, and what upstream was recorded to say."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from gateway.local.answers import ItemAnswer, ResourceError
from gateway.local.own import OwnEntities
from tests.unit.local.conftest import MakeOwn, app
from tests.unit.local.data_types import ListItem, OwnListItem, OwnRead, OwnWritten, Read, Refused, Written

RECORDINGS = Path(__file__).parents[2] / "data" / "wire"
PUMP = app("pump")
T = TypeVar("T")

MANIFEST = """
apps:
  - id: pump
    data:
      - {id: held, value: 4.2, unit: bar, writable: true, min: 0, max: 10, step: 0.1}
      - {id: waiting, type: object, writable: true}
      - {id: choice, value: a, enum: [a, b], category: x-words}
      - {id: text, value: P-1, pattern: "P-.*", category: identData, writable: true}
      - {id: flag, value: true}
      - {id: list, value: [1, {a: null}]}
      - {id: level, file: level, type: int, min: 0, max: 100, writable: true}
      - {id: command, command: [echo, "7"], type: int, timeout: 60}
      - {id: broken, command: ["false"], timeout: 60, write: ["false"]}
      - {id: gone, file: gone, write: [no-such-program]}
      - {id: slow, command: [sleep, "1000"], write: {command: [sleep, "1000"], timeout: 0.05}, timeout: 0.05}
      - {id: /with/slashes, name: With slashes, psutil: cpu_count, timeout: 60}
"""
IDS = ("held", "waiting", "choice", "text", "flag", "list", "level", "command", "broken", "gone", "slow")


def typed(body: Any, shape: type[T]) -> T:
    """The body as the type, after a journey as JSON; strict."""
    return msgspec.json.decode(msgspec.json.encode(body), type=shape)


@pytest.fixture
async def own(make_own: MakeOwn, tmp_path: Path) -> AsyncIterator[OwnEntities]:
    (tmp_path / "level").write_text("101")
    own = make_own(MANIFEST)
    yield own
    await own.close()


async def test_every_list_item_has_its_type(own: OwnEntities) -> None:
    for item_id in (*IDS, "/with/slashes"):
        await own.data_item(PUMP, item_id)
    items = {item.id: item for item in typed(await own.data_items(PUMP), list[OwnListItem])}
    assert set(items) == {*IDS, "/with/slashes"}
    assert {item_id for item_id, item in items.items() if item.value is msgspec.UNSET} == {
        "waiting",
        "broken",
        "gone",
        "slow",
    }
    assert (items["held"].medkit.minimum, items["held"].medkit.maximum, items["held"].medkit.step) == (0, 10, 0.1)
    assert (items["choice"].medkit.choices, items["text"].medkit.pattern) == (["a", "b"], "P-.*")
    assert items["level"].medkit.out_of_range is True
    for item_id in ("broken", "gone", "slow"):
        error = items[item_id].medkit.error
        assert error is not msgspec.UNSET
        assert error.error_code == "service-unavailable"


@pytest.mark.parametrize("item_id", [*IDS, "/with/slashes", "nothing"])
async def test_every_answer_to_a_read_has_its_type(own: OwnEntities, item_id: str) -> None:
    answer = await own.data_item(PUMP, item_id)
    if isinstance(answer, ItemAnswer):
        read = typed(answer.body, OwnRead)
        assert (read.id, read.data, read.medkit.entity_id) == (item_id, read.value, "pump")
        typed(answer.body, Read)
    else:
        assert answer.status == (404 if item_id == "nothing" else 503)
        typed(_refusal(answer), Refused)


def _refusal(error: ResourceError) -> Mapping[str, Any]:
    body: dict[str, Any] = {"error_code": error.code, "message": error.message, "parameters": dict(error.parameters)}
    return body if error.vendor_code is None else {**body, "vendor_code": error.vendor_code}


@pytest.mark.parametrize("spelling", [lambda x: {"type": "t", "data": x}, lambda x: {"value": x}])
@pytest.mark.parametrize(
    ("item_id", "value", "status"),
    [
        ("held", 4.5, 200),
        ("waiting", {"a": 1}, 200),
        ("level", 7, 200),
        ("text", "P-2", 200),
        ("held", 11, 400),
        ("held", "x", 400),
        ("text", "Q", 400),
        ("flag", False, 403),
        ("nothing", 1, 404),
        ("broken", "x", 502),
        ("gone", "x", 503),
        ("slow", "x", 504),
    ],
)
async def test_every_answer_to_a_write_has_its_type(
    own: OwnEntities, item_id: str, value: Any, status: int, spelling: Callable[[Any], Any]
) -> None:
    answer = await own.write_data(PUMP, item_id, spelling(value))
    assert answer.status == status
    if isinstance(answer, ItemAnswer):
        written = typed(answer.body, OwnWritten)
        assert (written.id, written.data, written.value) == (item_id, value, value)
    else:
        typed(_refusal(answer), Refused)


def recorded(method: str) -> list[Mapping[str, Any]]:
    """What upstream answered on its data routes."""
    exchanges = [one for path in sorted(RECORDINGS.glob("*.json")) for one in _exchanges(path)]
    return [one for one in exchanges if one["request"].startswith(method) and "/data" in one["request"]]


def _exchanges(path: Path) -> list[Mapping[str, Any]]:
    told = json.loads(path.read_text())
    return told if isinstance(told, list) else []


@pytest.mark.parametrize("exchange", recorded("GET "), ids=lambda one: one["request"])
def test_what_upstream_answers_has_the_types_that_ours_have(exchange: Mapping[str, Any]) -> None:
    answer = exchange["answer"]
    if exchange["status"] >= 400:
        typed(answer, Refused)
    elif "items" in answer:
        typed(answer["items"], list[ListItem])
    else:
        typed(answer, Read)


@pytest.mark.parametrize("exchange", recorded("PUT "), ids=lambda one: one["request"])
def test_what_upstream_answers_to_a_write_has_the_types_that_ours_have(exchange: Mapping[str, Any]) -> None:
    typed(exchange["answer"], Refused if exchange["status"] >= 400 else Written)


def test_upstream_was_recorded() -> None:
    assert len(recorded("GET ")) > 10
    assert len(recorded("PUT ")) > 1
