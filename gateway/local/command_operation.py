"""An operation that runs a command: its parameters go into arguments or standard input, its output is the result."""

import asyncio
import base64
from collections.abc import Mapping
from typing import Any, Final, assert_never

from entities.jsontext import InvalidJsonError, render_json
from gateway.local.command import Commands
from gateway.local.operation_bindings import CommandBinding
from gateway.local.operations import Completed, Failed, OperationSpec, Outcome, Progress
from gateway.local.process import Exited, NotStarted, TimedOut
from gateway.local.progress_lines import ProgressListener, without_progress
from gateway.local.values import parse_shallow

COMMAND_OUTPUT_BYTES: Final = 128 * 1024
"""Bytes of a command's output that become a result; whatever they are, they fit into one as JSON."""

READ_ON_LOOP_BYTES: Final = 8192
"""Bytes of output up to which the loop itself reads the result; more are read in a thread."""

TOLD_ERRORS: Final = 2000
"""Characters of a failed command's errors that a client is told, the last ones."""

LATER_S: Final = 1.0
"""Seconds that a command may take beyond its operation, whose own end comes first."""


class CommandOperation:
    """One operation of a manifest, run as one of `commands`."""

    def __init__(self, binding: CommandBinding, commands: Commands) -> None:
        self._binding = binding
        self._commands = commands

    @property
    def spec(self) -> OperationSpec:
        return self._binding.spec

    async def execute(self, parameters: Mapping[str, Any], progress: Progress) -> Outcome:
        """Runs the command; cancelled, it ends it with everything it started."""
        tells = self.spec.asynchronous
        outcome = await self._commands.run(
            self._binding.call.filled(parameters),
            stdin=render_json(parameters) if self._binding.sends_parameters else b"",
            timeout_s=self.spec.timeout_s + LATER_S,
            limit_bytes=COMMAND_OUTPUT_BYTES,
            heard=ProgressListener(progress) if tells else None,
        )
        match outcome:
            case Exited(0):
                return Completed(await _result(outcome, without=tells))
            case Exited():
                return Failed(_ending(outcome.code), _details(outcome))
            case TimedOut():
                return Failed("its command took too long and was ended")
            case NotStarted(reason):
                return Failed(reason)
            case _:
                assert_never(outcome)


async def _result(outcome: Exited, *, without: bool) -> dict[str, Any]:
    if len(outcome.stdout) <= READ_ON_LOOP_BYTES:
        return result_of(outcome, without=without)
    return await asyncio.to_thread(result_of, outcome, without=without)


def result_of(outcome: Exited, *, without: bool) -> dict[str, Any]:
    """What a command said, as JSON: the object it wrote, else other JSON in `result`, else its lines in `output`, else
    what is no text as `output_base64`. `without`: lines that tell of progress are left out.
    """
    said = outcome.stdout
    if without:
        said = b"\n".join(without_progress(said.split(b"\n")))
    cut = {"truncated": True} if outcome.truncated else {}
    try:
        text = said.decode()
    except UnicodeDecodeError:
        return {"output_base64": base64.b64encode(said).decode(), **cut}
    try:
        found = parse_shallow(said, max_bytes=COMMAND_OUTPUT_BYTES)
    except InvalidJsonError:
        return {"output": text.splitlines(), **cut}
    return {**found, **cut} if isinstance(found, dict) else {"result": found, **cut}


def _ending(code: int) -> str:
    return f"its command ended with exit code {code}" if code > 0 else f"its command was ended by signal {-code}"


def _details(outcome: Exited) -> dict[str, Any]:
    told = outcome.stderr.decode(errors="replace").strip()[-TOLD_ERRORS:]
    return {"exit_code": outcome.code, **({"stderr": told} if told else {})}
