"""Bodies of requests as JSON: what is nested too deep is the client's mistake."""

import pytest

from gateway.http.call import BODY_BRACKETS, BODY_DIGITS, BODY_NAMES, BODY_NESTING, parse_body
from gateway.http.errors import ApiError


def test_a_body_is_nested_so_deep_and_no_deeper() -> None:
    deep = b"[" * BODY_NESTING + b"]" * BODY_NESTING
    assert parse_body(deep, 1000)
    assert parse_body(b"[" + b"[]," * 200 + b"[]]", 1000)
    with pytest.raises(ApiError, match="allowed is 66") as refused:
        parse_body(b"[" + deep + b"]", 1000)
    assert refused.value.status == 400


@pytest.mark.parametrize("body", [b'{"value": 1, "value": 2}', b'{"value": 1, "v\\u0061lue": 2}'])
def test_a_body_that_says_two_things_by_one_name_is_refused(body: bytes) -> None:
    with pytest.raises(ApiError, match="a name twice; each name once is allowed") as refused:
        parse_body(body, 1000)
    assert refused.value.status == 400


def test_a_body_of_very_many_lists_is_refused_before_they_are_made() -> None:
    many = b"[" + b"[]," * (BODY_BRACKETS - 2) + b"[]]"
    assert parse_body(many, len(many))
    with pytest.raises(ApiError, match="allowed are 100000"):
        parse_body(b"[" + many + b"]", len(many) + 2)


def test_a_body_of_very_many_names_is_refused_before_they_are_looked_at() -> None:
    members = [b'"k%d" : 1' % number for number in range(BODY_NAMES + 1)]
    many = b"{" + b",".join(members[:-1]) + b"}"
    assert len(parse_body(many, len(many))) == BODY_NAMES
    with pytest.raises(ApiError, match="found 10001 names, allowed are 10000"):
        parse_body(b"{" + b",".join(members) + b"}", 2 * len(many))


@pytest.mark.parametrize("number", [b"%s", b"-%s", b"1.%s", b"0e%s"])
@pytest.mark.parametrize("before", [b"", b'"a \\" text \\\\", '])
def test_a_number_of_very_many_digits_is_refused_before_it_is_read(number: bytes, before: bytes) -> None:
    body = b"[" + before + number % (b"1234567890" * (BODY_DIGITS // 10) + b"1") + b"]"
    with pytest.raises(ApiError, match="more than 400 digits, allowed are 400"):
        parse_body(body, len(body))


@pytest.mark.parametrize("text", [b"0123456789" * 100, b'\\"' + b"1" * 1000, b"\\\\\\u0031" + b"1" * 1000])
def test_texts_have_as_many_digits_as_they_like(text: bytes) -> None:
    body = b'{"value": ["%s", %s]}' % (text, b"9" * BODY_DIGITS)
    assert parse_body(body, len(body))["value"][1] == int(b"9" * BODY_DIGITS)
