"""What is said because somebody asks: on loopback, by the packets that a stranger hears."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest
from zeroconf import DNSOutgoing, DNSPointer, DNSQuestion

from tests.federation.eventually import eventually
from tests.unit.discovery.network import (
    GROUP,
    PORT,
    announcement,
    announcing,
    group_socket,
    names_of_equals,
    new_service,
    on_loopback,
    received,
)
from tests.unit.discovery.packets import IN, PTR, SRV, UNIQUE, A

QUESTIONS = 400

Ask = Callable[[str, int], bytes]


def probe(service: str, number: int) -> bytes:
    """Of a host that asks whether a name is free; answered at once, whoever else asked just now."""
    out = DNSOutgoing(0)
    out.add_question(DNSQuestion(service, PTR, IN))
    out.add_authorative_answer(DNSPointer(service, PTR, IN, 4500, f"free{number}.{service}"))
    return out.packets()[0]


def direct(service: str, number: int) -> bytes:
    """Of a host without a responder of its own: the answer goes to its address, whoever that is."""
    out = DNSOutgoing(0, id_=number, multicast=False)
    out.add_question(DNSQuestion(service, PTR, UNIQUE))
    return out.packets()[0]


def place(service: str, number: int) -> bytes:
    out = DNSOutgoing(0)
    out.add_question(DNSQuestion(f"a.{service}", SRV, IN))
    out.add_question(DNSQuestion(f"other{number}.local.", A, IN))
    return out.packets()[0]


@pytest.mark.parametrize(("ask", "port"), [(probe, PORT), (direct, 0), (place, PORT)])
async def test_a_flood_of_questions_is_answered_with_less_than_was_asked(ask: Ask, port: int) -> None:
    service = new_service()
    async with announcing(service, announcement("a")) as announcer:
        await eventually(lambda: announcer.is_announced)
        with contextlib.closing(group_socket(port)) as asker:
            answers: list[int] = []

            def hear() -> bool:
                answers.extend(len(packet.data) for packet, _ in received(asker) if packet.is_response())
                return bool(answers)

            asked = 0
            for number in range(QUESTIONS):
                asked += asker.sendto(ask(f"{service}.", number), (GROUP, PORT))
                await asyncio.sleep(0)
                hear()
            await eventually(hear)
            assert len(answers) < QUESTIONS / 4
            assert sum(answers) < asked


async def test_names_are_defended_against_each_of_several_on_one_host() -> None:
    """They share the port, so what is sent to one of them reaches any: a reply to who probes is for all to hear."""
    assert await names_of_equals(new_service(), on_loopback) == {"same", "same-2", "same-3", "same-4"}
