"""Reads where a written value goes: `writable` and `write` of a data item, `apply` of a configuration."""

from dataclasses import dataclass, replace
from pathlib import Path

from gateway.local.manifest.calls import read_command, read_timeout, read_web
from gateway.local.manifest.fields import Fields
from gateway.local.manifest.problem import Rule
from gateway.local.origins import CommandTarget, FileOrigin, FileTarget, Origin, Target, WebOrigin, WebTarget
from gateway.local.value_writers import VALUE


@dataclass(frozen=True, slots=True)
class DeclaredTarget:
    """Where a written value goes, and how long that may take."""

    target: Target
    timeout_s: float | None = None


def read_target(fields: Fields, key: str, origin: Origin | None, base: Path, *, is_part: bool) -> DeclaredTarget | None:
    """Where written values go, None when the item is only read. `is_part`: the value is a part of what is said."""
    writable = fields.flag("writable")
    if fields.has("write"):
        if writable is False:
            fields.problem(Rule.G009, "writable", "found 'writable: false' beside 'write'; remove one")
        return _read_write(fields, origin, base)
    if not writable:
        return None
    if not isinstance(origin, FileOrigin):
        fields.problem(Rule.G009, "writable", f"found 'writable: true' beside '{key}', which is only read; add 'write'")
        return None
    if is_part:
        message = "found 'writable: true' on a part of a file, a write replaces the whole; remove it or add 'write'"
        fields.problem(Rule.G009, "writable", message)
    return DeclaredTarget(FileTarget(origin.path))


def read_apply(fields: Fields, base: Path) -> DeclaredTarget | None:
    """Who is told of a configuration's value, None for nobody: a command, a request, or a file that has it."""
    if not fields.has("apply"):
        return None
    apply = fields.mapping("apply") if fields.is_mapping("apply") else fields.alone("apply", "command")
    if apply is None:
        return None
    found = [key for key in ("file", "command", "url") if apply.has(key)]
    if len(found) != 1:
        named = " and ".join(found) or "none of them"
        apply.problem(Rule.G009, "command", f"found {named}, allowed is one of file, command, url; write one of them")
    target: Target | None
    if apply.has("file"):
        name = apply.text("file")
        target = FileTarget(base / name) if name else None
    else:
        target = _read_command_target(apply, base) if apply.has("command") else _read_web_target(apply, None, base)
    timeout_s = read_timeout(apply)
    apply.refuse_unread()
    return None if target is None else DeclaredTarget(target, timeout_s)


def _read_write(fields: Fields, origin: Origin | None, base: Path) -> DeclaredTarget | None:
    """The arguments of a command, or a mapping that describes a command or a request."""
    write = fields.mapping("write") if fields.is_mapping("write") else fields.alone("write", "command")
    if write is None:
        return None
    target = _read_command_target(write, base) if write.has("command") else _read_web_target(write, origin, base)
    timeout_s = read_timeout(write)
    write.refuse_unread()
    return None if target is None else DeclaredTarget(target, timeout_s)


def _read_command_target(write: Fields, base: Path) -> CommandTarget | None:
    call = read_command(write, base)
    return None if call is None else CommandTarget(call)


def _read_web_target(write: Fields, origin: Origin | None, base: Path) -> WebTarget | None:
    """A request; what it does not say is that of the reading."""
    reading = origin.call if isinstance(origin, WebOrigin) else None
    call = read_web(write, base, method="PUT", url=None if reading is None else reading.url)
    if call is None:
        return None
    if call.method == "GET":
        write.problem(Rule.G003, "method", "found GET, which changes nothing; write PUT, POST, PATCH or DELETE")
    if call.body is not None and VALUE not in call.names:
        message = f"found no '{{{VALUE}}}' in 'body' or 'url', so that every write is the same; put it there"
        write.problem(Rule.G009, "body", message)
    if reading is not None and not write.has("headers"):
        call = replace(call, headers=reading.headers)
    return WebTarget(call)
