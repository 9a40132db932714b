"""The strict reader: what is refused, what is read, and that only InvalidJsonError comes out."""

import msgspec
import pytest

from entities.jsontext import InvalidJsonError, parse_json, parse_json_as, render_json, require_unique_names

CAP = 1 << 20

REFUSED = {
    "nothing": b"",
    "blank": b"  \n",
    "two values": b"1 2",
    "half an object": b'{"a":',
    "a trailing comma": b"[1,]",
    "a comment": b"[1] // one",
    "single quotes": b"{'a': 1}",
    "NaN": b"[NaN]",
    "Infinity": b"[-Infinity]",
    "a number out of range": b"[1e999]",
    "a leading zero": b"[01]",
    "a leading plus": b"[+1]",
    "a lone high surrogate": b'["\\ud800"]',
    "a lone low surrogate": b'["\\udc00"]',
    "a bad escape": b'["\\x41"]',
    "a raw line break in a string": b'["a\nb"]',
    "a byte-order mark": b"\xef\xbb\xbf[1]",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-16 without a mark": '{"a":1}'.encode("utf-16-le"),
    "a byte that is no UTF-8": b'["\xff"]',
    "an overlong encoding": b'["\xc0\xaf"]',
    "an encoded surrogate": b'["\xed\xa0\x80"]',
    "a NUL": b"[1]\x00",
    "a hundred thousand brackets": b"[" * 100_000 + b"]" * 100_000,
    "a hundred thousand objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_is_not_strict_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidJsonError):
        parse_json(body, max_bytes=CAP)


@pytest.mark.parametrize("body", [b"[1]   ", b"[1]    "])
def test_the_cap_is_exact(body: bytes) -> None:
    if len(body) <= 6:
        assert parse_json(body, max_bytes=6) == [1]
    else:
        with pytest.raises(InvalidJsonError, match="7 bytes found, at most 6 allowed"):
            parse_json(body, max_bytes=6)


@pytest.mark.parametrize(
    "body", [b'{"a": 1, "a": 1}', b'{"a": 1, "\\u0061": 2}', b'[{"b": [{"a": 1, "": 2, "a": 3}]}]', b'{"": 1, "": 2}']
)
def test_a_name_that_an_object_has_twice_is_found_however_it_is_written(body: bytes) -> None:
    assert parse_json(body, max_bytes=CAP)
    with pytest.raises(InvalidJsonError, match="twice"):
        require_unique_names(body)


@pytest.mark.parametrize("body", [b'{"a": {"a": 1}, "b": [{"a": "a:a:a"}, {"a": 2}], "A": 3}', b'"a:a:a"', b"[]"])
def test_a_name_may_stand_in_several_objects(body: bytes) -> None:
    require_unique_names(body)


class Wanted(msgspec.Struct):
    number: int
    text: str = ""


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b'{"number": "1"}',
        b'{"number": true}',
        b'{"number": 1.5}',
        b'{"number": null}',
        b'{"number": 1, "text": 2}',
        b'{"number": 1, "text": null}',
        b'{"number": 1, "unknown": "\xff"}',
        b'{"number": 1, "unknown": NaN}',
    ],
)
def test_types_are_checked_without_coercion_even_beside_what_is_wanted(body: bytes) -> None:
    with pytest.raises(InvalidJsonError):
        parse_json_as(body, Wanted, max_bytes=CAP)


def test_unknown_fields_are_ignored() -> None:
    assert parse_json_as(b'{"number": 1, "later": [{}]}', Wanted, max_bytes=CAP) == Wanted(1)


def test_the_message_says_where() -> None:
    with pytest.raises(InvalidJsonError, match=r"\$\.number"):
        parse_json_as(b'{"number": "1"}', Wanted, max_bytes=CAP)
    with pytest.raises(InvalidJsonError, match="not UTF-8 at byte 2"):
        parse_json(b'["\xff"]', max_bytes=CAP)


def test_text_is_written_compactly_as_utf_8() -> None:
    assert render_json({"a": [1, None, True], "é": "\u2028"}) == '{"a":[1,null,true],"é":"\u2028"}'.encode()
