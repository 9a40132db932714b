"""What the own entities answer: a body with its status, or an error (docs/api.md, "Errors")."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from entities.model import EntityKind


class EntityRef(msgspec.Struct, frozen=True):
    """One entity of one kind; the same id may name another entity of another kind."""

    kind: EntityKind
    id: str


@dataclass(frozen=True, slots=True)
class ResourceError:
    """A request refused. `code` is the wire's `error_code`; with `vendor_code` it is `vendor-error`.

    `retry_after_s`: seconds after which the client may come again, where that helps.
    """

    status: int
    code: str
    message: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    vendor_code: str | None = None
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class ItemAnswer:
    """A request answered. `body` is None exactly for 204."""

    status: int
    body: Mapping[str, Any] | None
    headers: Mapping[str, str] = field(default_factory=dict)


NO_CONTENT = ItemAnswer(204, None)


@dataclass(frozen=True, slots=True)
class ConfigurationList:
    """The two lists of a collection: `items` {id, name, type: "parameter"} and
    `parameters` {name, value, type, read_only, description}, in the same order.
    """

    items: Sequence[Mapping[str, Any]] = ()
    parameters: Sequence[Mapping[str, Any]] = ()
