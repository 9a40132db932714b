"""The arguments of an operation: what may be given, and what is wrong with what was given. Pure.

A closed vocabulary, so that every limit can be told to a client.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from gateway.local.value_range import ValueRange
from gateway.local.values import DataType, MisfitError, conform

ARGUMENT_NAME_LIMIT: Final = 64
"""Characters of an argument's name."""

ARGUMENT_TEXT_LIMIT: Final = 4096
"""Characters of a text argument that does not say how long it may be."""

PROBLEM_LIMIT: Final = 20
"""Problems of one request that are told; the rest comes up when these are mended."""

PARAMETER_LIMIT: Final = 1000
"""Parameters of one request."""

_JSON_SCHEMA_TYPES: Final = {
    DataType.BOOL: "boolean",
    DataType.INT: "integer",
    DataType.DOUBLE: "number",
    DataType.STRING: "string",
    DataType.OBJECT: "object",
    DataType.ARRAY: "array",
}


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument. `default` None = it is left out when it is not given.

    `minimum`, `maximum` and `step` bound numbers, `max_length` and `pattern` texts; `choices` are all values there are.
    """

    name: str
    type: DataType
    required: bool = False
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    max_length: int | None = None
    pattern: re.Pattern[str] | None = None
    choices: tuple[Any, ...] = ()
    unit: str | None = None
    description: str = ""

    def fit(self, value: Any) -> Any:
        """`value` as this argument's type. Raises MisfitError, saying what was found and what is allowed."""
        fitted = conform(value, self.type)
        longest = ARGUMENT_TEXT_LIMIT if self.max_length is None else self.max_length
        if isinstance(fitted, str) and len(fitted) > longest:
            raise MisfitError(f"found {len(fitted)} characters, allowed are at most {longest}")
        ValueRange(self.minimum, self.maximum, self.step, self.choices, self.pattern).check(fitted)
        return fitted


@dataclass(frozen=True, slots=True)
class ArgumentProblem:
    """What is wrong with one argument, as a client is told it."""

    field: str
    message: str


def fit_arguments(
    arguments: Sequence[Argument] | None, given: Mapping[str, Any]
) -> dict[str, Any] | list[ArgumentProblem]:
    """What an operation gets: `given`, checked, with the defaults; or all that is wrong. `arguments` None: anything."""
    if len(given) > PARAMETER_LIMIT:
        return [ArgumentProblem("parameters", f"found {len(given)}, allowed are at most {PARAMETER_LIMIT}")]
    if arguments is None:
        return dict(given)
    fitted: dict[str, Any] = {}
    problems: list[ArgumentProblem] = []
    for argument in arguments:
        value = given.get(argument.name)
        if value is None:
            if argument.default is not None:
                fitted[argument.name] = argument.default
            elif argument.required:
                problems.append(ArgumentProblem(argument.name, f"missing, a value of type {argument.type.value}"))
            continue
        try:
            fitted[argument.name] = argument.fit(value)
        except MisfitError as error:
            problems.append(ArgumentProblem(argument.name, str(error)))
    names = {argument.name: None for argument in arguments}
    allowed = f"allowed are {', '.join(names)}" if names else "the operation takes no arguments"
    unknown = islice((name for name in given if name not in names), PROBLEM_LIMIT)
    problems.extend(ArgumentProblem(name[:ARGUMENT_NAME_LIMIT], f"unknown, {allowed}") for name in unknown)
    return problems[:PROBLEM_LIMIT] or fitted


def arguments_schema(arguments: Sequence[Argument] | None) -> dict[str, Any]:
    """The arguments as a JSON Schema; `{}` where anything goes."""
    if arguments is None:
        return {}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {argument.name: _argument_schema(argument) for argument in arguments},
        "additionalProperties": False,
    }
    required = [argument.name for argument in arguments if argument.required and argument.default is None]
    return {**schema, "required": required} if required else schema


def _argument_schema(argument: Argument) -> dict[str, Any]:
    told: dict[str, Any] = {
        "type": _JSON_SCHEMA_TYPES[argument.type],
        "description": argument.description or None,
        "default": argument.default,
        "minimum": argument.minimum,
        "maximum": argument.maximum,
        "x-step": argument.step,
        "maxLength": argument.max_length,
        "pattern": None if argument.pattern is None else f"^(?:{argument.pattern.pattern})$",
        "enum": list(argument.choices) or None,
        "x-unit": argument.unit,
    }
    return {key: value for key, value in told.items() if value is not None}
