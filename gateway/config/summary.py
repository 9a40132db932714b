"""Settings in force that differ from the defaults, for people to read."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from gateway.config.keys import KEYS, value_at
from gateway.config.reader import LoadedSettings


def differences(loaded: LoadedSettings) -> Iterator[str]:
    """`key = value  (place)` for every setting that is not at its default; secrets only as `(set)`."""
    for key in KEYS.values():
        value = value_at(loaded.settings, key.path)
        if value != key.default:
            place = loaded.places.get(key.path)
            text = "(set)" if key.secret else _text(value)
            yield f"{key.path} = {text}" + (f"  ({place})" if place else "")


def _text(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case tuple():
            return f"[{', '.join(map(_text, value))}]"
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
            return "{" + ", ".join(f"{name}: {_text(item)}" for name, item in fields if item not in (None, ())) + "}"
        case _:
            return str(value)
