"""A DNS server on loopback, whose zone the test changes while it runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Records = dict[tuple[str, str], tuple[int, list[str]]]
"""(name, type) -> TTL in seconds and the records, as a zone file writes them."""


@dataclass
class DnsServer:
    """Answers from `records`; names without any are NXDOMAIN. `rcode` answers everything, `mute` nothing."""

    records: Records = field(default_factory=dict)
    rcode: dns.rcode.Rcode | None = None
    mute: bool = False
    garbage: bytes | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    address: tuple[str, int] = ("127.0.0.1", 0)

    def set(self, name: str, kind: str, *records: str, ttl: int = 60) -> None:
        """From now on these are the records of this name and type."""
        self.records[name, kind] = (ttl, [*records])

    def answer(self, packet: bytes) -> bytes | None:
        query = dns.message.from_wire(packet)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if self.mute or self.garbage is not None:
            return self.garbage
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        ttl, records = self.records.get((name, kind), (0, []))
        if records:
            response.answer.append(dns.rrset.from_text(question.name, ttl, "IN", kind, *records))
        elif not any(known == name for known, _ in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        if self.rcode is not None:
            response.answer.clear()
            response.set_rcode(self.rcode)
        return response.to_wire()


class _Socket(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._server.answer(data)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)


@asynccontextmanager
async def dns_server() -> AsyncIterator[DnsServer]:
    """A running server with an empty zone."""
    server = DnsServer()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Socket(server), local_addr=("127.0.0.1", 0))
    server.address = transport.get_extra_info("sockname")
    try:
        yield server
    finally:
        transport.close()
