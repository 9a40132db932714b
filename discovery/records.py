"""What stands in mDNS records: ours as they are announced, and those of others as they are understood. Pure.

Source: RFC 6763 (TXT: section 6); an upstream gateway sends a single SRV, no TXT and no address.
"""

import hashlib
import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from zeroconf import DNSAddress, DNSIncoming, DNSPointer, DNSRecord, DNSService, DNSText, ServiceInfo

APPLICATION: Final = "medkit"
"""TXT `app`: gateways of another application are none of ours."""

MAX_TXT_BYTES: Final = 1300
"""Longest TXT record that is read (RFC 6763, 6.2: more does not fit into one packet)."""

MAX_INSTANCES: Final = 16
"""Instances of one packet that are looked at: an honest host has one or two."""

MAX_LABEL_BYTES: Final = 63
"""RFC 1035, 2.3.4."""

_ID: Final = re.compile(r"[A-Za-z0-9_-]{22}")
_MOST_PARTS: Final = 3
"""A dot in the name of an instance makes two labels of it, for zeroconf; people write one or two."""

_WORD: Final = re.compile(r"[!-~]{1,64}")
_TXT_VERSION: Final = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What this gateway says of itself. The ids are 22 characters of base64url."""

    label: str
    """The instance label; another one is taken if it is in use."""
    port: int
    instance: str
    boot: str
    version: str
    scheme: str
    auth: bool = False
    """Whether requests need a token."""

    @property
    def host(self) -> str:
        """The SRV target: a name of our own. That of the machine belongs to its own responder, such as Avahi."""
        return f"grove-{hashlib.sha256(self.instance.encode()).hexdigest()[:12]}.local."

    @property
    def text(self) -> dict[str, str]:
        """The TXT record."""
        return {
            "txtvers": _TXT_VERSION,
            "id": self.instance,
            "boot": self.boot,
            "ver": self.version,
            "path": "/api/v1",
            "scheme": self.scheme,
            "auth": "token" if self.auth else "none",
            "app": APPLICATION,
        }


@dataclass(frozen=True, slots=True)
class Told:
    """What the TXT record of a gateway claims; None where it says nothing that can be believed."""

    instance: str | None = None
    boot: str | None = None
    version: str | None = None
    scheme: str | None = None
    app: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """An instance is at this port; `addresses` are what the same packet gave for its target, perhaps none."""

    label: str
    port: int
    addresses: tuple[str, ...]
    told: Told = field(default_factory=Told)


@dataclass(frozen=True, slots=True)
class Goodbye:
    """An instance says that it goes."""

    label: str


@dataclass(frozen=True, slots=True)
class Mention:
    """There is an instance, but the packet does not say where."""

    label: str


Saying = Place | Goodbye | Mention


def instance_label(name: str) -> str:
    """`name` as an instance label: at most 63 bytes; a dot would make two labels of it, so it is `_`, as upstream's."""
    return name.replace(".", "_").encode()[:MAX_LABEL_BYTES].decode(errors="ignore")


def numbered_label(label: str, number: int) -> str:
    """`label` with `-number` at its end, for a name that is in use; cut between characters where both do not fit."""
    ending = f"-{number}"
    return label.encode()[: MAX_LABEL_BYTES - len(ending)].decode(errors="ignore") + ending


def service_type(setting: str) -> str:
    """`aggregation.mdns_service` as it stands in packets: with the dot at its end."""
    return f"{setting.rstrip('.')}."


def understand(packet: DNSIncoming, service: str) -> Iterator[Saying]:
    """What `packet` says about instances of `service`, in its order; nothing if it is not a readable response.

    At most `MAX_INSTANCES` sayings.
    """
    if packet.valid and packet.is_response():
        yield from islice(_sayings(packet, service), MAX_INSTANCES)


def _sayings(packet: DNSIncoming, service: str) -> Iterator[Saying]:
    records = packet.answers()
    ending = f".{service}".lower()
    addresses = _addresses(records)
    texts = {record.name.lower(): record.text for record in records if isinstance(record, DNSText) and record.ttl}
    settled: set[str] = set()
    for record in records:
        if isinstance(record, DNSService) and record.name.lower().endswith(ending):
            label = record.name[: -len(ending)]
            settled.add(label.lower())
            if not _is_label(label):
                continue
            if record.ttl == 0:
                yield Goodbye(label)
            else:
                told = parse_text(texts.get(record.name.lower(), b""))
                yield Place(label, record.port, addresses.get(record.server.lower(), ()), told)
    for record in records:
        if isinstance(record, DNSPointer) and record.name.lower() == service.lower():
            label = record.alias[: -len(ending)]
            if record.alias.lower().endswith(ending) and label.lower() not in settled and _is_label(label):
                yield Goodbye(label) if record.ttl == 0 else Mention(label)


def parse_text(text: bytes) -> Told:
    """What a TXT record claims. Whatever is not as it should be is left out; the rest counts."""
    if len(text) > MAX_TXT_BYTES:
        return Told()
    pairs = ServiceInfo("_x._tcp.local.", "x._x._tcp.local.", properties=text).properties
    scheme = _matching(_WORD, pairs, b"scheme")
    return Told(
        instance=_matching(_ID, pairs, b"id"),
        boot=_matching(_ID, pairs, b"boot"),
        version=_matching(_WORD, pairs, b"ver"),
        scheme=scheme if scheme in {"http", "https"} else None,
        app=_matching(_WORD, pairs, b"app"),
    )


def _is_label(label: str) -> bool:
    """Whether the name of an instance can be written as it was read; zeroconf reads what is not UTF-8 as U+FFFD."""
    parts = label.encode().split(b".")
    return (
        "\ufffd" not in label and all(0 < len(part) <= MAX_LABEL_BYTES for part in parts) and len(parts) <= _MOST_PARTS
    )


def _addresses(records: list[DNSRecord]) -> Mapping[str, tuple[str, ...]]:
    """The addresses by lower-case host name, in the order of the packet."""
    found: dict[str, dict[str, None]] = {}
    for record in records:
        if isinstance(record, DNSAddress) and record.ttl and len(record.address) in {4, 16}:
            found.setdefault(record.name.lower(), {})[str(ipaddress.ip_address(record.address))] = None
    return {name: tuple(addresses) for name, addresses in found.items()}


def _matching(allowed: re.Pattern[str], pairs: Mapping[bytes, bytes | None], key: bytes) -> str | None:
    try:
        text = (pairs.get(key) or b"").decode("ascii")
    except UnicodeDecodeError:
        return None
    return text if allowed.fullmatch(text) else None
