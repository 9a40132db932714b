"""Where a written value of a bound data item goes: into a file, to a command, to a device. Nothing here raises."""

import asyncio
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, assert_never

import msgspec

from gateway.local.calls import CommandCall, SecretError, WebCall
from gateway.local.command import Commands
from gateway.local.daemon_thread import in_daemon_thread
from gateway.local.data_items import Fate, WriteFailure
from gateway.local.decoding import Decoding
from gateway.local.origins import CommandTarget, FileTarget, Target, WebTarget
from gateway.local.process import Exited, NotStarted, TimedOut
from gateway.local.template import text_of
from gateway.local.value_file import ValueFileError, write_value_file
from gateway.local.value_readers import command_trouble
from gateway.local.values import MisfitError
from gateway.local.web_call import WebAnswer, WebCaller, WebFailure, climbs

VALUE: Final = "value"
"""The name of the written value in templates."""


class ValueWriter(Protocol):
    """Where a value is written."""

    async def put(self, value: Any) -> WriteFailure | None:
        """Write once, bounded in time."""


class EncodingWriter:
    """Writes a value as it is said where it came from."""

    def __init__(self, writer: ValueWriter, decoding: Decoding) -> None:
        self._writer = writer
        self._decoding = decoding

    async def put(self, value: Any) -> WriteFailure | None:
        try:
            said = self._decoding.encode(value)
        except MisfitError as error:
            return WriteFailure(str(error), Fate.UNFIT)
        return await self._writer.put(said)


class FileWriter:
    """Replaces a file, in a thread of its own."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._writing: asyncio.Future[None] | None = None  # mutable: the write that has not ended

    async def put(self, value: Any) -> WriteFailure | None:
        if self._writing is not None and not self._writing.done():  # or it might undo this one when it wakes up
            return WriteFailure("an earlier write to its file hangs", Fate.NOT_TRIED)
        said = f"{text_of(value)}\n".encode()
        writing = in_daemon_thread(partial(write_value_file, self._path, said), "grove-write")
        if writing is None:
            return WriteFailure("the system has no thread to give", Fate.NOT_TRIED)
        self._writing = writing
        await asyncio.wait({writing}, timeout=self._timeout_s)
        if not writing.done():
            return WriteFailure(f"its file was not written within {self._timeout_s:g} s", Fate.UNKNOWN)
        error = writing.exception()
        if isinstance(error, ValueFileError):
            return WriteFailure(str(error), Fate.NOT_TRIED, str(self._path))
        return writing.result()


class CommandWriter:
    """Runs a command with the value as an argument or, if it has no place for one, as its input."""

    def __init__(self, call: CommandCall, commands: Commands, timeout_s: float) -> None:
        self._call = call
        self._commands = commands
        self._timeout_s = timeout_s

    async def put(self, value: Any) -> WriteFailure | None:
        if "\0" in text_of(value):
            return WriteFailure("its command cannot be given a text with a NUL character", Fate.UNFIT)
        command = self._call.filled({VALUE: value})
        stdin = b"" if VALUE in self._call.names else f"{text_of(value)}\n".encode()
        outcome = await self._commands.run(command, stdin=stdin, timeout_s=self._timeout_s)
        reason, detail = command_trouble(outcome, self._timeout_s)
        match outcome:
            case Exited(code=0):
                return None
            case Exited():
                return WriteFailure(reason, Fate.REFUSED, detail)
            case TimedOut():
                return WriteFailure(reason, Fate.UNKNOWN, detail)
            case NotStarted():
                return WriteFailure(reason, Fate.NOT_TRIED, detail)
            case _:
                assert_never(outcome)


class WebWriter:
    """Sends a request with the value in it or, if it has no place for one, as its body."""

    def __init__(self, call: WebCall, web: WebCaller, timeout_s: float) -> None:
        self._call = call
        self._web = web
        self._timeout_s = timeout_s

    async def put(self, value: Any) -> WriteFailure | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                request = await self._call.filled({VALUE: value}, os.environ)
        except SecretError as error:
            return WriteFailure(str(error), Fate.NOT_TRIED)
        except TimeoutError:
            return WriteFailure("the file with a header of its request cannot be read in time", Fate.NOT_TRIED)
        if climbs(request.url):
            return WriteFailure("the value would lead to another path of its device; send another one", Fate.UNFIT)
        if VALUE not in self._call.names and self._call.body is None:
            headers = {"Content-Type": "application/json"} | dict(request.headers)
            request = replace(request, headers=tuple(headers.items()), body=msgspec.json.encode(value))
        outcome = await self._web.ask(request, timeout_s=self._timeout_s)
        match outcome:
            case WebAnswer(status=status) if 200 <= status < 300:
                return None
            case WebAnswer(status=status):
                return WriteFailure(f"its device answered with status {status}", Fate.REFUSED)
            case WebFailure(reason=reason, was_sent=was_sent):
                return WriteFailure(reason, Fate.UNKNOWN if was_sent else Fate.NOT_TRIED)
            case _:
                assert_never(outcome)


def value_writer(target: Target, commands: Commands, web: WebCaller, timeout_s: float) -> ValueWriter:
    """What writes the value of one data item."""
    match target:
        case FileTarget(path=path):
            return FileWriter(path, timeout_s)
        case CommandTarget(call=call):
            return CommandWriter(call, commands, timeout_s)
        case WebTarget(call=web_call):
            return WebWriter(web_call, web, timeout_s)
        case _:
            assert_never(target)
