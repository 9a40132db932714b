"""Commands and HTTP requests as the manifest declares them: with places for values, and with secrets kept elsewhere.

They are what data items and operations of every kind are made of.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.local.process import Command
from gateway.local.shared_read import SharedRead
from gateway.local.template import Values, fill_arguments, fill_json, fill_shell, fill_text, fill_url, names_in
from gateway.local.value_file import ValueFileError, read_value_file
from gateway.local.web_call import WebRequest

SECRET_TIMEOUT_S: Final = 5.0
"""Seconds that requests wait for a file with a secret, if they have so much time."""

SECRET_LIMIT_BYTES: Final = 16_384
"""A larger file is no header."""


@dataclass(frozen=True, slots=True)
class CommandCall:
    """A command; `line` is a shell's, else `argv` is the program with its arguments. Both may have `{name}` in them."""

    argv: tuple[str, ...] = ()
    line: str | None = None
    directory: Path | None = None
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The names of the values it has places for."""
        return names_in(self.argv if self.line is None else self.line)

    def filled(self, values: Values) -> Command:
        """The command with the values in their places."""
        argv = fill_arguments(self.argv, values) if self.line is None else fill_shell(self.line, values)
        return Command(argv, self.directory, self.environment)


def _read_secret(path: Path) -> str:
    """Blocks. Raises ValueFileError or ValueError."""
    said = read_value_file(path, SECRET_LIMIT_BYTES)
    if len(said) > SECRET_LIMIT_BYTES:
        raise ValueError
    return said.decode()


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A header's value that stands in a file, read for each request; behind `prefix`.

    While a reading hangs no second one is begun, or each request would leave a thread behind.
    """

    path: Path
    prefix: str = ""
    load: Callable[[Path], str] = field(default=_read_secret, repr=False, compare=False)
    _reading: SharedRead[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        reading = SharedRead(partial(self.load, self.path), clock=time.time_ns, timeout_s=SECRET_TIMEOUT_S)
        object.__setattr__(self, "_reading", reading)

    async def read(self) -> str:
        """What stands in the file. Raises SecretError."""
        try:
            secret = await self._reading.get()
        except (ValueFileError, ValueError) as error:
            failed = error.__cause__
            reason = (failed.strerror if isinstance(failed, OSError) else None) or "no short text in a regular file"
            raise SecretError(f"the file with a header of its request cannot be read: {reason}") from error
        if secret is None:
            raise SecretError("the file with a header of its request cannot be read in time")
        return secret


@dataclass(frozen=True, slots=True)
class SecretVariable:
    """A header's value that stands in an environment variable of ours; behind `prefix`."""

    name: str
    prefix: str = ""


HeaderValue = str | SecretFile | SecretVariable


class SecretError(Exception):
    """A header has no value. The text is for a client and names neither file nor variable."""


@dataclass(frozen=True, slots=True)
class WebCall:
    """An HTTP request. `url` and `body` may have `{name}` in them; a body that is no text is sent as JSON."""

    method: str
    url: str
    headers: tuple[tuple[str, HeaderValue], ...] = ()
    body: Any = None

    @property
    def names(self) -> frozenset[str]:
        """The names of the values it has places for."""
        return names_in(self.url) | names_in(self.body)

    async def filled(self, values: Values, environment: Mapping[str, str] = os.environ) -> WebRequest:
        """The request with the values and secrets in their places. Raises SecretError."""
        headers = {name: await _revealed(value, environment) for name, value in self.headers}
        content_type, body = _body(self.body, values)
        if body and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = content_type
        return WebRequest(self.method, fill_url(self.url, values), tuple(headers.items()), body)


def _body(template: Any, values: Values) -> tuple[str, bytes]:
    if template is None:
        return "", b""
    if isinstance(template, str):
        return "text/plain; charset=utf-8", fill_text(template, values).encode()
    return "application/json", msgspec.json.encode(fill_json(template, values))


async def _revealed(value: HeaderValue, environment: Mapping[str, str]) -> str:
    match value:
        case str():
            return value
        case SecretVariable():
            secret = environment.get(value.name)
            if secret is None:
                raise SecretError("a variable with a header of its request is not set")
            return value.prefix + _one_line(secret)
        case SecretFile():
            return value.prefix + _one_line(await value.read())


def _one_line(secret: str) -> str:
    """Without the line's end a file has; a header cannot hold more lines."""
    text = secret.strip()
    if not text.isprintable() or not text:
        raise SecretError("a secret for a header of its request is empty or no single line of text")
    return text
