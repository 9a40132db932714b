"""Data items are listed, read and written in the shapes of the recorded answers."""

import os
from pathlib import Path
from typing import Any

import pytest
import structlog

from gateway.local.answers import ItemAnswer, ResourceError
from gateway.local.decoding import VALUE_LIMIT_BYTES
from gateway.local.own import OwnEntities
from tests.unit.local.conftest import START_NS, HandClock, MakeOwn, app, component

PRESSURE = """
apps:
  - id: hydraulics
    data:
      - {id: pressure, name: Pressure, value: 4.2, unit: bar, writable: true}
      - {id: serial, value: A-1, category: identData}
      - {id: setpoints, type: object, writable: true}
"""
HYDRAULICS = app("hydraulics")


@pytest.fixture
def own(make_own: MakeOwn) -> OwnEntities:
    return make_own(PRESSURE)


def temperature(make_own: MakeOwn, data_type: str = "int") -> OwnEntities:
    """Reads `temp.txt` in the folder of the manifest."""
    return make_own(f"apps: [{{id: cpu, data: [{{id: temp, file: temp.txt, type: {data_type}, unit: m°C}}]}}]")


async def read(own: OwnEntities) -> ItemAnswer | ResourceError:
    return await own.data_item(app("cpu"), "temp")


async def value_of(own: OwnEntities, item_id: str) -> Any:
    answer = await own.data_item(HYDRAULICS, item_id)
    assert isinstance(answer, ItemAnswer)
    assert answer.body is not None
    return answer.body["data"]


async def test_a_list_has_all_items_with_the_values_at_hand(own: OwnEntities) -> None:
    pressure, serial, setpoints = await own.data_items(HYDRAULICS)
    assert pressure == {
        "id": "pressure",
        "name": "Pressure",
        "category": "currentData",
        "data_type": "double",
        "unit": "bar",
        "writable": True,
        "value": 4.2,
        "x-medkit": {"type": "double", "access": "read-write", "direction": "both", "timestamp": START_NS},
    }
    assert serial == {
        "id": "serial",
        "name": "serial",
        "category": "identData",
        "data_type": "string",
        "writable": False,
        "value": "A-1",
        "x-medkit": {"type": "string", "access": "read-only", "direction": "publish", "timestamp": START_NS},
    }
    assert "value" not in setpoints


async def test_an_item_is_read_with_both_spellings_of_its_value(own: OwnEntities) -> None:
    assert await own.data_item(HYDRAULICS, "pressure") == ItemAnswer(
        200,
        {
            "id": "pressure",
            "data": 4.2,
            "value": 4.2,
            "unit": "bar",
            "x-medkit": {
                "entity_id": "hydraulics",
                "timestamp": START_NS,
                "status": "data",
                "type": "double",
                "access": "read-write",
                "direction": "both",
            },
        },
    )


async def test_an_item_without_a_value_yet_has_only_metadata(own: OwnEntities) -> None:
    answer = await own.data_item(HYDRAULICS, "setpoints")
    assert isinstance(answer, ItemAnswer)
    assert answer.body is not None
    assert (answer.body["data"], answer.body["x-medkit"]["status"]) == ({}, "metadata_only")


@pytest.mark.parametrize("ref", [app("nobody"), component("hydraulics")])
async def test_an_entity_without_data_has_an_empty_list(own: OwnEntities, ref: Any) -> None:
    assert await own.data_items(ref) == []


async def test_an_unknown_item_is_not_found(own: OwnEntities) -> None:
    missing = ResourceError(
        404, "resource-not-found", "Data item not found", {"entity_id": "hydraulics", "id": "nothing"}
    )
    assert await own.data_item(HYDRAULICS, "nothing") == missing
    assert await own.write_data(HYDRAULICS, "nothing", {"value": 1}) == missing


@pytest.mark.parametrize(
    "body", [{"type": "double", "data": 5}, {"value": 5.0}, {"value": {"type": "std_msgs/msg/Float32", "data": 5}}]
)
async def test_a_value_is_written_in_each_spelling(own: OwnEntities, clock: HandClock, body: Any) -> None:
    clock.advance(2)
    assert await own.write_data(HYDRAULICS, "pressure", body) == ItemAnswer(
        200,
        {
            "id": "pressure",
            "data": 5.0,
            "value": 5.0,
            "x-medkit": {"entity_id": "hydraulics", "status": "written"},
        },
    )
    answer = await own.data_item(HYDRAULICS, "pressure")
    assert isinstance(answer, ItemAnswer)
    assert answer.body is not None
    assert answer.body["value"] == 5.0
    assert answer.body["x-medkit"]["timestamp"] == START_NS + 2_000_000_000


async def test_an_object_is_written_whole(own: OwnEntities) -> None:
    await own.write_data(HYDRAULICS, "setpoints", {"value": {"data": 1}})
    assert await value_of(own, "setpoints") == {"data": 1}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"data": 1}, 'type: missing required field; {"value": ...} needs no type'),
        ({"type": "double"}, "data: missing required field"),
        ({}, "type: missing required field; data: missing required field"),
        ({"type": 7, "data": 1}, "type: expected a string"),
        ([1], "Request body must be a JSON object: {type, data} or {value}"),
        (None, "Request body must be a JSON object: {type, data} or {value}"),
    ],
)
async def test_a_body_of_another_shape_is_refused_before_the_item_is_looked_up(
    own: OwnEntities, body: Any, message: str
) -> None:
    for item_id in ("pressure", "nothing"):
        assert await own.write_data(HYDRAULICS, item_id, body) == ResourceError(400, "invalid-request", message)


