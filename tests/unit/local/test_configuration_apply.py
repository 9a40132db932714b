"""Values of a manifest's configurations go to a file, a command or a device before they count."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.local.answers import ItemAnswer, ResourceError
from gateway.local.own import OwnEntities
from tests.unit.local.conftest import MakeOwn, app

FAN = app("fan")
SCRIPT = """#!/bin/sh
[ "$1" -le 50 ] || { echo too fast >&2; exit 3; }
echo "$1" >> told
"""


@pytest.fixture
async def own(make_own: MakeOwn, tmp_path: Path) -> AsyncIterator[OwnEntities]:
    script = tmp_path / "set-fan"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    found = make_own("""
        apps:
          - id: fan
            configurations:
              - {id: speed, value: 40, apply: [./set-fan, "{value}"]}
              - {id: banner, value: Welcome, apply: {file: banner.txt}}
              - {id: lost, value: 1, apply: [./no-such-program, "{value}"]}
              - {id: slow, value: 1, apply: {command: "sleep 20 #", shell: true, timeout: 0.2}}
    """)
    yield found
    await found.close()


async def write(own: OwnEntities, item: str, value: Any) -> tuple[int, str]:
    answer = await own.configurations.write(FAN, item, {"data": value})
    return (answer.status, answer.message) if isinstance(answer, ResourceError) else (answer.status, "")


def value_of(own: OwnEntities, item: str) -> Any:
    answer = own.configurations.item(FAN, item)
    assert isinstance(answer, ItemAnswer)
    assert answer.body is not None
    return answer.body["data"]


async def test_a_command_is_told_and_may_refuse(own: OwnEntities, tmp_path: Path) -> None:
    assert await write(own, "speed", 45) == (200, "")
    status, message = await write(own, "speed", 90)
    assert status == 409
    assert message.startswith("The value was refused by 'fan': ")
    assert value_of(own, "speed") == 45
    assert (await own.configurations.reset(FAN, "speed")).status == 204
    assert (tmp_path / "told").read_text().split() == ["45", "40"]


async def test_a_file_has_the_value(own: OwnEntities, tmp_path: Path) -> None:
    assert await write(own, "banner", "Hello") == (200, "")
    assert (tmp_path / "banner.txt").read_text() == "Hello\n"


@pytest.mark.parametrize("item", ["lost", "slow"])
async def test_what_cannot_be_asked_changes_nothing(own: OwnEntities, item: str) -> None:
    status, message = await write(own, item, 2)
    assert (status, value_of(own, item)) == (503, 1)
    assert message.startswith(f"Configuration '{item}' could not be changed: ")


async def test_of_several_that_are_reset_each_tells_what_became_of_it(own: OwnEntities) -> None:
    await write(own, "speed", 45)
    await write(own, "banner", "Hello")
    report = await own.configurations.reset_all(FAN)
    assert (report.reset_count, report.failed) == (4, ())
    assert json.loads(json.dumps([value_of(own, "speed"), value_of(own, "banner")])) == [40, "Welcome"]
