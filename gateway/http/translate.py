"""Ids of Apps that are called differently here: from the owner's words into ours, and back. Pure.

Only the gateway that faces the client does this, and only where the owner's Apps are named: never inside `data`,
`value` or the `parameters` of an execution, which are the owner's own business. Source: docs/api.md, "Names".
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from entities.model import EntityKind
from entities.names import display_name
from gateway.http.path import API_PREFIX

_OPAQUE: Final = frozenset(
    {
        "data",
        "value",
        "parameters",
        "request",
        "goal",
        "input",
        "feedback",
        "snapshots",
        "payload",
        "schema",
        "type_info",
    }
)
"""Members whose content is the owner's."""

_ID_LISTS: Final = frozenset(
    {"member_ids", "hosts", "depends_on", "dependsOn", "aggregation_sources", "source_ids", "reporting_sources"}
)
_IDS: Final = frozenset({"entity_id", "source_app", "app_id", "member_id", "source_id"})
_ITEM_LISTS: Final = frozenset({"ids", "item_ids", "operation_ids"})
"""Parameters of an error that list qualified ids of items."""

_APPS: Final = f"{API_PREFIX}/{EntityKind.APP.value}/"


class Echo(msgspec.Struct, frozen=True):
    """How a client addressed an item: its answer has the same id, and that of an operation the same entity."""

    item_id: str
    entity_id: str

    def into(self, told: dict[str, Any]) -> None:
        """Writes them over what the owner told."""
        medkit = told.get("x-medkit")
        if isinstance(told.get("id"), str):
            if isinstance(medkit, dict) and "parameter" in medkit and medkit.get("entity_id") != self.entity_id:
                medkit.setdefault("source_app", medkit.get("entity_id"))
            told["id"] = self.item_id
        operation = told.get("item")
        if not isinstance(operation, dict):
            return
        if isinstance(operation.get("id"), str):
            operation["id"] = self.item_id
        medkit = operation.get("x-medkit")
        if isinstance(medkit, dict) and "entity_id" in medkit:
            medkit["entity_id"] = self.entity_id


class Translation(msgspec.Struct, frozen=True):
    """What to replace in one exchange: App ids, display names, and the path we sent by the path we received.

    `apps`: id there -> id here. `echo`: how the client addressed the item that answers.
    """

    apps: Mapping[str, str] = msgspec.field(default_factory=dict)
    sent_path: str = ""
    received_path: str = ""
    echo: Echo | None = None

    @property
    def is_empty(self) -> bool:
        """Nothing is called differently: the answer can pass verbatim."""
        return not self.apps and self.sent_path == self.received_path and self.echo is None

    def mark(self, etag: str) -> str:
        """The owner's ETag for the translated body: another translation makes another one."""
        return f'{etag[:-1]}~{self._digest()}"' if etag.endswith('"') else etag

    def unmark(self, condition: str, *, keep_others: bool) -> str:
        """The owner's own ETags out of a condition; those of other translations stay (and match nothing) or go."""
        ending = f'~{self._digest()}"'
        tags = (tag.strip() for tag in condition.split(","))
        return ", ".join(
            tag.removesuffix(ending) + '"' if tag.endswith(ending) else tag
            for tag in tags
            if keep_others or tag.endswith(ending) or tag == "*"
        )

    def _digest(self) -> str:
        told = repr((sorted(self.apps.items()), self.sent_path, self.received_path, self.echo))
        return hashlib.sha256(told.encode()).hexdigest()[:8]

    def link(self, text: str) -> str:
        """A `Location` or href as clients may follow it here."""
        if self.sent_path and text.startswith(self.sent_path):
            rest = text[len(self.sent_path) :]
            if not rest or rest[0] in "/?":
                return self.received_path + rest
        if text.startswith(_APPS):
            app, slash, rest = text[len(_APPS) :].partition("/")
            return f"{_APPS}{self.apps.get(app, app)}{slash}{rest}"
        return text

    def body(self, value: Any) -> Any:
        """A JSON answer in our words."""
        seen = self._walk(value, key="")
        if self.echo is not None and isinstance(seen, dict):
            self.echo.into(seen)
        return seen

    def _walk(self, value: Any, key: str) -> Any:
        match value:
            case dict():
                return self._object(value, key)
            case list() if key in _ID_LISTS:
                return [self._id(one) for one in value]
            case list():
                return [self._walk(one, key) for one in value]
            case str() if key in _IDS:
                return self._id(value)
            case str():
                return self.link(value)
            case _:
                return value

    def _object(self, value: dict[str, Any], key: str) -> dict[str, Any]:
        # In an entity's detail `data` is the URI of its data.
        opaque = frozenset[str]() if "capabilities" in value or key == "_links" else _OPAQUE
        seen = {name: inner if name in opaque else self._walk(inner, name) for name, inner in value.items()}
        own_id = value.get("id")
        if value.get("type") == EntityKind.APP.singular and isinstance(own_id, str) and own_id in self.apps:
            here = self.apps[own_id]
            seen["id"] = here
            seen["name"] = display_name(str(value.get("name", own_id)), own_id, here)
        elif isinstance(own_id, str) and ":" in own_id and not self.sent_path.startswith(_APPS):
            seen["id"] = self._qualified(own_id)  # an App has no members: its items are called as it calls them
        parameters = value.get("parameters")
        if "error_code" in value and isinstance(parameters, dict):
            seen["parameters"] = {name: self._of_error(name, told) for name, told in parameters.items()}
        if key == "x-medkit":
            if isinstance(value.get("source"), str):
                seen["source"] = self._id(value["source"])
            if isinstance(parameters, list):
                seen["parameters"] = [self._parameter(one) for one in parameters]
        return seen

    def _of_error(self, name: str, told: Any) -> Any:
        """What an error says of whom it is about; the rest is the owner's words, and may be anything."""
        if name in _ITEM_LISTS and isinstance(told, list):
            return [self._qualified(one) if isinstance(one, str) else one for one in told]
        return self._walk(told, name) if name in _IDS or name in _ID_LISTS or name == "results" else told

    def _parameter(self, told: Any) -> Any:
        """The value of a configuration with whose it is."""
        if not isinstance(told, dict) or not isinstance(told.get("x-medkit"), dict):
            return told
        return {**told, "x-medkit": self._walk(told["x-medkit"], "x-medkit")}

    def _qualified(self, item_id: str) -> str:
        head, colon, rest = item_id.partition(":")
        return f"{self.apps.get(head, head)}{colon}{rest}"

    def _id(self, value: Any) -> Any:
        return self.apps.get(value, value) if isinstance(value, str) else value


def reported_as(fault: Mapping[str, Any], own_id: str, here: str) -> dict[str, Any]:
    """A fault whose reporter is called `here`: an App without a ROS node reports under its id."""
    sources = fault.get("reporting_sources")
    if own_id == here or not isinstance(sources, list):
        return {**fault}
    return {**fault, "reporting_sources": [here if one == own_id else one for one in sources]}


VERBATIM: Final = Translation()
"""Nothing is called differently."""


def reverse(apps: Mapping[str, str]) -> Translation:
    """The translation of a client's request body into the owner's words; `apps`: id there -> id here."""
    return Translation(apps={here: there for there, here in apps.items()})