async def test_an_item_is_also_found_by_its_name_and_without_its_slash(make_own: MakeOwn) -> None:
    own = make_own("""
        apps:
          - id: hydraulics
            data:
              - {id: /tank/level, name: Level, value: 1, writable: true}
              - {id: Level, value: 2}
              - {id: low, name: /tank/low, value: 3}
              - {id: high, name: low, value: 4}
        """)
    found = {word: await value_of(own, word) for word in ("/tank/level", "tank/level", "//tank/level")}
    assert set(found.values()) == {1}
    assert [await value_of(own, word) for word in ("Level", "low", "tank/low", "/tank/low")] == [2, 3, 3, 3]
    answer = await own.data_item(HYDRAULICS, "tank/level")
    assert isinstance(answer, ItemAnswer)
    assert answer.body is not None
    assert answer.body["id"] == "tank/level"
    await own.write_data(HYDRAULICS, "tank/level", {"value": 9})
    assert await value_of(own, "/tank/level") == 9


@pytest.mark.parametrize("value", ["warm", None, True, [1.0]])
async def test_a_value_of_another_type_is_refused_and_changes_nothing(own: OwnEntities, value: Any) -> None:
    answer = await own.write_data(HYDRAULICS, "pressure", {"type": "double", "data": value})
    assert isinstance(answer, ResourceError)
    assert (answer.status, answer.code) == (400, "invalid-parameter")
    assert "allowed is double" in answer.message
    assert await value_of(own, "pressure") == 4.2


async def test_a_read_only_item_is_not_written(own: OwnEntities) -> None:
    answer = await own.write_data(HYDRAULICS, "serial", {"value": "B-2"})
    assert isinstance(answer, ResourceError)
    assert (answer.status, answer.vendor_code) == (403, "x-medkit-data-read-only")
    assert await value_of(own, "serial") == "A-1"


async def test_a_file_is_read_each_time_it_is_asked(make_own: MakeOwn, tmp_path: Path) -> None:
    own = temperature(make_own)
    for value in (47250, 48000):
        (tmp_path / "temp.txt").write_text(f"{value}\n")
        answer = await read(own)
        assert isinstance(answer, ItemAnswer)
        assert answer.body is not None
        assert (answer.body["data"], answer.body["unit"]) == (value, "m°C")


async def test_a_list_has_what_files_say(make_own: MakeOwn, tmp_path: Path) -> None:
    own = temperature(make_own)
    (tmp_path / "temp.txt").write_text("1")
    (item,) = await own.data_items(app("cpu"))
    assert (item["value"], item["x-medkit"]["timestamp"]) == (1, START_NS)
    assert "error" not in item["x-medkit"]


async def test_a_failing_file_is_the_error_of_its_item_alone(make_own: MakeOwn, tmp_path: Path) -> None:
    own = make_own("apps: [{id: cpu, data: [{id: temp, file: temp.txt}, {id: cores, value: 4}]}]")
    answer = await read(own)
    assert isinstance(answer, ResourceError)
    assert (answer.status, answer.code) == (503, "service-unavailable")
    assert "No such file" in answer.message
    assert str(tmp_path) not in str(answer)
    temp, cores = await own.data_items(app("cpu"))
    assert temp["x-medkit"]["error"] == {"error_code": "service-unavailable", "message": answer.message}
    assert cores["value"] == 4
    (tmp_path / "temp.txt").write_text("warm")
    assert isinstance(await read(own), ItemAnswer)
    assert "error" not in (await own.data_items(app("cpu")))[0]["x-medkit"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"warm", "found 'warm', allowed is int"),
        (b"", "found '', allowed is int"),
        (b"\xff\xfe", "not UTF-8"),
        (b"1" * (VALUE_LIMIT_BYTES + 1), f"larger than {VALUE_LIMIT_BYTES} bytes"),
    ],
)
async def test_a_file_that_does_not_fit_says_why(make_own: MakeOwn, tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "temp.txt").write_bytes(content)
    answer = await read(temperature(make_own))
    assert isinstance(answer, ResourceError)
    assert words in answer.message


async def test_a_file_of_the_limit_is_a_value(make_own: MakeOwn, tmp_path: Path) -> None:
    (tmp_path / "temp.txt").write_bytes(b"x" * VALUE_LIMIT_BYTES)
    assert isinstance(await read(temperature(make_own, "string")), ItemAnswer)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
async def test_what_is_no_regular_file_is_not_waited_for(make_own: MakeOwn, tmp_path: Path, make: Any) -> None:
    make(tmp_path / "temp.txt")
    assert isinstance(await read(temperature(make_own)), ResourceError)


async def test_a_device_without_end_is_not_read(make_own: MakeOwn) -> None:
    own = make_own("apps: [{id: cpu, data: [{id: temp, file: /dev/zero}]}]")
    assert isinstance(await read(own), ResourceError)


async def test_a_file_is_never_written(make_own: MakeOwn, tmp_path: Path) -> None:
    (tmp_path / "temp.txt").write_text("1")
    answer = await temperature(make_own).write_data(app("cpu"), "temp", {"value": 2})
    assert isinstance(answer, ResourceError)
    assert answer.status == 403
    assert (tmp_path / "temp.txt").read_text() == "1"


async def test_a_failing_file_is_logged_when_it_begins_and_when_it_ends(make_own: MakeOwn, tmp_path: Path) -> None:
    own = temperature(make_own)
    with structlog.testing.capture_logs() as logs:
        await read(own)
        await read(own)
        (tmp_path / "temp.txt").write_text("1")
        await read(own)
        await read(own)
    assert [(line["event"], line["item"]) for line in logs] == [
        ("data item unreadable", "temp"),
        ("data item readable again", "temp"),
    ]
