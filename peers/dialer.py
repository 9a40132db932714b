"""Opening connections to one peer: its addresses in turn, the address rule, TCP, TLS."""

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable

from discovery.endpoint import PeerEndpoint, refusal
from peers.connection import PeerConnection
from peers.destination import Address, Destination
from peers.errors import PeerError, PeerReason, reason_of
from peers.resolver import Resolver
from peers.sockets import open_socket
from peers.tls import PeerTls

MakeConnection = Callable[[], PeerConnection]


class Dialer:
    """Dials one endpoint. `timeout_s`: seconds for name, TCP and TLS together.

    The rule is applied to the very address that is connected to, so a name cannot lead anywhere else
    between the check and the connection.
    """

    def __init__(
        self,
        endpoint: PeerEndpoint,
        destination: Destination,
        *,
        resolver: Resolver,
        tls: PeerTls | None,
        timeout_s: float,
    ) -> None:
        if destination.secure and tls is None:
            raise ValueError(f"peer {endpoint.name}: an https endpoint needs its TLS")
        self._rule = endpoint.address_rule
        self._destination = destination
        self._resolver = resolver
        self._tls = tls if destination.secure else None
        self._timeout_s = timeout_s

    async def dial(self, deadline: float, make: MakeConnection) -> PeerConnection | PeerError:
        """A connection to the first address that takes one. Each gets its share of the time that is left."""
        loop = asyncio.get_running_loop()
        limit = min(deadline, loop.time() + self._timeout_s)
        addresses = await self._resolver.resolve(self._destination, limit)
        if isinstance(addresses, PeerError):
            return addresses
        allowed = [address for address in addresses if refusal(self._rule, address.ip) is None]
        if not allowed:
            return self._prohibited(addresses)
        context = None if self._tls is None else await self._tls.context()
        if isinstance(context, PeerError):
            return context
        failure = None
        for index, address in enumerate(allowed):
            now = loop.time()
            share = now + (limit - now) / (len(allowed) - index)
            outcome = await self._connect(address, share, make, context)
            if isinstance(outcome, PeerConnection):
                return outcome
            failure = outcome
        self._resolver.forget(self._destination.host)
        return failure or PeerError(PeerReason.DNS_ERROR, f"{self._destination.host}: the name has no address")

    def _prohibited(self, addresses: tuple[Address, ...]) -> PeerError:
        why = refusal(self._rule, addresses[0].ip)
        return PeerError(
            PeerReason.DESTINATION_IP_PROHIBITED,
            f"{addresses[0]} is {why}; a discovered peer may not lead there, a configured one may",
        )

    async def _connect(
        self, address: Address, limit: float, make: MakeConnection, context: ssl.SSLContext | None
    ) -> PeerConnection | PeerError:
        try:
            sock = open_socket(address.family)
        except OSError as error:
            return _failure(address, error)
        try:
            failed = await self._connect_tcp(sock, address, limit)
            outcome = failed or await self._start(sock, address, limit, make, context)
        except BaseException:
            sock.close()
            raise
        if isinstance(outcome, PeerError):
            sock.close()
        return outcome

    async def _connect_tcp(self, sock: socket.socket, address: Address, limit: float) -> PeerError | None:
        try:
            code = sock.connect_ex(address.sockaddr)
        except OSError as error:
            return _failure(address, error)
        if code == errno.EINPROGRESS:
            await _writable(sock, limit)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            return _failure(address, OSError(code, os.strerror(code)))
        if not _is_connected(sock):
            return PeerError(PeerReason.CONNECTION_TIMEOUT, f"{address} did not answer in time")
        return None

    async def _start(
        self,
        sock: socket.socket,
        address: Address,
        limit: float,
        make: MakeConnection,
        context: ssl.SSLContext | None,
    ) -> PeerConnection | PeerError:
        """Put the protocol, and TLS where it is due, on a connected socket. Without TLS there is nobody to wait for."""
        name = self._destination.host if context is not None else None
        connection = make()
        try:
            async with asyncio.timeout_at(limit if context is not None else None):
                transport, _ = await asyncio.get_running_loop().create_connection(
                    lambda: connection, sock=sock, ssl=context, server_hostname=name
                )
        except BaseException as error:
            connection.connection_lost(None)  # uvloop ends a start that is cancelled without telling the protocol
            if isinstance(error, TimeoutError):
                why = f"{address} did not finish the TLS handshake in time"
                return PeerError(PeerReason.TLS_PROTOCOL_ERROR, why)
            if isinstance(error, OSError):
                return _failure(address, error)
            raise
        refused = None if self._tls is None else self._tls.check(_certificate_of(transport))
        if refused is not None:
            transport.abort()
            return refused
        return connection


def _certificate_of(transport: asyncio.BaseTransport) -> bytes | None:
    """What the peer showed, DER."""
    tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    return None if tls is None else tls.getpeercert(binary_form=True)


async def _writable(sock: socket.socket, limit: float) -> None:
    """Waits until the connection came or failed, or its time is over; which, the socket knows.

    The loop's own `sock_connect` would call a connection late that came in time, while the loop was busy elsewhere.
    """
    loop = asyncio.get_running_loop()
    settled = asyncio.Event()
    loop.add_writer(sock, settled.set)
    try:
        async with asyncio.timeout_at(limit):
            await settled.wait()
    except TimeoutError:
        pass
    finally:
        loop.remove_writer(sock)


def _is_connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def _failure(address: Address, error: OSError) -> PeerError:
    return PeerError(reason_of(error), f"{address}: {error.strerror or error}")
