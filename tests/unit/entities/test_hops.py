"""What gateways tell each other in headers: read strictly, written so that it is read back."""

import pytest
from msgspec.structs import replace

from entities.hops import (
    DEADLINE,
    MAX_DEADLINE_MS,
    MAX_LISTED,
    MAX_TRIED,
    NO_FAN_OUT,
    ORIGINS,
    SCOPE,
    TARGET,
    TO,
    TRIED,
    VIA,
    Hops,
    MalformedHopsError,
    parse_hops,
    parse_tried,
    render_hops,
)
from entities.routes import MAX_HOPS
from tests.unit.entities.sketch import instance

A, B = instance("a"), instance("b")


def test_a_clients_request_has_no_hops() -> None:
    assert parse_hops(lambda _: None) == Hops()
    assert render_hops(Hops()) == []


def test_lists_may_have_blanks_around_their_commas() -> None:
    assert parse_hops({VIA: f" {A} ,\t{B} "}.get).via == (A, B)


@pytest.mark.parametrize(("text", "origins"), [(None, None), ("", ()), (" ", ()), (A, (A,))])
def test_a_fan_out_that_asks_for_nobody_is_not_an_ordinary_request(
    text: str | None, origins: tuple[str, ...] | None
) -> None:
    assert parse_hops({ORIGINS: text}.get).origins == origins


def many(number: int) -> str:
    return ",".join(f"{one:022}" for one in range(number))


MALFORMED = [
    (TARGET, ""),
    (TARGET, "x"),
    (TARGET, f"{A},{B}"),
    (TARGET, f" {A}"),
    (TARGET, f"{A}\n"),
    (TO, A[:-1] + "\n"),
    (TO, "*"),
    (VIA, f"{A},"),
    (VIA, f"{A};{B}"),
    (VIA, f"{A}\n,{B}"),
    (VIA, f"{A},{B}\n"),
    (VIA, f"{A},\u00a0{B}"),
    (VIA, many(2 * MAX_HOPS + 1)),
    (TRIED, "x"),
    (TRIED, many(MAX_TRIED + 1)),
    (ORIGINS, "all"),
    (ORIGINS, many(MAX_LISTED + 1)),
    (SCOPE, "a b"),
    (SCOPE, "../x"),
    (SCOPE, "robot\n"),
    (SCOPE, many(MAX_LISTED + 1)),
    (DEADLINE, ""),
    (DEADLINE, "-1"),
    (DEADLINE, "+1"),
    (DEADLINE, "1.5"),
    (DEADLINE, "1e3"),
    (DEADLINE, "٣"),
    (DEADLINE, "12\n"),
    (DEADLINE, str(MAX_DEADLINE_MS + 1)),
    (DEADLINE, "9" * 5000),
]


@pytest.mark.parametrize(("name", "text"), MALFORMED)
def test_what_has_not_its_form_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(MalformedHopsError, match=name):
        parse_hops({name: text}.get)


def test_limits_themselves_are_allowed() -> None:
    assert len(parse_hops({VIA: many(2 * MAX_HOPS)}.get).via) == 2 * MAX_HOPS
    assert len(parse_hops({ORIGINS: many(MAX_LISTED)}.get).origins or ()) == MAX_LISTED
    assert parse_hops({DEADLINE: str(MAX_DEADLINE_MS)}.get).deadline_ms == MAX_DEADLINE_MS


@pytest.mark.parametrize("text", ["", "0", "1", "anything"])
def test_presence_alone_forbids_a_fan_out(text: str) -> None:
    assert parse_hops({NO_FAN_OUT: text}.get).no_fan_out


def test_sixteen_gateways_may_be_passed() -> None:
    hops = Hops()
    for number in range(MAX_HOPS):
        hops = replace(hops, via=(*hops.via, f"{number:022}"))
    assert not hops.too_long
    assert replace(hops, via=(*hops.via, A)).too_long


@pytest.mark.parametrize(("text", "expected"), [(None, ()), ("", ()), (f"{A},{B}", (A, B)), ("x", ()), (f"{A},x", ())])
def test_an_answers_tried_that_is_unusable_counts_as_empty(text: str | None, expected: tuple[str, ...]) -> None:
    assert parse_tried(text) == expected


def test_of_too_many_tried_the_newest_are_told() -> None:
    tried = tuple(f"{number:022}" for number in range(MAX_TRIED + 7))
    written = dict(render_hops(Hops(tried=tried)))
    assert parse_hops(written.get).tried == tried[7:]
