"""Configurations are listed, read, written and reset in the shapes of the recorded answers."""

from typing import Any

import pytest

from gateway.local.answers import ConfigurationList, ItemAnswer, ResourceError
from gateway.local.configuration_store import ResetReport
from gateway.local.own import OwnEntities
from tests.unit.local.conftest import MakeOwn, app

SENSOR = app("pressure_sensor")
MANIFEST = """
apps:
  - id: pressure_sensor
    ros_binding: {node_name: pressure_sensor, namespace: /chassis/brakes}
    configurations:
      - {id: mode, value: auto, read_only: true, description: how it works}
      - {id: offset, value: 0.5}
  - id: plc
    configurations: [{id: offset, value: 1}]
"""


@pytest.fixture
def own(make_own: MakeOwn) -> OwnEntities:
    return make_own(MANIFEST)


def recorded(value: float) -> dict[str, Any]:
    """Upstream's answer for this configuration, and the value in the older spelling."""
    return {
        "data": value,
        "value": value,
        "id": "offset",
        "x-medkit": {
            "entity_id": "pressure_sensor",
            "parameter": {
                "description": "",
                "name": "offset",
                "read_only": False,
                "type": "double",
                "value": value,
            },
            "ros2": {"node": "/chassis/brakes/pressure_sensor"},
            "source": "runtime",
        },
    }


async def test_the_list_has_items_and_parameters(own: OwnEntities) -> None:
    assert own.configurations.items(SENSOR) == ConfigurationList(
        items=(
            {"id": "mode", "name": "mode", "type": "parameter"},
            {"id": "offset", "name": "offset", "type": "parameter"},
        ),
        parameters=(
            {
                "name": "mode",
                "value": "auto",
                "type": "string",
                "read_only": True,
                "description": "how it works",
            },
            {"name": "offset", "value": 0.5, "type": "double", "read_only": False, "description": ""},
        ),
    )


async def test_an_entity_without_configurations_has_an_empty_list(own: OwnEntities) -> None:
    assert own.configurations.items(app("nobody")) == ConfigurationList()


async def test_one_is_read_as_recorded(own: OwnEntities) -> None:
    assert own.configurations.item(SENSOR, "offset") == ItemAnswer(200, recorded(0.5))


async def test_an_app_without_a_node_names_none(own: OwnEntities) -> None:
    answer = own.configurations.item(app("plc"), "offset")
    assert isinstance(answer, ItemAnswer)
    assert answer.body is not None
    assert "ros2" not in answer.body["x-medkit"]


@pytest.mark.parametrize("body", [{"data": 0.7}, {"value": 0.7}])
async def test_a_write_answers_with_the_new_value_as_recorded(own: OwnEntities, body: Any) -> None:
    assert await own.configurations.write(SENSOR, "offset", body) == ItemAnswer(200, recorded(0.7))
    assert own.configurations.item(SENSOR, "offset") == ItemAnswer(200, recorded(0.7))
    assert own.configurations.items(SENSOR).parameters[1]["value"] == 0.7


@pytest.mark.parametrize("body", [{}, {"other": 1}, [], None, "data"])
async def test_a_body_without_data_is_refused_as_recorded(own: OwnEntities, body: Any) -> None:
    for item_id in ("offset", "nothing"):
        assert await own.configurations.write(SENSOR, item_id, body) == ResourceError(
            400, "invalid-request", "Request body must contain a 'data' field"
        )


@pytest.mark.parametrize("value", ["0.7", None, False])
async def test_a_value_of_another_type_is_refused_and_changes_nothing(own: OwnEntities, value: Any) -> None:
    answer = await own.configurations.write(SENSOR, "offset", {"data": value})
    assert isinstance(answer, ResourceError)
    assert (answer.status, answer.code) == (400, "invalid-parameter")
    assert own.configurations.item(SENSOR, "offset") == ItemAnswer(200, recorded(0.5))


async def test_a_read_only_one_is_not_written(own: OwnEntities) -> None:
    answer = await own.configurations.write(SENSOR, "mode", {"data": "manual"})
    assert isinstance(answer, ResourceError)
    assert (answer.status, answer.code) == (403, "vendor-error")
    assert answer.vendor_code == "x-medkit-ros2-parameter-read-only"


async def test_an_unknown_one_is_not_found(own: OwnEntities) -> None:
    for answer in (
        own.configurations.item(SENSOR, "nothing"),
        await own.configurations.write(SENSOR, "nothing", {"data": 1}),
        await own.configurations.reset(SENSOR, "nothing"),
        own.configurations.item(app("nobody"), "offset"),
    ):
        assert isinstance(answer, ResourceError)
        assert (answer.status, answer.code) == (404, "resource-not-found")


async def test_a_reset_returns_to_the_default(own: OwnEntities) -> None:
    await own.configurations.write(SENSOR, "offset", {"data": 0.7})
    assert await own.configurations.reset(SENSOR, "offset") == ItemAnswer(204, None)
    assert own.configurations.item(SENSOR, "offset") == ItemAnswer(200, recorded(0.5))
    assert await own.configurations.reset(SENSOR, "mode") == ItemAnswer(204, None)


async def test_a_reset_of_all_leaves_other_entities_alone(own: OwnEntities) -> None:
    await own.configurations.write(SENSOR, "offset", {"data": 0.7})
    await own.configurations.write(app("plc"), "offset", {"data": 2})
    assert await own.configurations.reset_all(SENSOR) == ResetReport(2)
    assert own.configurations.item(SENSOR, "offset") == ItemAnswer(200, recorded(0.5))
    assert own.configurations.items(app("plc")).parameters[0]["value"] == 2
