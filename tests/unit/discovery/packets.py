"""mDNS packets as tests write them, and upstream's to the byte."""

import socket
from collections.abc import Mapping, Sequence
from typing import Any, Final

from zeroconf import DNSAddress, DNSIncoming, DNSOutgoing, DNSPointer, DNSQuestion, DNSService, DNSText, ServiceInfo

SERVICE: Final = "_medkit._tcp.local."
PTR, TXT, SRV, A, AAAA = 12, 16, 33, 1, 28
IN, UNIQUE = 1, 0x8001
RESPONSE: Final = 0x8400


def packet(*records: Any, flags: int = RESPONSE) -> DNSIncoming:
    """A response of these records, parsed as it would come from the network."""
    return DNSIncoming(written(*records, flags=flags))


def written(*records: Any, flags: int = RESPONSE, id_: int = 0) -> bytes:
    out = DNSOutgoing(flags, id_=id_)
    for record in records:
        if isinstance(record, DNSQuestion):
            out.add_question(record)
        else:
            out.add_answer_at_time(record, 0)
    (data,) = out.packets()
    return data


def ptr(label: str, ttl: int = 4500, service: str = SERVICE) -> DNSPointer:
    return DNSPointer(service, PTR, IN, ttl, f"{label}.{service}")


def srv(label: str, port: int, host: str = "host.local.", ttl: int = 120, service: str = SERVICE) -> DNSService:
    return DNSService(f"{label}.{service}", SRV, UNIQUE, ttl, 0, 0, port, host)


def txt(label: str, values: Mapping[str, str] | bytes, service: str = SERVICE) -> DNSText:
    text = values if isinstance(values, bytes) else ServiceInfo(service, f"x.{service}", properties=dict(values)).text
    return DNSText(f"{label}.{service}", TXT, UNIQUE, 4500, text)


def address(text: str, host: str = "host.local.", ttl: int = 120) -> DNSAddress:
    family, kind = (socket.AF_INET6, AAAA) if ":" in text else (socket.AF_INET, A)
    return DNSAddress(host, kind, UNIQUE, ttl, socket.inet_pton(family, text))


def upstream_announcement(label: str, port: int, host: str, ttl: int = 120, service: str = SERVICE) -> bytes:
    """One SRV record and nothing else; with `ttl` 0, and then without the unique bit, its goodbye."""
    kind = UNIQUE if ttl else IN
    return written(DNSService(f"{label}.{service}", SRV, kind, ttl, 0, 0, port, host))


def upstream_question(service: str = SERVICE) -> bytes:
    """One QU question for the service, id 0."""
    return written(DNSQuestion(service, PTR, UNIQUE), flags=0)


def upstream_reply(question: DNSIncoming, label: str, port: int, host: str, service: str = SERVICE) -> bytes:
    """To a QU question: its id and question, PTR as the answer, SRV beside it."""
    out = DNSOutgoing(RESPONSE, id_=question.id, multicast=False)
    for asked in question.questions:
        out.add_question(asked)
    out.add_answer_at_time(DNSPointer(service, PTR, IN, 10, f"{label}.{service}"), 0)
    out.add_additional_answer(DNSService(f"{label}.{service}", SRV, UNIQUE, 120, 0, 0, port, host))
    (data,) = out.packets()
    return data


def places(records: Sequence[Any], service: str = SERVICE) -> dict[str, int]:
    """What an upstream gateway makes of a reply: the SRV records of the service, port by lower-case first label."""
    return {
        one.name.partition(".")[0].lower(): one.port
        for one in records
        if isinstance(one, DNSService) and one.name.lower().endswith(f".{service}".lower())
    }
