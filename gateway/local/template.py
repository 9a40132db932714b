"""Texts with `{name}` in them, and how values are put there: into arguments, shell lines, URLs and JSON. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec

from gateway.local.command import shell_command

_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")

Values = Mapping[str, Any]
"""JSON values by name."""


def text_of(value: Any) -> str:
    """A JSON value as a program expects it: a text as it is, everything else as JSON writes it."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def names_in(template: Any) -> frozenset[str]:
    """The names in braces in a text, or in all texts of a JSON value."""
    match template:
        case str():
            return frozenset(_PLACEHOLDER.findall(template))
        case Mapping():
            return _all_names(template.values())
        case list() | tuple():
            return _all_names(template)
        case _:
            return frozenset()


def _all_names(templates: Iterable[Any]) -> frozenset[str]:
    return frozenset(name for template in templates for name in names_in(template))


def fill_text(template: str, values: Values) -> str:
    """Every `{name}` of a value by its text; other braces stay."""
    return _replaced(template, {name: text_of(value) for name, value in values.items()})


def fill_arguments(template: Iterable[str], values: Values) -> tuple[str, ...]:
    """Arguments of a program: a value is never more than a part of one argument."""
    return tuple(fill_text(argument, values) for argument in template)


def fill_shell(line: str, values: Values) -> tuple[str, ...]:
    """The argv that has the shell run `line`: a `{name}` becomes a quoted parameter, so no value is ever code."""
    used = [name for name in values if name in names_in(line)]
    parameters = {name: f'"${{{number}}}"' for number, name in enumerate(used, start=1)}
    return shell_command(_replaced(line, parameters), *(text_of(values[name]) for name in used))


def fill_url(template: str, values: Values) -> str:
    """A URL; a value cannot leave its part of it."""
    return _replaced(template, {name: quote(text_of(value), safe="") for name, value in values.items()})


def fill_json(template: Any, values: Values) -> Any:
    """A JSON value; a text that is nothing but `{name}` becomes the value with its type."""
    match template:
        case str():
            whole = _PLACEHOLDER.fullmatch(template)
            return values[whole[1]] if whole and whole[1] in values else fill_text(template, values)
        case Mapping():
            return {key: fill_json(inner, values) for key, inner in template.items()}
        case list() | tuple():
            return [fill_json(inner, values) for inner in template]
        case _:
            return template


def _replaced(template: str, texts: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: texts.get(found[1], found[0]), template)
