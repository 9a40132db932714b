"""Reads the operations of an entity: what each runs or asks, and its arguments (docs/manifest.md, "Operations")."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from gateway.local.calls import CommandCall, WebCall
from gateway.local.executions import RUNNING_LIMIT
from gateway.local.manifest.calls import LONGEST_TIMEOUT_S, read_command, read_web
from gateway.local.manifest.fields import Fields
from gateway.local.manifest.items import read_item_id, read_type
from gateway.local.manifest.problem import Rule
from gateway.local.manifest.ranges import read_range
from gateway.local.operation_arguments import ARGUMENT_NAME_LIMIT, ARGUMENT_TEXT_LIMIT, Argument
from gateway.local.operation_bindings import CommandBinding, OperationBinding, WebBinding
from gateway.local.operations import (
    DEFAULT_TIMEOUT_S,
    OPERATION_ID_LIMIT,
    RUNNING_PER_OPERATION,
    OperationSpec,
)
from gateway.local.values import DataType, MisfitError

LONGEST_EXECUTION_S: Final = 7 * 24 * 3600.0
"""Seconds that an asynchronous operation may take at most, and unless something else is said an hour."""

_ARGUMENT_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PARAMETERS_AS_JSON: Final = "json"
_COMMAND_KEYS: Final = ("shell", "directory", "environment", "stdin")


def read_operation(fields: Fields, base: Path) -> OperationBinding | None:
    """One operation; None when it cannot be used, with the reason in the report."""
    spec = _read_spec(fields)
    if fields.has("http"):
        return _read_web(fields, base, spec)
    if not fields.has("command"):
        message = "found neither 'command' nor 'http'; write one, such as 'command: [./prime.sh]'"
        fields.problem(Rule.G006, "command", message)
        return None
    call = read_command(fields, base)
    sends = fields.choice("stdin", (_PARAMETERS_AS_JSON,)) is not None
    if call is None or spec is None:
        return None
    _check_names(fields, "command", call, spec)
    return CommandBinding(spec, call, sends)


def _read_web(fields: Fields, base: Path, spec: OperationSpec | None) -> OperationBinding | None:
    for key in ("command", *_COMMAND_KEYS):
        if fields.has(key):
            fields.problem(Rule.G009, key, f"found '{key}' beside 'http', allowed is one of them; remove one")
    request = fields.mapping("http") if fields.is_mapping("http") else fields.alone("http", "url")
    if request is None:
        return None
    call = read_web(request, base, method="POST")
    request.refuse_unread()
    if call is None or spec is None:
        return None
    _check_names(fields, "http", call, spec)
    return WebBinding(spec, call)


def _check_names(fields: Fields, key: str, call: CommandCall | WebCall, spec: OperationSpec) -> None:
    """Every `{name}` is an argument that is always there: a gap in a command would be another command."""
    arguments = {argument.name: argument for argument in spec.arguments or ()}
    for name in sorted(call.names):
        argument = arguments.get(name)
        if argument is None:
            allowed = ", ".join(arguments) or "none, there are no arguments"
            fields.problem(Rule.G009, key, f"found {{{name}}}, allowed are the arguments: {allowed}; declare it")
        elif not argument.required and argument.default is None:
            message = f"found {{{name}}}, an argument that may be left out; give it a default or 'required: true'"
            fields.problem(Rule.G009, key, message)


def _read_spec(fields: Fields) -> OperationSpec | None:
    item_id = read_item_id(fields, "id", OPERATION_ID_LIMIT, "prime")
    if item_id is not None and "/" in item_id:
        fields.problem(Rule.G004, "id", f"found {item_id!r}, allowed is a text without '/'; rename it")
        item_id = None
    name = fields.text("name")
    asynchronous = fields.flag("asynchronous") or False
    longest_s = LONGEST_EXECUTION_S if asynchronous else LONGEST_TIMEOUT_S
    timeout_s = fields.number("timeout", 0.01, longest_s)
    at_once = _read_whole(fields, "at_once", 1, RUNNING_LIMIT)
    confirm = fields.text("confirm", multiline=True)
    description = fields.text("description", multiline=True) or ""
    arguments = _read_arguments(fields)
    if item_id is None:
        return None
    return OperationSpec(
        id=item_id,
        name=name or item_id,
        asynchronous=asynchronous,
        arguments=arguments,
        confirm=confirm,
        timeout_s=timeout_s or (LONGEST_TIMEOUT_S if asynchronous else DEFAULT_TIMEOUT_S),
        at_once=at_once or RUNNING_PER_OPERATION,
        description=description,
    )


def _read_arguments(fields: Fields) -> tuple[Argument, ...]:
    arguments: dict[str, Argument] = {}
    for item in fields.mappings("arguments"):
        argument = _read_argument(item)
        item.refuse_unread()
        if argument is None:
            continue
        if argument.name in arguments:
            item.problem(Rule.G008, "name", f"found {argument.name!r} twice in this list; rename or remove one")
        arguments.setdefault(argument.name, argument)
    return tuple(arguments.values())


def _read_argument(fields: Fields) -> Argument | None:
    name = _read_argument_name(fields)
    data_type = read_type(fields) or DataType.STRING
    allowed = read_range(fields, data_type)
    argument = Argument(
        name=name or "",
        type=data_type,
        required=fields.flag("required") or False,
        minimum=allowed.minimum,
        maximum=allowed.maximum,
        step=allowed.step,
        max_length=_read_whole(fields, "max_length", 1, ARGUMENT_TEXT_LIMIT),
        pattern=allowed.pattern,
        choices=allowed.choices,
        unit=fields.text("unit"),
        description=fields.text("description", multiline=True) or "",
    )
    if argument.max_length is not None and data_type is not DataType.STRING:
        fields.problem(Rule.G009, "max_length", f"found it on {data_type.value}, allowed on string; remove it")
    default = fields.value("default")
    if name is None or default is None:
        return None if name is None else argument
    try:
        return replace(argument, default=argument.fit(default))
    except MisfitError as error:
        fields.problem(Rule.G009, "default", f"{error}; change 'default' or what is allowed")
        return argument


def _read_argument_name(fields: Fields) -> str | None:
    if not fields.require("name", "speed"):
        return None
    name = fields.text("name")
    if name is not None and _ARGUMENT_NAME.fullmatch(name) and len(name) <= ARGUMENT_NAME_LIMIT:
        return name
    allowed = f"allowed are at most {ARGUMENT_NAME_LIMIT} letters, digits and '_', not beginning with a digit"
    fields.problem(Rule.G004, "name", f"found {name!r}, {allowed}; rename it")
    return None


def _read_whole(fields: Fields, key: str, least: int, most: int) -> int | None:
    found = fields.value(key)
    if found is None or (isinstance(found, int) and not isinstance(found, bool) and least <= found <= most):
        return found
    fields.problem(Rule.G003, key, f"found {found!r}, allowed are integers from {least} to {most}")
    return None
