"""What stands behind the value of a bound data item: a file, a command, a device, a sensor. Nothing here raises."""

import asyncio
import os
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol, assert_never

import psutil

from gateway.local.calls import CommandCall, SecretError, WebCall
from gateway.local.command import Commands
from gateway.local.daemon_thread import in_daemon_thread
from gateway.local.data_items import ReadFailure
from gateway.local.decoding import Decoding
from gateway.local.origins import CommandOrigin, FileOrigin, Origin, SensorOrigin, WebOrigin
from gateway.local.process import CommandOutcome, Exited, NotStarted, TimedOut
from gateway.local.psutil_readings import SensorError, sensor_reader
from gateway.local.value_file import ValueFileError, read_value_file
from gateway.local.values import MisfitError
from gateway.local.web_call import WebAnswer, WebCaller, WebFailure

DETAIL_LIMIT: Final = 200
"""Characters of a command's errors that go to the log."""

DECODED_ON_LOOP_BYTES: Final = 8192
"""What is said up to here the loop itself makes a value of; more, perhaps of very many lines, is left to a thread."""

NO_THREAD: Final = ReadFailure("the system has no thread to give")


class Found:
    """A value that was read."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class ValueReader(Protocol):
    """Where a value is read."""

    async def take(self) -> Found | ReadFailure:
        """Read once. Commands and devices are bounded in time, files and sensors may hang."""


class ThreadReader:
    """What blocks: a file or a sensor, in a thread of its own."""

    def __init__(self, look: Callable[[], Found | ReadFailure]) -> None:
        self._look = look

    async def take(self) -> Found | ReadFailure:
        looking = in_daemon_thread(self._look, "grove-read")
        return NO_THREAD if looking is None else await looking


class CommandReader:
    """What a command writes to its output."""

    def __init__(self, call: CommandCall, decoding: Decoding, commands: Commands, timeout_s: float) -> None:
        self._command = call.filled({})
        self._decoding = decoding
        self._commands = commands
        self._timeout_s = timeout_s

    async def take(self) -> Found | ReadFailure:
        limit = self._decoding.limit_bytes + 1
        outcome = await self._commands.run(self._command, timeout_s=self._timeout_s, limit_bytes=limit)
        if isinstance(outcome, Exited) and outcome.code == 0:
            return await _decoded_aside("the output of its command", outcome.stdout, self._decoding)
        return ReadFailure(*command_trouble(outcome, self._timeout_s))


class WebReader:
    """What a device answers."""

    def __init__(self, call: WebCall, decoding: Decoding, web: WebCaller, timeout_s: float) -> None:
        self._call = call
        self._decoding = decoding
        self._web = web
        self._timeout_s = timeout_s

    async def take(self) -> Found | ReadFailure:
        try:
            async with asyncio.timeout(self._timeout_s):
                request = await self._call.filled({}, os.environ)
        except SecretError as error:
            return ReadFailure(str(error))
        except TimeoutError:
            return ReadFailure("the file with a header of its request cannot be read in time")
        limit = self._decoding.limit_bytes
        outcome = await self._web.ask(request, timeout_s=self._timeout_s, limit_bytes=limit)
        match outcome:
            case WebAnswer(status=status, body=body) if 200 <= status < 300:
                return await _decoded_aside("the answer of its device", body, self._decoding)
            case WebAnswer(status=status):
                return ReadFailure(f"its device answered with status {status}")
            case WebFailure(reason=reason):
                return ReadFailure(reason)
            case _:
                assert_never(outcome)


def value_reader(
    origin: Origin, decoding: Decoding, commands: Commands, web: WebCaller, timeout_s: float
) -> ValueReader:
    """What reads the value of one data item."""
    match origin:
        case FileOrigin(path=path):
            return ThreadReader(partial(_look_at_file, path, decoding))
        case SensorOrigin():
            ask = sensor_reader(origin.reading, dict(origin.parameters))
            return ThreadReader(partial(_look_at_sensor, ask, decoding))
        case CommandOrigin(call=call):
            return CommandReader(call, decoding, commands, timeout_s)
        case WebOrigin(call=web_call):
            return WebReader(web_call, decoding, web, timeout_s)
        case _:
            assert_never(origin)


def command_trouble(outcome: CommandOutcome, timeout_s: float) -> tuple[str, str]:
    """Why a command did not do what it should: for a client, and for the log."""
    match outcome:
        case NotStarted(reason=reason):
            return reason, ""
        case TimedOut(stderr=stderr):
            return f"its command did not end within {timeout_s:g} s", _excerpt(stderr)
        case Exited(code=code, stderr=stderr) if code < 0:
            return f"its command was ended by signal {-code}", _excerpt(stderr)
        case Exited(code=code, stderr=stderr):
            return f"its command ended with exit code {code}", _excerpt(stderr)
        case _:
            assert_never(outcome)


def _excerpt(stderr: bytes) -> str:
    return stderr[: 4 * DETAIL_LIMIT].decode(errors="replace").strip()[:DETAIL_LIMIT]


def _look_at_file(path: Any, decoding: Decoding) -> Found | ReadFailure:
    try:
        said = read_value_file(path, decoding.limit_bytes)
    except ValueFileError as error:
        return ReadFailure(str(error), str(path))
    return _decoded("its file", said, decoding)


def _look_at_sensor(ask: Callable[[], Any], decoding: Decoding) -> Found | ReadFailure:
    try:
        return Found(decoding.typed(ask()))
    except SensorError as error:
        return ReadFailure(str(error))
    except MisfitError as error:
        return ReadFailure(f"its sensor answered nonsense: {error}")
    except (psutil.Error, OSError, ValueError, KeyError, AttributeError, NotImplementedError) as error:
        return ReadFailure(f"its sensor failed: {type(error).__name__}", repr(error))


async def _decoded_aside(what: str, said: bytes, decoding: Decoding) -> Found | ReadFailure:
    if len(said) <= DECODED_ON_LOOP_BYTES:
        return _decoded(what, said, decoding)
    return await asyncio.to_thread(_decoded, what, said, decoding)


def _decoded(what: str, said: bytes, decoding: Decoding) -> Found | ReadFailure:
    try:
        return Found(decoding.decode(said))
    except MisfitError as error:
        return ReadFailure(f"{what} does not fit: {error}")
