"""Reads commands and HTTP requests, wherever the manifest has them (docs/manifest.md, "Commands", "HTTP requests")."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gateway.local.calls import CommandCall, HeaderValue, SecretFile, SecretVariable, WebCall
from gateway.local.manifest.fields import Fields
from gateway.local.manifest.problem import Rule
from gateway.local.template import names_in

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")

LONGEST_TIMEOUT_S: Final = 3600.0
"""Seconds that anything of the manifest may be waited for at most."""

SHORTEST_TIMEOUT_S: Final = 0.01
"""And at least."""

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SECRET_HEADER: Final = re.compile(r"authori[sz]ation|cookie|api[-_]?key|token|secret|passw", re.IGNORECASE)
_FRAMING: Final = frozenset({"host", "content-length", "transfer-encoding", "connection"})


def read_timeout(fields: Fields, longest_s: float = LONGEST_TIMEOUT_S) -> float | None:
    """`timeout`, in seconds."""
    return fields.number("timeout", SHORTEST_TIMEOUT_S, longest_s)


def read_command(fields: Fields, base: Path) -> CommandCall | None:
    """`command`, `shell`, `directory` and `environment` of one mapping; None when there is no command to run.

    A command runs in the folder of the manifest (`base`) if nothing else is said.
    """
    in_shell = fields.flag("shell") or False
    directory = fields.text("directory")
    environment = _read_environment(fields)
    argv, line = _read_words(fields, in_shell=in_shell)
    if not argv and line is None:
        return None
    return CommandCall(argv, line, base / directory if directory else base, environment)


def _read_words(fields: Fields, *, in_shell: bool) -> tuple[tuple[str, ...], str | None]:
    """The program with its arguments, or the shell's line."""
    if not fields.require("command", "[vcgencmd, measure_temp]"):
        return (), None
    if fields.is_list("command"):
        argv = fields.texts("command", multiline=True)
        if in_shell:
            fields.problem(Rule.G009, "shell", "found 'shell: true' beside a list, a shell gets one text; remove one")
        elif not argv or not argv[0]:
            fields.problem(Rule.G009, "command", "found no program; write for example [vcgencmd, measure_temp]")
        return argv, None
    line = fields.text("command", multiline=True)
    if line is not None and not in_shell:
        message = "found a text, allowed is a list: the program and its arguments; a shell is used with 'shell: true'"
        fields.problem(Rule.G009, "command", message)
    return (), line


def _read_environment(fields: Fields) -> tuple[tuple[str, str], ...]:
    variables = fields.mapping("environment")
    if variables is None:
        return ()
    for name in variables.names():
        if not _VARIABLE.fullmatch(name):
            message = f"found {name!r}, allowed are letters, digits and '_', not beginning with a digit; rename it"
            variables.problem(Rule.G003, name, message)
    texts = ((name, variables.text(name, multiline=True)) for name in variables.names())
    return tuple((name, text) for name, text in texts if text is not None)


def read_web(fields: Fields, base: Path, *, method: str = "GET", url: str | None = None) -> WebCall | None:
    """The keys of one request; `method` and `url` are what is meant when nothing is said."""
    text = fields.text("url")
    found = url if text is None else text
    call = WebCall(
        fields.choice("method", METHODS) or method,
        found or "",
        _read_headers(fields, base),
        fields.value("body"),
    )
    if found is None:
        fields.require("url", "http://192.168.1.20/api/status")
        return None
    wrong = _wrong_url(found)
    if wrong:
        fields.problem(Rule.G003, "url", f"{wrong}; write for example http://192.168.1.20/api/status")
    return None if wrong else call


def _wrong_url(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"found {url!r}, which is no URL ({error})"
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        return f"found {url!r}, allowed are http and https URLs with a host"
    if names_in(parts.netloc):
        return "found a name in braces in the host, which would let a value lead to any other"
    if "@" in parts.netloc:
        return "found a password in the URL, which everybody would see; write it as a header from a file"
    return None


def _read_headers(fields: Fields, base: Path) -> tuple[tuple[str, HeaderValue], ...]:
    headers = fields.mapping("headers")
    if headers is None:
        return ()
    found: dict[str, HeaderValue] = {}
    for name in headers.names():
        if not _HEADER.fullmatch(name) or name.lower() in _FRAMING:
            headers.problem(Rule.G003, name, f"found the header {name!r}, which cannot be set; remove it")
        value = _read_header(headers, name, base)
        if value is not None:
            found[name] = value
    return tuple(found.items())


def _read_header(headers: Fields, name: str, base: Path) -> HeaderValue | None:
    if not headers.is_mapping(name):
        if _SECRET_HEADER.search(name):
            message = "found a secret in the manifest, allowed are {file: NAME} and {env: NAME}; put it there"
            headers.problem(Rule.G009, name, message)
        return headers.text(name)
    secret = headers.mapping(name)
    if secret is None:
        return None
    file, variable, prefix = secret.text("file"), secret.text("env"), secret.text("prefix") or ""
    secret.refuse_unread()
    if (file is None) is (variable is None):
        headers.problem(Rule.G009, name, "allowed is one of 'file' and 'env', the place where the secret stands")
        return None
    return SecretFile(base / file, prefix) if file is not None else SecretVariable(variable or "", prefix)
