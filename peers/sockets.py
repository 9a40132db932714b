"""What a TCP socket to a peer is told."""

import asyncio
import contextlib
import socket
from typing import Final

_QUICKACK: Final = getattr(socket, "TCP_QUICKACK", None)  # Linux only


def open_socket(family: socket.AddressFamily) -> socket.socket:
    """A socket that neither blocks nor waits to send. Raises OSError when there is none left."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def acknowledge_now(transport: asyncio.BaseTransport) -> None:
    """Acknowledge what has come, and what comes next, without the usual 40 ms of delay.

    For peers that send head and body apart with Nagle's algorithm on: their body waits for our ACK.
    Before the head has come it has no effect, and the kernel drops the mode by itself.
    """
    if _QUICKACK is not None:
        with contextlib.suppress(OSError):  # the peer may be gone already; the transport will say so
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
