"""Answers of DNS servers, byte by byte: honest ones, and such as no reader should read to their end."""

import struct
from collections.abc import Callable, Mapping
from typing import Final

import dns.message

A, CNAME, SRV = 1, 5, 33
QUERY: Final = dns.message.make_query("_grove._tcp.example", "SRV", id=1)

MAX_BYTES: Final = 65535
_DEEP: Final = b"\1a" * 118 + b"\0"
"""A name of as many labels as a name may have."""
_ASKED: Final = b"\xc0\x0c"
"""A pointer to the name in the question."""


def answer(records: bytes, count: int, query: dns.message.QueryMessage = QUERY) -> bytes:
    """The answer to `query` with these records, cut where a message ends."""
    asked = query.to_wire()
    return (asked[:2] + struct.pack("!HHHHH", 0x8180, 1, count, 0, 0) + asked[12:] + records)[:MAX_BYTES]


def record(kind: int, value: bytes, owner: bytes = _ASKED) -> bytes:
    """One record, good for a minute."""
    return owner + struct.pack("!HHIH", kind, 1, 60, len(value)) + value


def service(port: int, host: bytes) -> bytes:
    """An SRV record; `host` as it stands in the message."""
    return record(SRV, struct.pack("!HHH", 0, 0, port) + host)


def honest(count: int = 256) -> bytes:
    """So many pods of Kubernetes."""
    labels = (b"pod-12", b"grove", b"default", b"svc", b"cluster", b"local", b"")
    host = b"".join(bytes([len(label)]) + label for label in labels)
    return answer(b"".join(service(1024 + number, host) for number in range(count)), count)


def _start() -> int:
    return len(answer(b"", 0))


def _deep_hosts(query: dns.message.QueryMessage) -> bytes:
    """Services on one host, whose name is as deep as may be."""
    first = service(1024, _DEEP)
    pointer = struct.pack("!H", 0xC000 | _start() + len(first) - len(_DEEP))
    rest = b"".join(service(1025 + number, pointer) for number in range(3200))
    return answer(first + rest, 3201, query)


def _deep_owners(query: dns.message.QueryMessage) -> bytes:
    """Records of a name that nobody asked for, as deep as may be."""
    first = service(1024, _DEEP)
    pointer = struct.pack("!H", 0xC000 | _start() + len(first) - len(_DEEP))
    return answer(first + record(16, b"", pointer) * 5000, 5001, query)


def _other_types(query: dns.message.QueryMessage) -> bytes:
    return answer(record(A, bytes(4)) * 4000, 4000, query)


def _name_without_end(query: dns.message.QueryMessage) -> bytes:
    return answer(record(SRV, b"\0", b"\1a" * 32000 + b"\0"), 1, query)


def _pointers_to_pointers(query: dns.message.QueryMessage) -> bytes:
    start = _start() + 11
    hops = b"".join(struct.pack("!H", 0xC000 | start + 2 * number) for number in range(7000))
    last = struct.pack("!H", 0xC000 | start + len(hops) - 2)
    return answer(b"\0" + struct.pack("!HHIH", 16, 1, 60, len(hops)) + hops + service(1024, last) * 2000, 2001, query)


def _aliases(query: dns.message.QueryMessage) -> bytes:
    """Each of the asked name, to itself."""
    return answer(record(CNAME, _ASKED) * 4000, 4000, query)


HOSTILE: Final[Mapping[str, Callable[[dns.message.QueryMessage], bytes]]] = {
    one.__name__.strip("_"): one
    for one in (_deep_hosts, _deep_owners, _other_types, _name_without_end, _pointers_to_pointers, _aliases)
}
"""By what is wrong with them."""
