"""Bound data items over real commands, devices and files: read once for all, never in each other's way."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog

from gateway.local.answers import ItemAnswer, ResourceError
from gateway.local.bindings import DataSpec
from gateway.local.bound_item import BoundItem
from gateway.local.data_items import ReadFailure
from gateway.local.flights import Flights
from gateway.local.own import OwnEntities
from gateway.local.value_readers import Found
from gateway.local.values import DataType
from tests.federation.eventually import eventually
from tests.unit.local.conftest import HandClock, MakeOwn, app
from tests.unit.peers.wire_server import Wire, WireServer, serving

PUMP = app("pump")
LONG = "timeout: 60"

Bind = Callable[..., OwnEntities]


@pytest.fixture
async def bind(make_own: MakeOwn) -> AsyncIterator[Bind]:
    """Own entities with an app `pump` that has these data items."""
    made: list[OwnEntities] = []

    def bind(*items: str) -> OwnEntities:
        made.append(make_own(f"apps: [{{id: pump, data: [{', '.join('{' + item + '}' for item in items)}]}}]"))
        return made[-1]

    yield bind
    for own in made:
        await own.close()


async def read(own: OwnEntities, item_id: str = "x") -> Any:
    """The value, or the error."""
    answer = await own.data_item(PUMP, item_id)
    if isinstance(answer, ResourceError):
        return answer
    assert answer.body is not None
    return answer.body["data"]


async def refused(answering: Awaitable[ItemAnswer | ResourceError]) -> tuple[int, str]:
    answer = await answering
    assert isinstance(answer, ResourceError)
    return answer.status, answer.message


async def listed(own: OwnEntities) -> dict[str, dict[str, Any]]:
    return {item["id"]: item for item in await own.data_items(PUMP)}


def respond(status: str, body: bytes) -> Callable[[Wire], Awaitable[None]]:
    async def script(wire: Wire) -> None:
        while True:
            await wire.request()
            await wire.send(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body))

    return script


def sent_body(server: WireServer) -> bytes:
    return server.requests[-1].partition(b"\r\n\r\n")[2]


async def test_a_command_says_the_value(bind: Bind) -> None:
    own = bind(
        f"id: x, command: [printf, 'a\\nt=47.5 C\\n'], match: 't=([0-9.]+)', type: double, {LONG}",
        f"id: y, command: 'echo $((6 * 7))', shell: true, type: int, {LONG}",
    )
    assert [await read(own, "x"), await read(own, "y")] == [47.5, 42]


async def test_a_device_says_the_value(bind: Bind) -> None:
    async with serving(respond("200 OK", b'{"tank": {"level": 12}}')) as device:
        own = bind(f"id: x, http: '{device.url}/s', pointer: /tank/level, scale: 0.5, {LONG}")
        assert await read(own) == 6.0


async def test_a_sensor_says_the_value(bind: Bind) -> None:
    own = bind(f"id: x, psutil: cpu_count, {LONG}", f"id: y, psutil: {{reading: disk_usage.total, path: /}}, {LONG}")
    assert await read(own) == os.cpu_count()
    assert await read(own, "y") > 0


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("command: ['false']", "its command ended with exit code 1"),
        ("command: 'kill -9 $$', shell: true", "its command was ended by signal 9"),
        ("command: [no-such-program]", "its program cannot be used: No such file or directory"),
        ("command: [printf, '\\x00\\xff']", "the output of its command does not fit"),
        ("command: [echo, warm], type: int", "the output of its command does not fit: found 'warm', allowed is int"),
        ("command: 'yes | head -c 70000', shell: true", "larger than 65536 bytes"),
        ("http: 'http://no-such-device.invalid/'", "the name of its device is not known"),
        ("http: {url: 'http://127.0.0.1:1/', headers: {A: {env: NO_SUCH_VARIABLE}}}", "a variable with a header"),
        ("http: {url: 'http://127.0.0.1:1/', headers: {A: {file: nowhere}}}", "cannot be read: No such file"),
        ("psutil: {reading: disk_usage.free, path: /nowhere}", "its sensor failed: FileNotFoundError"),
        ("psutil: {reading: net_io_counters.bytes_sent, interface: nope}", "this machine has no such interface"),
        ("psutil: {reading: sensors_temperatures, chip: nope}", "this machine has no such chip"),
        ("file: nowhere", "its file cannot be read: No such file or directory"),
    ],
)
async def test_what_fails_is_told_on_its_item_alone(bind: Bind, tmp_path: Path, item: str, words: str) -> None:
    own = bind(f"id: x, {item}, refresh: 60, {LONG}", "id: y, value: 1")
    status, message = await refused(own.data_item(PUMP, "x"))
    assert (status, message.startswith("Data item 'x' has no value now: ")) == (503, True)
    assert words in message
    assert str(tmp_path) not in message
    items = await listed(own)
    if "file" not in item:  # a file is never fresh, and may be read anew
        assert items["x"]["x-medkit"]["error"]["message"] == message
    assert items["y"]["value"] == 1


async def test_a_device_that_says_no_is_a_failure_and_no_value(bind: Bind) -> None:
    async with serving(respond("404 Not Found", b"7")) as device:
        own = bind(f"id: x, http: '{device.url}', type: int, {LONG}")
        assert "its device answered with status 404" in (await refused(own.data_item(PUMP, "x")))[1]


async def test_fifty_readers_at_once_cost_one_command(bind: Bind, tmp_path: Path) -> None:
    own = bind(f"id: x, command: 'echo run >> runs; sleep 0.2; echo 7', shell: true, type: int, {LONG}")
    assert await asyncio.gather(*(read(own) for _ in range(50))) == [7] * 50
    assert (tmp_path / "runs").read_text() == "run\n"


async def test_a_reading_is_given_again_while_it_is_fresh(bind: Bind, clock: HandClock, tmp_path: Path) -> None:
    own = bind(f"id: x, command: 'echo run >> runs; wc -l < runs', shell: true, type: int, refresh: 5, {LONG}")
    assert await read(own) == 1
    clock.advance(4.9)
    assert await read(own) == 1
    clock.advance(0.2)
    assert await read(own) == 2


async def test_a_list_does_not_wait_for_what_is_slow(bind: Bind, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    own = bind(
        f"id: slow, command: [cat, gate], type: int, refresh: 60, {LONG}",
        "id: quick, value: 1",
        f"id: mute, command: [sleep, '1000'], {LONG}",
    )
    items = await listed(own)
    assert items["quick"]["value"] == 1
    assert "value" not in items["slow"]
    assert "error" not in items["slow"]["x-medkit"]
    (tmp_path / "gate").write_text("5")  # the command has waited for this, beside the list

    async def is_listed() -> bool:
        return (await listed(own))["slow"].get("value") == 5

    assert await eventually(is_listed)


async def test_what_hangs_is_an_error_of_its_own(bind: Bind, tmp_path: Path) -> None:
    own = bind("id: x, command: 'echo run >> runs; sleep 1000', shell: true, timeout: 0.05", "id: y, value: 1")
    assert "reading it takes too long" in (await refused(own.data_item(PUMP, "x")))[1]

    async def cause_is_known() -> bool:
        items = await listed(own)
        assert items["y"]["value"] == 1
        return "its command did not end within 0.05 s" in items["x"]["x-medkit"]["error"]["message"]

    assert await eventually(cause_is_known)


async def test_after_a_reading_that_is_too_slow_a_list_has_the_last_value(
    bind: Bind, clock: HandClock, tmp_path: Path
) -> None:
    own = bind(f"id: x, command: 'test -e slow && sleep 1000; echo 5', shell: true, type: int, refresh: 5, {LONG}")
    assert await read(own) == 5
    (tmp_path / "slow").touch()
    taken = (await listed(own))["x"]["x-medkit"]["timestamp"]
    clock.advance(10)
    item = (await listed(own))["x"]
    assert (item["value"], item["x-medkit"]["timestamp"]) == (5, taken)


async def test_a_value_out_of_range_is_shown_and_marked(bind: Bind, tmp_path: Path) -> None:
    own = bind("id: x, file: level, min: 0, max: 100, writable: true")
    for said, mark in (("101", True), ("100", None)):
        (tmp_path / "level").write_text(said)
        answer = await own.data_item(PUMP, "x")
        assert isinstance(answer, ItemAnswer)
        assert answer.body is not None
        medkit = answer.body["x-medkit"]
        assert (answer.body["data"], medkit.get("out_of_range")) == (float(said), mark)
        assert (medkit["min"], medkit["max"]) == (0, 100)
        assert (await listed(own))["x"]["x-medkit"].get("out_of_range") is mark


async def test_a_written_file_says_the_value(bind: Bind, tmp_path: Path) -> None:
    own = bind("id: x, file: level, scale: 0.1, min: 0, max: 10, refresh: 60, writable: true")
    (tmp_path / "level").write_text("5")
    assert await read(own) == 0.5
    answer = await own.write_data(PUMP, "x", {"value": 0.3})
    assert isinstance(answer, ItemAnswer)
    assert answer.body == {
        "id": "x",
        "data": 0.3,
        "value": 0.3,
        "x-medkit": {"entity_id": "pump", "status": "written"},
    }
    assert (tmp_path / "level").read_text() == "3\n"
    assert await read(own) == pytest.approx(0.3)  # though the reading from before would be fresh


@pytest.mark.parametrize("value", [-0.1, 10.5, 1e300])
async def test_a_value_out_of_range_is_not_written(bind: Bind, tmp_path: Path, value: float) -> None:
    own = bind("id: x, file: level, min: 0, max: 10, writable: true")
    assert await refused(own.write_data(PUMP, "x", {"value": value})) == (
        400,
        f"The value does not fit data item 'x': found {value!r}, allowed are values from 0 up to 10",
    )
    assert not (tmp_path / "level").exists()


@pytest.mark.parametrize("value", ["so", "; touch pwned", "$(touch pwned)", "a\nb", "ü", ""])
async def test_a_command_gets_the_value_as_an_argument_or_as_its_input(bind: Bind, tmp_path: Path, value: str) -> None:
    own = bind(
        f"id: a, command: [cat, a], write: {{command: [cp, '--', '{{value}}', a], {LONG}}}",
        f"id: b, command: [cat, b], write: {{command: 'printf %s {{value}} > b', shell: true, {LONG}}}, refresh: 0",
        f"id: c, command: [cat, c], write: {{command: 'cat > c', shell: true, {LONG}}}, refresh: 0",
    )
    for item_id in ("b", "c"):
        assert isinstance(await own.write_data(PUMP, item_id, {"type": "string", "data": value}), ItemAnswer)
    assert (tmp_path / "b").read_text() == value
    assert (tmp_path / "c").read_text() == f"{value}\n"
    assert not (tmp_path / "pwned").exists()


async def test_a_device_gets_the_value_with_its_type(bind: Bind) -> None:
    async with serving(respond("204 No Content", b"")) as device:
        own = bind(
            f"id: a, http: '{device.url}/a', type: bool, write: {{}}",
            f"id: b, http: '{device.url}/b', type: int, write: {{method: POST, body: {{on: '{{value}}', by: grove}}}}",
            f"id: c, http: '{device.url}/c', write: {{url: '{device.url}/set/{{value}}', method: POST}}",
            f"id: d, http: '{device.url}/d', write: {{body: 'to={{value}}'}}",
        )
        for item_id, value, head, body in (
            ("a", True, b"PUT /a ", b"true"),
            ("b", 7, b"POST /b ", b'{"on":7,"by":"grove"}'),
            ("c", "a/b c", b"POST /set/a%2Fb%20c ", b""),
            ("d", "x", b"PUT /d ", b"to=x"),
        ):
            answer = await own.write_data(PUMP, item_id, {"value": value})
            assert isinstance(answer, ItemAnswer), answer
            assert (device.requests[-1].startswith(head), sent_body(device)) == (True, body)
        assert b"Content-Type: application/json\r\n" in device.requests[0]


async def test_a_secret_is_read_for_each_request_and_shown_to_nobody(
    bind: Bind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEVICE_KEY", "k3y")
    async with serving(respond("403 Forbidden", b"hunter2 k3y")) as device:
        headers = "{Authorization: {file: token, prefix: 'Bearer '}, X-Api-Key: {env: DEVICE_KEY}}"
        own = bind(f"id: x, http: {{url: '{device.url}', headers: {headers}}}, refresh: 0, {LONG}")
        with structlog.testing.capture_logs() as logs:
            for secret in ("hunter2", "hunter3"):
                (tmp_path / "token").write_text(f"{secret}\n")
                _, message = await refused(own.data_item(PUMP, "x"))
                assert f"Authorization: Bearer {secret}\r\n".encode() in device.requests[-1]
                assert b"X-Api-Key: k3y\r\n" in device.requests[-1]
                assert "hunter" not in f"{message}{logs}"
                assert "k3y" not in f"{message}{logs}"


@pytest.mark.parametrize(
    ("write", "status", "words"),
    [
        ("[no-such-program]", 503, "was not written: its program cannot be used"),
        ("['false']", 502, "was not written: its command ended with exit code 1"),
        ("{command: [sleep, '1000'], timeout: 0.05}", 504, "may not have been written: its command did not end within"),
        ("{url: 'http://no-such-device.invalid/'}", 503, "was not written: the name of its device is not known"),
    ],
)
async def test_a_write_that_fails_says_what_is_known(bind: Bind, write: str, status: int, words: str) -> None:
    own = bind(f"id: x, file: level, write: {write}")
    answer = await own.write_data(PUMP, "x", {"value": "1"})
    assert isinstance(answer, ResourceError)
    assert answer.status == status
    assert words in answer.message
    assert answer.vendor_code == ("x-medkit-data-write-failed" if status == 502 else None)
    assert answer.parameters.get("may_have_executed") is (True if status == 504 else None)


@pytest.mark.parametrize(
    ("write", "value", "words"),
    [
        ("{url: 'http://127.0.0.1:1/set/{value}'}", "..", "would lead to another path"),
        ("{url: 'http://127.0.0.1:1/set/{value}'}", "a/../../b", "would lead to another path"),
        ("[tee, level, '{value}']", "a\0b", "with a NUL character"),
    ],
)
async def test_a_value_that_what_it_is_written_to_cannot_take_is_refused(
    bind: Bind, tmp_path: Path, write: str, value: str, words: str
) -> None:
    own = bind(f"id: x, file: level, write: {write}")
    status, message = await refused(own.write_data(PUMP, "x", {"value": value}))
    assert (status, words in message) == (400, True)
    assert not (tmp_path / "level").exists()


async def test_a_number_that_cannot_be_scaled_back_is_refused(bind: Bind) -> None:
    own = bind("id: x, file: level, scale: 1.0e-10, writable: true")
    assert (await refused(own.write_data(PUMP, "x", {"value": 1e308})))[0] == 400


@pytest.mark.parametrize(("said", "status"), [("500 Broken", 502), (None, 504)])
async def test_a_device_that_refuses_and_one_that_is_silent_differ(bind: Bind, said: str | None, status: int) -> None:
    async def silent(wire: Wire) -> None:
        await wire.request()

    async with serving(silent if said is None else respond(said, b"")) as device:
        own = bind(f"id: x, http: '{device.url}', write: {{}}")
        assert (await refused(own.write_data(PUMP, "x", {"value": "1"})))[0] == status


async def test_a_file_that_cannot_be_written_is_told(bind: Bind) -> None:
    own = bind("id: x, file: gone/level, writable: true")
    assert await refused(own.write_data(PUMP, "x", {"value": "1"})) == (
        503,
        "Data item 'x' was not written: its file cannot be written: No such file or directory",
    )


async def test_two_writers_write_one_after_the_other(bind: Bind, tmp_path: Path) -> None:
    line = "mkdir busy && echo {value} >> log; sleep 0.05; rmdir busy"
    own = bind(f"id: x, file: log, write: {{command: '{line}', shell: true, {LONG}}}")
    answers = await asyncio.gather(*(own.write_data(PUMP, "x", {"value": f"w{number}"}) for number in range(8)))
    assert all(isinstance(answer, ItemAnswer) for answer in answers)
    assert (tmp_path / "log").read_text().split() == [f"w{number}" for number in range(8)]


async def test_a_reader_never_gets_what_was_read_before_a_write(bind: Bind, tmp_path: Path) -> None:
    """The reading began before the write, and ends after it."""
    (tmp_path / "level").write_text("1")
    own = bind(
        f"id: x, command: 'cat level; touch began; sleep 0.5', shell: true, type: int, refresh: 60, {LONG},"
        " write: {command: 'echo {value} > level', shell: true}"
    )
    early = asyncio.create_task(read(own))
    await eventually((tmp_path / "began").exists)
    assert isinstance(await own.write_data(PUMP, "x", {"value": 2}), ItemAnswer)
    assert await read(own) == 2
    assert await early == 1


async def test_trouble_is_logged_when_it_begins_and_when_it_ends(bind: Bind, tmp_path: Path) -> None:
    own = bind(f"id: x, command: 'test -e ok || {{ echo no ok here >&2; exit 3; }}', shell: true, refresh: 0, {LONG}")
    with structlog.testing.capture_logs() as logs:
        await read(own)
        await read(own)
        (tmp_path / "ok").touch()
        await read(own)
        await read(own)
    failed, again = logs
    assert failed == {
        "event": "data item unreadable",
        "log_level": "warning",
        "entity": "pump",
        "item": "x",
        "reason": "its command ended with exit code 3",
        "detail": "no ok here",
    }
    assert (again["event"], again["entity"], again["item"]) == ("data item readable again", "pump", "x")


async def test_closed_it_leaves_no_command_running(bind: Bind, tmp_path: Path) -> None:
    own = bind(f"id: x, command: 'echo $$ > pid; exec sleep 1000', shell: true, {LONG}")
    reading = asyncio.create_task(read(own))
    await eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
    await own.close()
    assert isinstance(await reading, ResourceError)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


class Mistaken:
    """A reader with a mistake of ours in it."""

    async def take(self) -> Found | ReadFailure:
        raise ZeroDivisionError("division by zero")


async def test_a_mistake_of_ours_in_a_reading_is_told_on_its_item() -> None:
    flights = Flights()
    spec = DataSpec("x", "x", DataType.INT)
    item = BoundItem(spec, PUMP, reader=Mistaken(), flights=flights, clock=HandClock())
    expected = ReadFailure("it cannot be read: ZeroDivisionError")
    with structlog.testing.capture_logs() as logs:
        assert [await item.read(), await item.listed(), await item.read()] == [expected] * 3
    assert [entry["detail"] for entry in logs] == ["ZeroDivisionError('division by zero')"]
    await flights.close()
