"""Whatever a DNS server answers, reading it is no more work than reading an honest answer."""

import time
from collections.abc import Callable

import dns.exception
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.dns_answer import MAX_ALIASES, MAX_RECORDS, Reply, TooLongError, read_reply
from tests.unit.discovery.dns_wire import HOSTILE, MAX_BYTES, QUERY, answer, honest


def answered(*lines: str, query: dns.message.QueryMessage = QUERY) -> Reply:
    """What is read of an answer with these records, each as a zone file has it."""
    response = dns.message.make_response(query)
    for name, ttl, net, kind, value in (line.split(maxsplit=4) for line in lines):
        response.answer.append(dns.rrset.from_text(name, int(ttl), net, kind, value))
    reply = read_reply(response.to_wire(), query)
    assert reply is not None
    return reply


def values(reply: Reply) -> list[object]:
    return [record.value for record in reply.records]


def test_the_records_of_the_asked_name_and_type_count_and_no_others() -> None:
    reply = answered(
        "_grove._tcp.example. 60 IN SRV 0 0 8080 a.example.",
        "_GROVE._tcp.example. 5 IN SRV 0 0 8081 b.example.",
        "_other._tcp.example. 60 IN SRV 0 0 8082 c.example.",
        "_grove._tcp.example. 60 IN TXT no",
        "a.example. 60 IN A 10.0.0.1",
    )
    assert values(reply) == [("a.example", 8080), ("b.example", 8081)]
    assert [record.ttl for record in reply.records] == [60, 5]


@pytest.mark.parametrize(("kind", "address"), [("A", "10.0.0.1"), ("AAAA", "fd00::1")])
def test_addresses_are_read(kind: str, address: str) -> None:
    query = dns.message.make_query("leaf.example", kind)
    assert values(answered(f"leaf.example. 60 IN {kind} {address}", query=query)) == [address]


def test_an_alias_is_followed_to_what_it_stands_for() -> None:
    query = dns.message.make_query("leaf.example", "A")
    reply = answered("leaf.example. 60 IN CNAME b.", "c. 60 IN A 10.0.0.1", "b. 60 IN CNAME c.", query=query)
    assert values(reply) == ["10.0.0.1"]
    assert values(answered("leaf.example. 60 IN CNAME nowhere.", query=query)) == []


def test_aliases_without_end_are_not_followed_without_end() -> None:
    query = dns.message.make_query("0.", "A")
    chain = [f"{number}. 60 IN CNAME {number + 1}." for number in range(MAX_ALIASES)]
    with pytest.raises(TooLongError):
        answered(*chain, f"{MAX_ALIASES}. 60 IN A 10.0.0.1", query=query)
    with pytest.raises(TooLongError):
        answered("0. 60 IN CNAME 1.", "1. 60 IN CNAME 0.", query=query)


def test_of_an_honest_answer_of_any_length_as_many_count_as_can_be_tried() -> None:
    for told, read in ((900, 900), (1100, MAX_RECORDS)):
        reply = read_reply(honest(told), QUERY)
        assert reply is not None
        assert len(reply.records) == read


def test_an_answer_to_another_question_is_none() -> None:
    for other in ("_grove._tcp.example.org", "_other._tcp.example"):
        query = dns.message.make_query(other, "SRV", id=1)
        assert read_reply(answer(b"", 0, query), QUERY) is None
    assert read_reply(answer(b"", 0, dns.message.make_query("_grove._tcp.example", "SRV", id=2)), QUERY) is None
    assert read_reply(answer(b"", 0, dns.message.make_query("_grove._tcp.example", "A", id=1)), QUERY) is None
    assert read_reply(QUERY.to_wire(), QUERY) is None, "a question"


def test_a_server_that_fails_may_leave_out_the_question() -> None:
    wire = bytearray(answer(b"", 0)[:12])
    wire[4:6] = bytes(2)
    assert read_reply(bytes(wire), QUERY) is None
    wire[3] |= dns.rcode.SERVFAIL
    reply = read_reply(bytes(wire), QUERY)
    assert reply is not None
    assert reply.rcode() == dns.rcode.SERVFAIL


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_an_answer_made_to_cost_time_costs_as_much_as_an_honest_one(
    hostile: Callable[[dns.message.QueryMessage], bytes],
) -> None:
    wire, usual = hostile(QUERY), honest()
    assert len(wire) > MAX_BYTES * 0.4
    cost, usual_cost = (min(_cpu_s(each) for _ in range(5)) for each in (wire, usual))
    assert cost < 10 * usual_cost


def _cpu_s(wire: bytes) -> float:
    """Seconds of processor time that reading it takes."""
    before = time.process_time()
    try:
        reply = read_reply(wire, QUERY)
        assert reply is not None
    except dns.exception.DNSException:
        pass
    return time.process_time() - before


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """An answer with some of its bytes changed, and perhaps its end cut off."""
    data = bytearray(honest(draw(st.integers(0, 3))))
    for _ in range(draw(st.integers(0, 8))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))])


@given(st.one_of(damaged(), st.binary(max_size=100).map(lambda data: QUERY.to_wire()[:2] + data)))
def test_whatever_is_answered_is_read_or_refused(wire: bytes) -> None:
    try:
        reply = read_reply(wire, QUERY)
        for record in reply.records if reply is not None else ():
            assert isinstance(record.value, tuple)
    except dns.exception.DNSException:
        pass
