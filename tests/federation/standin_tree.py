"""What a stand-in owner says of itself: its health and its tree document, from a spec that tests may change."""

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

KINDS = ("areas", "components", "apps", "functions")


def new_instance_id() -> str:
    """A UUID as the wire spells it: 22 characters of base64url."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()


class StandinTree:
    """The spec's keys, all optional: `name`, `instance_id`, `boot_id`, `links`, the four KINDS, `others` (records
    passed on), `forgotten`, `names`; and what the document does not tell: `resources`, the ids of list items as
    `{"apps/arm": {"logs": ["log_1"]}}`, instead of those that the entity itself lists.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.instance_id: str = spec.get("instance_id") or new_instance_id()
        self.boot_id: str = spec.get("boot_id") or new_instance_id()
        self.generation = 0
        self._epoch = int(time.time())
        self._spec: dict[str, Any] = dict(spec)
        # Mutable state: the spec and its generation.
        self.change({})

    def change(self, spec: Mapping[str, Any]) -> None:
        """Replaces the given keys; the record's version and the generation rise."""
        self._spec.update(spec)
        self.generation += 1
        text = json.dumps(self.document())
        self.body = text.encode()
        self.etag = f'"{hashlib.sha256(self.body).hexdigest()[:16]}"'

    def owns(self, kind: str, entity_id: str) -> Mapping[str, Any] | None:
        """The entity as the spec has it."""
        return next((entity for entity in self._spec.get(kind, []) if entity["id"] == entity_id), None)

    def members(self) -> list[str]:
        """All entities, as `apps/arm`."""
        return [f"{kind}/{entity['id']}" for kind in KINDS for entity in self._spec.get(kind, [])]

    def items(self, member: str, collection: str) -> list[str]:
        """The ids of an entity's items in a resource collection; none for one we do not have."""
        entity = self.owns(*member.split("/")) if member in self.members() else None
        if entity is None:
            return []
        of_member = self._spec.get("resources", {}).get(member, {})
        items: list[str] = of_member.get(collection, entity.get(collection, []))
        return items

    def health(self) -> dict[str, Any]:
        """The body of `/health`."""
        return {
            "status": "healthy",
            "timestamp": time.time_ns(),
            "warning_schema_version": 2,
            "warnings": [],
            "x-medkit": {
                "instance_id": self.instance_id,
                "boot_id": self.boot_id,
                "name": self._spec.get("name", "owner"),
                "generation": self.generation,
                "capabilities": ["tree"],
            },
        }

    def document(self) -> dict[str, Any]:
        """The body of `/x-medkit-tree`, always in full."""
        own = {
            "id": self.instance_id,
            "version": [self._epoch, self.generation],
            "name": self._spec.get("name", "owner"),
            "links": self._spec.get("links", []),
            **{kind: self._spec.get(kind, []) for kind in KINDS},
        }
        return {
            "format": 1,
            "instance_id": self.instance_id,
            "boot_id": self.boot_id,
            "generation": self.generation,
            "records": [own, *self._spec.get("others", [])],
            "forgotten": self._spec.get("forgotten", []),
            "names": self._spec.get("names", {}),
        }
