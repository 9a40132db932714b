"""The annotations of settings' fields: what kind of value they ask for, and how to say so."""

import dataclasses
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from annotated_types import DocInfo, Ge, Le

_WORDS: Final = {bool: "true or false", int: "a whole number", str: "text", Path: "a path"}


def bare(hint: Any) -> Any:
    """`hint` without `Annotated` and without `| None`."""
    while True:
        if typing.get_origin(hint) is Annotated:
            hint = typing.get_args(hint)[0]
        elif is_optional(hint):
            hint = next(part for part in typing.get_args(hint) if part is not types.NoneType)
        else:
            return hint


def is_optional(hint: Any) -> bool:
    """Whether `hint` is `X | None`."""
    # get_type_hints turns `Annotated[int, ...] | None` into typing's own union.
    return typing.get_origin(hint) in (types.UnionType, typing.Union) and types.NoneType in typing.get_args(hint)


def is_textual(base: Any) -> bool:
    """Whether a bare hint is text: `str`, a path, or one of some words."""
    return base in (str, Path) or typing.get_origin(base) is Literal


def item_hint(base: Any) -> Any:
    """The hint of the items of a bare `tuple[X, ...]`; None when it is no tuple."""
    return typing.get_args(base)[0] if typing.get_origin(base) is tuple else None


def fields_of(base: Any) -> dict[str, Any]:
    """The hints of a dataclass's fields; empty when it is none."""
    if isinstance(base, type) and dataclasses.is_dataclass(base):
        return typing.get_type_hints(base, include_extras=True)
    return {}


def allowed_by(hint: Any) -> str:
    """In words what a field annotated with `hint` may hold."""
    base, metadata = bare(hint), list(_metadata(hint))
    for part in metadata:
        if isinstance(part, DocInfo):
            return part.documentation
    if typing.get_origin(base) is Literal:
        return "one of " + ", ".join(typing.get_args(base))
    if typing.get_origin(base) is tuple:
        return f"a list of {_items(item_hint(base))}"
    if fields_of(base):
        return _items(base)
    least = next((part.ge for part in metadata if isinstance(part, Ge)), None)
    most = next((part.le for part in metadata if isinstance(part, Le)), None)
    bounds = f" from {least} to {most}" if least is not None and most is not None else ""
    return _WORDS[base] + bounds


def _items(hint: Any) -> str:
    fields = fields_of(hint)
    return "{" + ", ".join(fields) + "}" if fields else "texts"


def _metadata(hint: Any) -> Iterator[Any]:
    if typing.get_origin(hint) is Annotated:
        yield from hint.__metadata__
        yield from _metadata(typing.get_args(hint)[0])
    elif is_optional(hint):
        for part in typing.get_args(hint):
            yield from _metadata(part)
