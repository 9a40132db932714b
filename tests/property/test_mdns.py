"""Whatever a packet holds, hearing it raises nothing, and what is asked and published because of it can be sent."""

import random
from ipaddress import ip_interface
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from discovery.interfaces import Interface
from discovery.mdns import MdnsSource
from discovery.origin import Origin
from discovery.settings import MdnsSettings
from discovery.static import BadUrl, normalise_url
from tests.unit.discovery.packets import SERVICE, address, ptr, srv, txt, written

ETH0 = Interface("eth0", 2, loopback=False, addresses=(ip_interface("10.0.0.1/24"),))
SENDERS = ("10.0.0.7", "fe80::7", "10.0.0.66")


class Line:
    """Sockets that go nowhere."""

    def __init__(self) -> None:
        self.failures: dict[tuple[str, int], OSError] = {}
        self.asked: list[bytes] = []

    def ask(self, packet: bytes) -> None:
        self.asked.append(packet)


def labels(size: int = 63) -> st.SearchStrategy[bytes]:
    """A label as it may stand in a packet: any bytes, also such that are longer once they were read as UTF-8."""
    anything = st.binary(min_size=1, max_size=size)
    swelling = st.integers(1, size).map(lambda length: b"\xff" * length)
    return st.one_of(anything, swelling, st.integers(1, size).map(lambda length: b"a" * length))


def records(label: str) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.sampled_from([0, 120, 4500]).map(lambda ttl: ptr(label, ttl)),
        st.tuples(st.integers(0, 65535), st.sampled_from([0, 120])).map(lambda told: srv(label, told[0], ttl=told[1])),
        st.binary(max_size=300).map(lambda text: txt(label, text)),
        st.ip_addresses().map(lambda ip: address(str(ip))),
    )


sound = st.lists(st.sampled_from(["a", "b", "ä b", "x.y"]).flatmap(records), min_size=1, max_size=6).map(
    lambda some: written(*some)
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A sound packet with some of its bytes changed, and perhaps its end cut off."""
    data = bytearray(draw(sound))
    for _ in range(draw(st.integers(0, 8))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(12, len(data)))])


@st.composite
def pointers(draw: st.DrawFn) -> bytes:
    """A PTR record to an instance whose name is made of any bytes."""
    service = b"".join(bytes([len(part)]) + part.encode() for part in SERVICE.strip(".").split(".")) + b"\0"
    name = b"".join(bytes([len(label)]) + label for label in draw(st.lists(labels(), min_size=1, max_size=3))) + service
    header = bytes.fromhex("0000 8400 0000 0001 0000 0000")
    return header + service + bytes.fromhex("000c 0001 00001194") + len(name).to_bytes(2, "big") + name


@given(st.lists(st.tuples(st.one_of(damaged(), pointers(), sound), st.sampled_from(SENDERS)), max_size=12))
def test_whatever_arrives_is_survived(packets: list[tuple[bytes, str]]) -> None:
    async def nowhere() -> tuple[Interface, ...]:
        return ()

    source = MdnsSource(
        SERVICE, MdnsSettings(), read_interfaces=nowhere, scheme="http", clock=lambda: 1.0, jitter=random.Random(1)
    )
    line: Any = Line()
    for data, sender in packets:
        source._hear(data, Origin(sender, ETH0))
        source._ask(line, 1.0)
    for found in source.reading().found:
        url = normalise_url(found.url)
        assert not isinstance(url, BadUrl) or found.url.endswith(":0")
    assert all(len(packet) <= 9000 for packet in line.asked)
