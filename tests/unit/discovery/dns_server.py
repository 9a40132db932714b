"""A DNS server on loopback, whose zone the test changes while it runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
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
    by_tcp: Callable[[bytes], bytes] | None = None
    """What is sent for a question by TCP; then by UDP there is only the word that it does not fit."""
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
        if self.by_tcp is not None:
            response.answer.clear()
            response.flags |= dns.flags.TC
        return response.to_wire()

    async def answer_by_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One question, and the line is closed when the other side has closed it."""
        with suppress(asyncio.IncompleteReadError):
            question = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
            if self.by_tcp is not None:
                writer.write(self.by_tcp(question))
            await reader.read()
        writer.close()


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
    listener = await asyncio.start_server(server.answer_by_tcp, "127.0.0.1", 0)
    server.address = listener.sockets[0].getsockname()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Socket(server), local_addr=server.address)
    try:
        yield server
    finally:
        transport.close()
        listener.close()
        await listener.wait_closed()
