"""Operations that run commands: whatever these do, there is one clear end, and nothing of them stays behind."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.local.command_operation import COMMAND_OUTPUT_BYTES
from gateway.local.operation_store import OperationStore
from tests.federation.eventually import eventually
from tests.unit.local.conftest import HandClock, Load, accepted
from tests.unit.local.operating import ARM, SOON, answered, declared, refused, shown


@pytest.fixture
def running(load: Load, clock: HandClock) -> Any:
    """The operations of an App, as a manifest declares them; `x` is the one that tests are about."""

    @asynccontextmanager
    async def running(*items: dict[str, Any], **x: Any) -> AsyncIterator[OperationStore]:
        operations = json.dumps([{"id": "x", **x}, *items])
        manifest = accepted(load(f"apps: [{{id: arm, operations: {operations}}}]"))
        async with declared(manifest, clock) as store:
            yield store

    return running


def has_ended(pid_file: Path) -> bool:
    """Whether the process whose id stands in the file is dead."""
    try:
        stat = Path(f"/proc/{int(pid_file.read_text())}/stat").read_text()
    except FileNotFoundError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


async def written(path: Path) -> None:
    await eventually(lambda: path.exists() and path.read_text().endswith("\n"))


async def run(store: OperationStore, **parameters: Any) -> Any:
    return await store.execute(ARM, "x", {"parameters": parameters}, patience_s=SOON)


async def started(store: OperationStore) -> str:
    body = answered(await run(store)).body
    assert body is not None
    return str(body["id"])


@pytest.mark.parametrize(
    ("said", "result"),
    [
        (r'{"a": 1}', {"a": 1}),
        (r"[1, 2]", {"result": [1, 2]}),
        (r"", {"output": []}),
        (r"one\ntwo\n", {"output": ["one", "two"]}),
        (r"\377\000", {"output_base64": base64.b64encode(b"\xff\x00").decode()}),
        (r'{"progress": 1}', {"progress": 1}),
    ],
)
async def test_what_a_command_says_is_the_result(running: Any, said: str, result: Any) -> None:
    async with running(command=["printf", said]) as store:
        assert answered(await run(store)).body == {"parameters": result}


async def test_parameters_are_whole_arguments_and_never_code(running: Any, tmp_path: Path) -> None:
    nasty = 'a b\'; touch pwned; "$(touch pwned)" `touch pwned` *'
    arguments = [
        {"name": "text", "required": True},
        {"name": "times", "type": "int", "default": 3},
        {"name": "dry", "type": "bool"},
    ]
    async with running(command=["printf", "%s|", "{text}", "times={times}"], arguments=arguments) as store:
        assert answered(await run(store, text=nasty)).body == {"parameters": {"output": [f"{nasty}|times=3|"]}}
    async with running(command="printf %s {text}; cat", shell=True, stdin="json", arguments=arguments) as store:
        body = answered(await run(store, text=nasty, dry=True)).body
        assert body is not None
        (said,) = body["parameters"]["output"]
        assert said.startswith(nasty)
        assert json.loads(said.removeprefix(nasty)) == {"text": nasty, "times": 3, "dry": True}
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.yaml"]


async def test_a_command_that_fails_says_how_and_why(running: Any) -> None:
    async with running(command="echo so; echo no water >&2; exit 3", shell=True) as store:
        error = refused(await run(store))
        assert (error.status, error.vendor_code) == (500, "x-medkit-operation-failed")
        assert "its command ended with exit code 3" in error.message
        assert error.parameters["details"] == {"exit_code": 3, "stderr": "no water"}


async def test_a_command_that_a_signal_ends_says_so(running: Any) -> None:
    async with running(command="kill -9 $$", shell=True) as store:
        assert "its command was ended by signal 9" in refused(await run(store)).message


async def test_a_command_that_is_not_there_is_said_not_to_be(running: Any) -> None:
    async with running(command=["./nope"]) as store:
        message = refused(await run(store)).message
        assert "its program cannot be used: No such file or directory" in message
        assert "nope" not in message


async def test_output_without_end_is_cut(running: Any) -> None:
    async with running(command="yes | head -c 3000000", shell=True) as store:
        body = answered(await run(store)).body
        assert body is not None
        result = body["parameters"]
        assert (len(result["output"]), result["truncated"]) == (65_536, True)


async def test_output_that_grows_as_json_still_fits_into_a_result(running: Any) -> None:
    async with running(command=r"head -c 3000000 /dev/zero | tr '\0' '\1'", shell=True) as store:
        body = answered(await run(store)).body
        assert body is not None
        assert body["parameters"]["output"] == ["\x01" * COMMAND_OUTPUT_BYTES]


async def test_a_command_that_hangs_is_ended_in_its_time(running: Any, tmp_path: Path) -> None:
    async with running(command="echo $$ > pid; sleep 1000 & wait", shell=True, timeout=0.5) as store:
        error = refused(await run(store))
        assert (error.status, error.code) == (504, "not-responding")
        assert error.parameters["may_have_executed"] is True
        assert has_ended(tmp_path / "pid")


async def test_a_command_that_ignores_the_request_to_end_is_killed(running: Any, tmp_path: Path) -> None:
    line = "trap '' TERM; echo $$ > pid; while :; do sleep 0.05; done"
    async with running(command=line, shell=True, asynchronous=True) as store:
        execution = await started(store)
        await written(tmp_path / "pid")
        assert answered(await store.delete(ARM, "x", execution, patience_s=60)).status == 204
        assert has_ended(tmp_path / "pid")


async def test_an_asynchronous_command_tells_how_far_it_is(running: Any, tmp_path: Path) -> None:
    line = "echo progress: 10; while [ ! -e gate ]; do sleep 0.02; done; echo '{\"progress\": 90}'; echo filled"
    async with running(command=line, shell=True, asynchronous=True) as store:
        execution = await started(store)
        await eventually(lambda: shown(store, execution, "x")["x-medkit"].get("progress") == 10)
        (tmp_path / "gate").touch()
        await eventually(lambda: shown(store, execution, "x")["status"] == "completed")
        assert shown(store, execution, "x")["parameters"] == {"output": ["filled"]}


async def test_commands_end_with_the_gateway(running: Any, tmp_path: Path) -> None:
    async with running(command="echo $$ > pid; sleep 1000 & wait", shell=True, asynchronous=True) as store:
        execution = await started(store)
        await written(tmp_path / "pid")
    assert has_ended(tmp_path / "pid")
    assert shown(store, execution, "x")["x-medkit"]["error"]["vendor_code"] == "x-medkit-gateway-shutdown"


async def test_one_that_hangs_leaves_room_for_the_others(running: Any) -> None:
    other = {"id": "y", "command": ["echo", "hi"]}
    async with running(other, command=["sleep", "1000"], asynchronous=True) as store:
        for _ in range(8):
            assert answered(await run(store)).status == 202
        assert refused(await run(store)).status == 409
        answer = answered(await store.execute(ARM, "y", {}, patience_s=SOON))
        assert answer.body == {"parameters": {"output": ["hi"]}}
