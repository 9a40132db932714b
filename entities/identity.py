"""Instance ids: UUIDs as 22 characters of base64url, the one spelling used everywhere on the wire."""

import base64
import re
import uuid
from dataclasses import dataclass
from typing import Final

INSTANCE_PATTERN: Final = re.compile(r"[A-Za-z0-9_-]{22}")


def is_instance_id(text: object) -> bool:
    """Whether the whole of `text` has the form of an instance or boot id."""
    return isinstance(text, str) and INSTANCE_PATTERN.fullmatch(text) is not None


def instance_id_of(value: uuid.UUID) -> str:
    """The wire spelling of a UUID: 22 characters of base64url, no padding."""
    return base64.urlsafe_b64encode(value.bytes).rstrip(b"=").decode("ascii")


def foreign_id(reader: str, url: str) -> str:
    """The id that gateway `reader` gives to one that has none of its own: the same for the same normalised URL."""
    namespace = uuid.UUID(bytes=base64.urlsafe_b64decode(f"{reader}=="))
    return instance_id_of(uuid.uuid5(namespace, url))


@dataclass(frozen=True, slots=True)
class GatewayIdentity:
    """Who a gateway is: the instance over restarts, the boot of this start, and the record's epoch."""

    instance_id: str
    boot_id: str
    name: str
    epoch: int
