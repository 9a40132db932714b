"""Bodies of requests as JSON: what is nested too deep is the client's mistake."""

import pytest

from gateway.http.call import BODY_BRACKETS, BODY_NESTING, parse_body
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
