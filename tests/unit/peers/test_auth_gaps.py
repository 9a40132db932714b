"""A peer that does not let us in is a gap named `auth`: nothing was executed, so another way may be tried."""

import pytest

from entities.hops import Hops
from peers.attempt import GiveUp
from peers.forward import Delivered, Forwarding
from tests.unit.peers.test_forward import READ, WRITE, fine, reaching, saying

REFUSALS = [b"401 Unauthorized", b'403 Forbidden\r\nWWW-Authenticate: Bearer error="insufficient_scope"']


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("request_", [READ, WRITE], ids=lambda request: request.method)
async def test_who_is_not_let_in_tries_the_other_way_also_with_a_write(refusal: bytes, request_: Forwarding) -> None:
    async with reaching({"b": saying(refusal), "c": fine}) as reach:
        outcome = await reach.send(request_)
    assert isinstance(outcome, Delivered)
    assert outcome.step.peer == "c"
    assert reach.reports == [("b", None), ("c", None)]  # it is there, whatever it thinks of us


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("request_", [READ, WRITE], ids=lambda request: request.method)
async def test_where_nobody_lets_us_in_the_gap_says_so(refusal: bytes, request_: Forwarding) -> None:
    async with reaching({"b": saying(refusal), "c": saying(refusal)}) as reach:
        outcome = await reach.send(request_)
    assert isinstance(outcome, GiveUp)
    assert (outcome.gap.reason, outcome.gap.status) == ("auth", int(refusal[:3]))
    assert not outcome.may_have_executed
    assert not outcome.gap.is_timeout


async def test_a_refusal_further_on_is_passed_back_by_its_word() -> None:
    """The gateway on the way answers 502 with the reason: the owner has never seen the write."""
    told = b"502 Bad Gateway\r\nX-Medkit-Reason: auth"
    async with reaching({"b": saying(told), "c": fine}) as reach:
        outcome = await reach.send(WRITE, hops=Hops())
    assert isinstance(outcome, Delivered)
    async with reaching({"b": saying(told), "c": saying(told)}) as reach:
        given_up = await reach.send(WRITE)
    assert isinstance(given_up, GiveUp)
    assert (given_up.gap.reason, given_up.may_have_executed) == ("auth", False)


async def test_the_owner_s_own_403_is_an_answer() -> None:
    async with reaching({"b": saying(b"403 Forbidden"), "c": fine}) as reach:
        outcome = await reach.send(WRITE)
    assert isinstance(outcome, Delivered)
    assert (outcome.step.peer, outcome.answer.status) == ("b", 403)
