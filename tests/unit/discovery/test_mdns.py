import asyncio
import contextlib
import re
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from zeroconf import DNSPointer

from discovery.interfaces import Interface
from discovery.records import numbered_label
from discovery.settings import MdnsSettings
from tests.federation.eventually import eventually
from tests.unit.discovery.network import (
    GROUP,
    PORT,
    QUICK,
    UpstreamMdns,
    announcement,
    announcing,
    group_socket,
    looking,
    new_service,
    on_loopback,
    received,
)
from tests.unit.discovery.packets import address, places, ptr, srv, txt, written


@pytest.fixture
def service() -> str:
    return new_service()


@pytest.fixture
def stranger() -> Iterator["Stranger"]:
    with contextlib.closing(group_socket()) as sock:
        yield Stranger(sock)


class Stranger:
    """Somebody on the network who sends what he likes."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def send(self, *records: object) -> None:
        self.sock.sendto(written(*records), (GROUP, PORT))


@pytest.fixture
def upstream(service: str) -> Iterator[UpstreamMdns]:
    with contextlib.closing(UpstreamMdns(service, "Robot", 9090)) as one:
        yield one


async def test_promise_25_who_is_announced_is_found_with_address_port_and_instance(service: str) -> None:
    async with looking(service) as looker, announcing(service, announcement("a", 8081)):
        found = await looker.wait_for("a")
    assert (found.url, found.instance, found.departed) == ("http://127.0.0.1:8081", "a" * 22, False)


async def test_who_begins_to_look_later_finds_those_who_are_there(service: str) -> None:
    async with announcing(service, announcement("a")):
        async with looking(service) as early:
            await eventually(lambda: "a" in early.found)
        async with looking(service) as late:
            await eventually(lambda: "a" in late.found)
    assert late.found["a"].url == "http://127.0.0.1:8080"


async def test_promise_32_we_do_not_find_ourselves_but_another_start_of_us(service: str) -> None:
    own, other = ("a" * 22, "b" * 22), ("a" * 22, "c" * 22)
    async with (
        looking(service, own=own) as self_aware,
        looking(service, own=other) as clone,
        announcing(service, announcement("a")),
        announcing(service, announcement("z", 8081)),
    ):
        await eventually(lambda: "z" in self_aware.found and {"a", "z"} <= clone.found.keys())
    assert set(self_aware.found) == {"z"}


async def test_promise_41_a_goodbye_is_heard_when_the_announcer_stops_and_forgets_it_soon(service: str) -> None:
    async with looking(service, replace(QUICK, farewell_s=0.5)) as looker:
        async with announcing(service, announcement("a")):
            await eventually(lambda: "a" in looker.found)
        await eventually(lambda: not looker.found)
    (last,) = next(reading.found for reading in reversed(looker.readings) if reading.found)
    assert (last.url, last.departed) == ("http://127.0.0.1:8080", True)


async def test_fault_055_of_equal_names_the_later_one_takes_another(service: str) -> None:
    async with looking(service) as looker, announcing(service, announcement("same", 8081, "x" * 22)):
        await eventually(lambda: "same" in looker.found)
        async with announcing(service, announcement("same", 8082, "y" * 22)):
            await eventually(lambda: len(looker.found) == 2)
    assert {name: one.instance for name, one in looker.found.items()} == {"same": "x" * 22, "same-2": "y" * 22}


@pytest.mark.parametrize("name", ["n" * 63, "\N{ROBOT FACE}" * 15 + "abc"])
async def test_fault_055_a_name_as_long_as_may_be_is_cut_for_its_number(service: str, name: str) -> None:
    async with looking(service) as looker, announcing(service, announcement(name, 8081, "x" * 22)):
        await eventually(lambda: name in looker.found)
        async with announcing(service, announcement(name, 8082, "y" * 22)):
            await eventually(lambda: len(looker.found) == 2)
            async with announcing(service, announcement(name, 8083, "z" * 22)):
                await eventually(lambda: len(looker.found) == 3)
    numbered = {one: numbered_label(name, number) for number, one in ((2, "y"), (3, "z"))}
    assert {label: one.instance for label, one in looker.found.items()} == {
        name: "x" * 22,
        numbered["y"]: "y" * 22,
        numbered["z"]: "z" * 22,
    }


async def test_fault_055_who_has_every_name_is_trouble_and_not_tried_without_end(
    service: str, stranger: "Stranger"
) -> None:
    """A stranger who answers that any name is his."""
    taken = re.compile(rf"\(?n(-[0-9]+)?\.{service}")

    def names_all() -> bool:
        for packet, _ in received(stranger.sock):
            for one in packet.answers() if packet.is_query() else ():
                if isinstance(one, DNSPointer) and taken.fullmatch(one.alias.rstrip(".")):
                    first = one.alias.removesuffix(f".{service}.")
                    stranger.send(ptr(first, service=f"{service}."))
        return announcer.trouble is not None

    few = MdnsSettings(most_names=5)
    async with announcing(service, announcement("n", 8081, "x" * 22), few) as announcer:
        await eventually(names_all)
        assert "has the name 'n', 'n-2' and so on to 5: set aggregation.mdns_name" in str(announcer.trouble)
        assert not announcer.is_announced


async def test_upstream_s_announcement_is_found_at_the_address_that_sent_it(
    service: str, upstream: UpstreamMdns
) -> None:
    async with looking(service) as looker:
        await eventually(lambda: looker.readings)
        upstream.announce()
        assert (await looker.wait_for("Robot")).url == "http://127.0.0.1:9090"
        upstream.announce(ttl=0)
        await eventually(lambda: looker.found["Robot"].departed)


async def test_upstream_s_answer_to_our_question_is_found(service: str, upstream: UpstreamMdns) -> None:
    async with looking(service) as looker:
        await eventually(upstream.answer_questions)
        found = await looker.wait_for("Robot")
    assert (found.url, found.instance) == ("http://127.0.0.1:9090", None)


async def test_upstream_s_question_is_answered_with_our_place(service: str, upstream: UpstreamMdns) -> None:
    seen: dict[str, int] = {}

    def is_answered() -> bool:
        upstream.ask()
        for packet, sender in upstream.replies():
            assert sender[0] == "127.0.0.1"
            seen.update(places(packet.answers(), f"{service}."))
        return bool(seen)

    async with announcing(service, announcement("gateway_a", 8085)):
        await eventually(is_answered)
    assert seen == {"gateway_a": 8085}


async def test_who_is_only_named_is_asked_where_it_is(service: str, stranger: Stranger) -> None:
    name = f"{service}."

    def answers() -> bool:
        for packet, sender in received(stranger.sock):
            for one in packet.questions:
                if one.name == f"shy.{name}":
                    stranger.sock.sendto(written(srv("shy", 7777, service=name)), sender)
        return "shy" in looker.found

    async with looking(service) as looker:
        await eventually(lambda: looker.readings)
        stranger.send(ptr("shy", service=name))
        await eventually(answers)
    assert looker.found["shy"].url == "http://127.0.0.1:7777"


async def test_fault_053_a_forged_goodbye_is_taken_back_by_who_is_still_there(service: str, stranger: Stranger) -> None:
    async with looking(service) as looker, announcing(service, announcement("a")):
        await eventually(lambda: "a" in looker.found)
        stranger.send(ptr("a", ttl=0, service=f"{service}."))
        await eventually(lambda: any(one.departed for reading in looker.readings for one in reading.found))
        await eventually(lambda: not looker.found["a"].departed)


async def test_fault_054_a_forged_place_is_found_beside_the_true_one(service: str, stranger: Stranger) -> None:
    name = f"{service}."
    async with looking(service) as looker, announcing(service, announcement("a", 8081)):
        await eventually(lambda: "a" in looker.found)
        stranger.send(srv("a", 6666, "evil.local.", service=name), address("127.0.0.66", "evil.local."))
        await eventually(lambda: len(looker.readings[-1].found) == 2)
    urls = {one.url for one in looker.readings[-1].found}
    assert urls == {"http://127.0.0.1:8081", "http://127.0.0.66:6666"}


async def test_gateways_of_another_application_are_left_alone(service: str, stranger: Stranger) -> None:
    name = f"{service}."
    async with looking(service) as looker:
        await eventually(lambda: looker.readings)
        stranger.send(srv("theirs", 8081, service=name), txt("theirs", {"app": "other"}, name))
        stranger.send(srv("ours", 8081, service=name), txt("ours", {"app": "medkit"}, name))
        await eventually(lambda: "ours" in looker.found)
    assert set(looker.found) == {"ours"}
    assert {one.label for one in looker.source.neighbours} == {"ours", "theirs"}


async def test_fault_048_a_flood_makes_no_tasks_and_loses_nobody(service: str, stranger: Stranger) -> None:
    name = f"{service}."
    small = MdnsSettings(max_neighbours=20, interfaces_s=0.2)
    async with looking(service, small) as looker, announcing(service, announcement("known")):
        await eventually(lambda: "known" in looker.found)
        before = len(asyncio.all_tasks())
        for number in range(2000):
            stranger.send(ptr(f"r{number}", service=name), srv(f"r{number}", 9000, service=name))
            if number % 50 == 0:
                await asyncio.sleep(0)
                assert len(asyncio.all_tasks()) <= before
        await eventually(lambda: len(looker.found) == 20)
        assert "known" in looker.found


async def test_fault_057_an_interface_that_comes_is_listened_on_and_announced_on(service: str) -> None:
    up: list[Interface] = []

    async def interfaces() -> tuple[Interface, ...]:
        return tuple(up)

    async with (
        looking(service, read_interfaces=interfaces) as looker,
        announcing(service, announcement("a"), read_interfaces=interfaces) as announcer,
    ):
        await eventually(lambda: looker.readings and looker.readings[-1].trouble and announcer.trouble)
        assert "no network interface" in str(announcer.trouble)
        up.extend(await on_loopback())
        await eventually(lambda: "a" in looker.found and announcer.trouble is None)
        assert looker.readings[-1].trouble is None


async def test_fault_056_an_address_on_trial_is_waited_for_in_silence_and_then_used_at_once(service: str) -> None:
    (loopback,) = await on_loopback()
    now = [replace(loopback, addresses=(), on_trial=True)]

    async def interfaces() -> tuple[Interface, ...]:
        return tuple(now)

    seldom = MdnsSettings(interfaces_s=3600, trial_s=0.05)
    async with (
        looking(service, seldom, read_interfaces=interfaces) as looker,
        announcing(service, announcement("a"), seldom, read_interfaces=interfaces) as announcer,
    ):
        await eventually(lambda: looker.readings)
        now[:] = [loopback]
        await eventually(lambda: "a" in looker.found and announcer.is_announced)
        assert {reading.trouble for reading in looker.readings} == {None}


async def test_fault_056_an_address_that_passes_its_trial_is_announced_beside_the_other(service: str) -> None:
    (loopback,) = await on_loopback()
    now = [replace(loopback, on_trial=True)]

    async def interfaces() -> tuple[Interface, ...]:
        return tuple(now)

    seldom = MdnsSettings(interfaces_s=3600, trial_s=0.05)
    async with looking(service) as looker, announcing(service, announcement("a"), seldom, read_interfaces=interfaces):
        await eventually(lambda: "a" in looker.found)
        other = type(loopback.addresses[0])("127.0.0.5/8")
        now[:] = [replace(loopback, addresses=(other,))]
        await eventually(lambda: {one.url for one in looker.readings[-1].found} >= {"http://127.0.0.5:8080"})


async def test_fault_057_a_changed_address_is_announced_anew_under_the_same_name(service: str) -> None:
    now = list(await on_loopback())

    async def interfaces() -> tuple[Interface, ...]:
        return tuple(now)

    async with looking(service) as looker, announcing(service, announcement("a"), read_interfaces=interfaces):
        await eventually(lambda: "a" in looker.found)
        (loopback,) = now
        moved = type(loopback.addresses[0])("127.0.0.5/8")
        now[:] = [Interface(loopback.name, loopback.index, loopback=True, addresses=(moved,))]
        await eventually(lambda: {one.url for one in looker.readings[-1].found} >= {"http://127.0.0.5:8080"})
    assert set(looker.found) == {"a"}
