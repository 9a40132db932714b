"""The one strict JSON reader, for peers and clients alike, and the writer. RFC 8259, no extensions.

Refused: more than the cap, invalid UTF-8 anywhere, a byte-order mark, UTF-16, NaN and Infinity, numbers out of
range, lone surrogates, nesting deeper than the decoder's stack.
"""

import json
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_encoder = msgspec.json.Encoder()


class InvalidJsonError(ValueError):
    """The text is not acceptable JSON, or not of the wanted type; the message says where."""


def parse_json(body: bytes, *, max_bytes: int) -> Any:
    """`body` as plain dicts, lists and scalars. Raises InvalidJsonError."""
    return parse_json_as(body, Any, max_bytes=max_bytes)


def parse_json_as(body: bytes, wanted: type[T], *, max_bytes: int) -> T:
    """`body` as `wanted`, types checked without coercion. Raises InvalidJsonError."""
    if len(body) > max_bytes:
        raise InvalidJsonError(f"{len(body)} bytes found, at most {max_bytes} allowed")
    try:
        # A typed decoder skips unknown fields without looking at their bytes, so UTF-8 is checked first.
        body.decode("utf-8")
        return msgspec.json.decode(body, type=wanted)
    except UnicodeDecodeError as error:
        raise InvalidJsonError(f"not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise InvalidJsonError("nested too deeply") from None
    except msgspec.DecodeError as error:  # ValidationError is a subclass
        raise InvalidJsonError(str(error)) from None


def require_unique_names(body: bytes) -> None:
    """Raises InvalidJsonError where an object has a name twice: one reader takes the first, another the last.

    For texts that a reader before or behind us may read too: of clients, and tokens. `body` was parsed already.
    """
    if body.count(b":") > 1:
        try:
            json.loads(body, object_pairs_hook=_unique)
        except RecursionError:
            raise InvalidJsonError("nested too deeply") from None


def _unique(members: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in members}) < len(members):
        raise InvalidJsonError("an object has a name twice")


def render_json(value: Any) -> bytes:
    """`value` as compact UTF-8 JSON; structs leave out fields at their defaults."""
    return _encoder.encode(value)
