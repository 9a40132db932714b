"""From values as written to the shape of their setting, guided by the annotation of its field."""

import os.path
from pathlib import Path
from typing import Any

from gateway.config.document import Group, Listing, Scalar, Value
from gateway.config.hints import bare, fields_of, is_optional, is_textual, item_hint
from gateway.config.keys import closest
from gateway.config.problems import Place, Problem


class Shaper:
    """Turns values into JSON's types, remembering the place of each and unknown keys inside lists.

    A text setting takes a plain value as it is written (`min_version: 1.3`, `name: no`); an empty
    path is none; a list of nothing, or of nothing but `""`, is empty (ROS cannot write `[]`).
    """

    def __init__(self) -> None:
        # Mutable: what was met so far. A place's key is dotted, with [n] for items of lists.
        self.places: dict[str, Place] = {}
        self.problems: list[Problem] = []

    def shape(self, value: Value, hint: Any, key: str) -> Any:
        """`value` for a field annotated with `hint`; what does not fit is passed on for validation."""
        self.places[key] = value.place
        base = bare(hint)
        match value:
            case Scalar(value=None):
                return [] if item_hint(base) else None
            case Scalar(text):
                return _text(text, base, optional=is_optional(hint)) if is_textual(base) else value.value
            case Listing(items):
                return self._list(items, item_hint(base), key)
            case Group():
                return self._group(value, base, key)

    def _list(self, items: tuple[Value, ...], hint: Any, key: str) -> list[Any]:
        shaped = [self.shape(item, hint, f"{key}[{index}]") for index, item in enumerate(items)]
        return [] if all(item == "" for item in shaped) else shaped

    def _group(self, group: Group, base: Any, key: str) -> dict[str, Any]:
        hints = fields_of(base)
        shaped: dict[str, Any] = {}
        for member in group.members:
            if hints and member.key not in hints:
                near = closest(member.key, tuple(hints))
                advice = f"did you mean {near}?" if near else ""
                allowed = f"one of {', '.join(hints)}"
                path = f"{key}.{member.key}"
                self.problems.append(Problem(member.place, path, "an unknown setting", allowed, advice))
            else:
                shaped[member.key] = self.shape(member.value, hints.get(member.key), f"{key}.{member.key}")
        return shaped


def _text(text: str, base: Any, *, optional: bool) -> str | None:
    if base is not Path:
        return text
    return None if optional and not text else os.path.expanduser(text)  # noqa: PTH111 -- "" must stay ""
