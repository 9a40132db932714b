"""A switch that loses some of what two hosts send to the mDNS group, and nothing else."""

import asyncio
import contextlib
import random
import socket
from collections.abc import Iterator

from tests.network.hosts import Host, Switch

MDNS_MAC = bytes.fromhex("01005e0000fb")
"""Where IPv4 packets to 224.0.0.251 go."""

_ALL_PROTOCOLS = 0x0003
_FRAME_BYTES = 65536
_ETHERNET_BYTES = 14


@contextlib.contextmanager
def losing_multicast(switch: Switch, a: Host, b: Host, *, lost: float, seed: int) -> Iterator[dict[str, int]]:
    """Carries IPv4 multicast between the two instead of the bridge; how many frames were `carried` and `dropped`."""
    counts = {"carried": 0, "dropped": 0}
    chance = random.Random(seed)
    ends = [_end(switch, host) for host in (a, b)]
    loop = asyncio.get_running_loop()

    def carry(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, sender = source.recvfrom(_FRAME_BYTES)
                if sender[2] == socket.PACKET_OUTGOING or not frame.startswith(MDNS_MAC):
                    continue
                fate = "dropped" if chance.random() < lost else "carried"
                counts[fate] += 1
                if fate == "carried":
                    target.send(_without_checksum(frame))

    loop.add_reader(ends[0], carry, ends[0], ends[1])
    loop.add_reader(ends[1], carry, ends[1], ends[0])
    try:
        yield counts
    finally:
        for end in ends:
            loop.remove_reader(end)
            end.close()


def _without_checksum(frame: bytes) -> bytes:
    """The checksum of UDP was left to a network card that is none; 0 says that there is none."""
    at = _ETHERNET_BYTES + (frame[_ETHERNET_BYTES] & 0x0F) * 4 + 6
    return frame[:at] + bytes(2) + frame[at + 2 :]


def _end(switch: Switch, host: Host) -> socket.socket:
    switch.ip("link", "set", f"to-{host.name}", "type", "bridge_slave", "mcast_flood", "off")
    with switch.here():
        end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS))
    end.setblocking(False)
    end.bind((f"to-{host.name}", 0))
    return end
