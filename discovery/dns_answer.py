"""What a DNS server answered, read within bounds. Pure.

dnspython reads all of an answer before it says what is in it, and one of 64 KiB can be made to take it half a minute.
So of an answer only what was asked for is read here, name by name with dnspython's own reader, until enough was read.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
from dns.name import Name
from dns.wire import Parser

MAX_RECORDS: Final = 1024
"""Records of one answer that count. Servers tell them in another order every time, so where there are more, others
count every time.
"""

MAX_STEPS: Final = 40000
"""Pieces of an answer that are read, a label for one; one of 1024 records has about 24000."""

MAX_ALIASES: Final = 16
"""CNAME records that are followed."""

_HEADER: Final = "!HHHHHH"
_RECORD: Final = "!HHIH"
"""After its name: type, class, TTL, length."""
_RCODE: Final = 0x000F

Value = tuple[str, int] | str | Name
"""Host and port of a service, an address, or the name that an alias stands for."""


class TooLongError(dns.exception.FormError):
    """The answer is longer than any that can be used."""

    msg = f"The answer has more than {MAX_STEPS} labels and fields, or more than {MAX_ALIASES} aliases."


@dataclass(frozen=True, slots=True)
class Record:
    """One record of an answer."""

    owner: Name
    kind: dns.rdatatype.RdataType
    ttl: int
    value: Value


class Reply(dns.message.QueryMessage):
    """What dnspython needs to know of an answer to go on, and beside it the records, which it does not see."""

    records: tuple[Record, ...] = ()
    """Those of the type that was asked for, of the name that was asked for or of what it is an alias of."""


def read_reply(wire: bytes, request: dns.message.QueryMessage) -> Reply | None:
    """The answer to `request`; None if it is none to this one. Raises DNSException for what cannot be read."""
    parser = _Counting(wire)
    number, flags, questions, answers, _, _ = parser.get_struct(_HEADER)
    if number != request.id or not flags & dns.flags.QR or questions > 1:
        return None
    asked = request.question[0]
    if questions and (parser.get_name(decompress=True), *parser.get_struct("!HH")) != (
        asked.name,
        asked.rdtype,
        asked.rdclass,
    ):
        return None
    if not questions and flags & _RCODE == dns.rcode.NOERROR:
        return None
    reply = Reply(id=request.id)
    reply.flags = dns.flags.Flag(flags)
    reply.question = request.question
    if not flags & dns.flags.TC:
        reply.records = _wanted(_records(parser, answers, asked.rdtype), asked.name, asked.rdtype)
    return reply


def _records(parser: Parser, answers: int, wanted: int) -> Iterator[Record]:
    """The records of the wanted type and the aliases."""
    left = MAX_RECORDS
    for _ in range(answers):
        owner = parser.get_name(decompress=True)
        kind, rdclass, ttl, length = parser.get_struct(_RECORD)
        with parser.restrict_to(length):
            if rdclass == dns.rdataclass.IN and kind in (wanted, dns.rdatatype.CNAME):
                yield Record(owner, dns.rdatatype.RdataType(kind), ttl, _value(parser, kind))
                left -= 1
                if not left:
                    return
            else:
                parser.seek(parser.end)


def _wanted(records: Iterable[Record], name: Name, kind: int) -> tuple[Record, ...]:
    of: dict[Name, list[Record]] = {}
    for record in records:
        of.setdefault(record.owner, []).append(record)
    for _ in range(MAX_ALIASES):
        if found := tuple(record for record in of.get(name, ()) if record.kind == kind):
            return found
        alias = next((record.value for record in of.get(name, ()) if isinstance(record.value, Name)), None)
        if alias is None:
            return ()
        name = alias
    raise TooLongError


def _value(parser: Parser, kind: int) -> Value:
    match kind:
        case dns.rdatatype.SRV:
            _, _, port = parser.get_struct("!HHH")
            return parser.get_name(decompress=True).to_text(omit_final_dot=True), port
        case dns.rdatatype.CNAME:
            return parser.get_name(decompress=True)
        case _:
            size = 4 if kind == dns.rdatatype.A else 16
            return str(ipaddress.ip_address(parser.get_bytes(size)))


class _Counting(Parser):
    """Gives up after `MAX_STEPS`."""

    def __init__(self, wire: bytes) -> None:
        super().__init__(wire)
        self._left = MAX_STEPS

    def get_bytes(self, size: int) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise TooLongError
        return super().get_bytes(size)
