"""A DNS server as dnspython's resolver asks one, whose answers are read within bounds, whatever they are."""

import asyncio
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.query
from dns.nameserver import AddressAndPortNameserver

from discovery.dns_answer import read_reply


class BoundedNameserver(AddressAndPortNameserver):
    """Asked by UDP, and by TCP where the answer does not fit into a datagram. One answer is held at a time."""

    def kind(self) -> str:
        """As dnspython calls it in its messages."""
        return "Do53"

    async def async_query(
        self,
        request: dns.message.QueryMessage,
        timeout: float,  # noqa: ASYNC109 -- the resolver's word
        *_: Any,
        max_size: bool = False,
        **_others: Any,
    ) -> dns.message.Message:
        """The answer to `request`. Raises what the resolver expects: DNSException, OSError, EOFError."""
        ask = _ask_by_tcp if max_size else _ask_by_udp
        try:
            async with asyncio.timeout(timeout):
                wire = await ask(request.to_wire(), self.address, self.port)
        except TimeoutError:
            raise dns.exception.Timeout(timeout=timeout) from None  # type: ignore[no-untyped-call]  # dnspython's
        # However bounded it is, it may be work for some milliseconds.
        reply = await asyncio.to_thread(read_reply, wire, request)
        if reply is None:
            raise dns.query.BadResponse
        if reply.flags & dns.flags.TC:
            raise dns.message.Truncated(message=reply)  # type: ignore[no-untyped-call]  # dnspython's
        return reply


class _Datagrams(asyncio.DatagramProtocol):
    """Takes the first datagram that bears the number of the question; what else comes is dropped at once."""

    def __init__(self, question: bytes) -> None:
        self._number = question[:2]
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _addr: tuple[str, int]) -> None:
        if data[:2] == self._number and not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def _ask_by_udp(question: bytes, address: str, port: int) -> bytes:
    loop = asyncio.get_running_loop()
    transport, datagrams = await loop.create_datagram_endpoint(
        lambda: _Datagrams(question), remote_addr=(address, port)
    )
    try:
        transport.sendto(question)
        return await datagrams.answer
    finally:
        transport.close()


async def _ask_by_tcp(question: bytes, address: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(address, port)
    try:
        writer.write(len(question).to_bytes(2, "big") + question)
        return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    finally:
        writer.transport.abort()
