from typing import Any

import pytest
from zeroconf import DNSIncoming, DNSQuestion

from discovery.records import (
    MAX_INSTANCES,
    MAX_LABEL_BYTES,
    Announcement,
    Goodbye,
    Mention,
    Place,
    Saying,
    Told,
    instance_label,
    numbered_label,
    parse_text,
    service_type,
    understand,
)
from tests.unit.discovery.packets import (
    PTR,
    SERVICE,
    UNIQUE,
    address,
    packet,
    ptr,
    srv,
    txt,
    upstream_announcement,
    written,
)

ID, BOOT = "i" * 22, "b" * 22


def said(*records: Any) -> list[Saying]:
    return list(understand(packet(*records), SERVICE))


def test_a_whole_announcement_is_a_place_with_what_it_tells() -> None:
    text = {"txtvers": "1", "id": ID, "boot": BOOT, "ver": "0.1.0", "scheme": "https", "app": "medkit"}
    (place,) = said(ptr("a"), srv("a", 8080), txt("a", text), address("10.0.0.1"), address("fd00::1"))
    assert place == Place("a", 8080, ("10.0.0.1", "fd00::1"), Told(ID, BOOT, "0.1.0", "https", "medkit"))


def test_upstream_s_single_srv_is_a_place_without_addresses() -> None:
    data = DNSIncoming(upstream_announcement("Robot One", 8080, "robot-1"))
    assert list(understand(data, SERVICE)) == [Place("Robot One", 8080, ())]


def test_upstream_s_goodbye_is_a_goodbye() -> None:
    data = DNSIncoming(upstream_announcement("robot", 8080, "robot-1", ttl=0))
    assert list(understand(data, SERVICE)) == [Goodbye("robot")]


def test_a_goodbye_that_names_ptr_and_srv_is_said_once() -> None:
    assert said(ptr("a", ttl=0), srv("a", 1, ttl=0)) == [Goodbye("a")]


def test_a_goodbye_may_be_a_ptr_alone() -> None:
    assert said(ptr("a", ttl=0)) == [Goodbye("a")]


def test_a_ptr_without_its_srv_is_a_mention() -> None:
    assert said(ptr("a")) == [Mention("a")]


@pytest.mark.parametrize("service", ["_MEDKIT._TCP.local.", "_medkit._tcp.LOCAL."])
def test_promise_t09_case_does_not_matter(service: str) -> None:
    (place,) = understand(packet(ptr("A.b", service=service), srv("A.b", 9000, service=service)), SERVICE)
    assert place == Place("A.b", 9000, ())


@pytest.mark.parametrize("setting", ["_medkit._tcp.local", "_medkit._tcp.local."])
def test_promise_t09_the_dot_at_the_end_of_the_setting_does_not_matter(setting: str) -> None:
    assert service_type(setting) == SERVICE


def test_other_services_and_questions_say_nothing() -> None:
    assert said(ptr("a", service="_http._tcp.local."), srv("a", 80, service="_http._tcp.local.")) == []
    assert list(understand(packet(DNSQuestion(SERVICE, PTR, UNIQUE), flags=0), SERVICE)) == []


@pytest.mark.parametrize("label", ["\ufffd" * 20, "ä" * 32, "a..b", "a.b.c.d.e"])
def test_fault_049_a_name_that_could_not_be_written_again_says_nothing(label: str) -> None:
    pointer, place = ptr("a"), srv("a", 8080)
    pointer.alias = place.name = f"{label}.{SERVICE}"
    assert said_by([pointer]) == said_by([place]) == []


def said_by(records: list[Any]) -> list[Saying]:
    """As if a packet had held them."""

    class Packet:
        valid = True

        def is_response(self) -> bool:
            return True

        def answers(self) -> list[Any]:
            return records

    read: Any = Packet()
    return list(understand(read, SERVICE))


def test_a_pointer_to_an_instance_of_another_service_says_nothing() -> None:
    record = ptr("a")
    record.alias = "a._other._tcp.local."
    assert said(record) == []


@pytest.mark.parametrize("cut", [1, 11, 12, 20, 40])
def test_a_cut_packet_says_nothing_or_what_was_whole(cut: int) -> None:
    data = written(srv("a", 8080), address("10.0.0.1"))
    assert set(understand(DNSIncoming(data[:-cut]), SERVICE)) <= {Place("a", 8080, ()), Place("a", 8080, ("10.0.0.1",))}


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe\xfd",
        b"\x05id=\xff\xfe",
        b"\x04id=x",
        b"\x00" * 9000,
        b"\x20id=" + b"i" * 29,
        bytes([26]) + b"id=" + b"i" * 22 + b"\n",
        b"\x0ascheme=ftp\x0dver=\x1b[31mred!",
    ],
)
def test_fault_049_garbage_in_txt_is_left_out(text: bytes) -> None:
    assert parse_text(text) == Told()


def test_fault_049_what_is_sound_in_a_bad_txt_counts() -> None:
    assert parse_text(b"\x05a=\xff\xfe\xfd" + bytes([25]) + b"id=" + ID.encode() + b"\x02\xff") == Told(instance=ID)


def test_what_we_announce_is_read_as_we_mean_it() -> None:
    ours = Announcement(label="a", port=1, instance=ID, boot=BOOT, version="0.1.0", scheme="http")
    assert parse_text(txt("a", ours.text).text) == Told(ID, BOOT, "0.1.0", "http", "medkit")
    assert set(ours.text) == {"txtvers", "id", "boot", "ver", "path", "scheme", "auth", "app"}


def test_each_gateway_has_a_host_name_of_its_own() -> None:
    a, b = (Announcement(label="a", port=1, instance=c * 22, boot=BOOT, version="1", scheme="http") for c in "xy")
    assert a.host != b.host
    assert a.host.endswith(".local.")


@pytest.mark.parametrize(
    ("name", "label"), [("gateway_a", "gateway_a"), ("robot.lab", "robot_lab"), ("Zelle 7", "Zelle 7")]
)
def test_a_name_is_one_label(name: str, label: str) -> None:
    assert instance_label(name) == label


def test_a_long_name_is_cut_between_characters() -> None:
    label = instance_label("ä" * 63)
    assert label == "ä" * 31
    assert len(label.encode()) <= MAX_LABEL_BYTES


@pytest.mark.parametrize(
    ("label", "number", "numbered"),
    [
        ("robot", 2, "robot-2"),
        ("r" * 61, 2, "r" * 61 + "-2"),
        ("r" * 63, 2, "r" * 61 + "-2"),
        ("r" * 63, 10, "r" * 60 + "-10"),
        ("ä" * 31, 2, "ä" * 30 + "-2"),
        ("\N{ROBOT FACE}" * 15, 100, "\N{ROBOT FACE}" * 14 + "-100"),
    ],
)
def test_a_number_fits_into_a_label_whatever_its_length(label: str, number: int, numbered: str) -> None:
    assert numbered_label(label, number) == numbered
    assert len(numbered.encode()) <= MAX_LABEL_BYTES


def test_fault_048_of_a_packet_with_many_instances_a_few_count() -> None:
    many = packet(*(srv(f"r{number}", 9000) for number in range(20)), *(ptr(f"p{number}") for number in range(20)))
    assert len([*understand(many, SERVICE)]) == MAX_INSTANCES
