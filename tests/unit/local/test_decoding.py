"""The value in what a file, a command or a device says: its part, its type, its scale, and back again."""

import math
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.local.decoding import (
    DOCUMENT_LIMIT_BYTES,
    LINE_LIMIT,
    VALUE_LIMIT_BYTES,
    Decoding,
    pointed,
    pointer_parts,
)
from gateway.local.values import DataType, MisfitError

DOCUMENT = b'{"tank": [{"level": 4.5, "a/b": "7", "m~n": true, "": 1}], "text": "t=12 C", "big": 1e308}'
INT, DOUBLE, STRING = DataType.INT, DataType.DOUBLE, DataType.STRING


@pytest.mark.parametrize(
    ("decoding", "said", "value"),
    [
        (Decoding(INT), b" 42\n", 42),
        (Decoding(STRING), b"pump 3\n", "pump 3"),
        (Decoding(DOUBLE, scale=0.001), b"47250\n", 47.25),
        (Decoding(INT, scale=0.001), b"47650\n", 48),
        (Decoding(DOUBLE, scale=1.8, offset=32), b"100", 212.0),
        (Decoding(DOUBLE, "/tank/0/level"), DOCUMENT, 4.5),
        (Decoding(INT, "/tank/0/a~1b"), DOCUMENT, 7),
        (Decoding(DataType.BOOL, "/tank/0/m~0n"), DOCUMENT, True),
        (Decoding(INT, "/tank/0/"), DOCUMENT, 1),
        (Decoding(DataType.ARRAY, "/tank"), DOCUMENT, [{"level": 4.5, "a/b": "7", "m~n": True, "": 1}]),
        (Decoding(INT, "/text", re.compile(r"t=(\d+)")), DOCUMENT, 12),
        (Decoding(INT, match=re.compile(r"\d+")), b"no\nb 17 x 18\n19", 17),
        (Decoding(STRING, match=re.compile(r"state: (\w+)?")), b"state: ", ""),
        (Decoding(DataType.OBJECT, ""), b'{"a":1}', {"a": 1}),
    ],
)
def test_a_value_is_found(decoding: Decoding, said: bytes, value: Any) -> None:
    found = decoding.decode(said)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("decoding", "said", "words"),
    [
        (Decoding(INT), b"warm", "found 'warm', allowed is int"),
        (Decoding(INT), b"\xff\xfe", "found bytes that are not UTF-8"),
        (Decoding(STRING), b"x" * (VALUE_LIMIT_BYTES + 1), f"larger than {VALUE_LIMIT_BYTES} bytes"),
        (Decoding(STRING, ""), b"1" * (DOCUMENT_LIMIT_BYTES + 1), f"larger than {DOCUMENT_LIMIT_BYTES} bytes"),
        (Decoding(DOUBLE, "/tank"), DOCUMENT, "found array, allowed is double"),
        (Decoding(DOUBLE, "/tank/1"), DOCUMENT, "found a document without /tank/1"),
        (Decoding(DOUBLE, "/tank/00"), DOCUMENT, "found a document without /tank/00"),
        (Decoding(DOUBLE, "/tank/-1"), DOCUMENT, "found a document without /tank/-1"),
        (Decoding(DOUBLE, "/tank/" + "9" * 99), DOCUMENT, "found a document without"),
        (Decoding(DOUBLE, "/text/0"), DOCUMENT, "found a document without /text/0"),
        (Decoding(DOUBLE, "/a"), b"<html>", "found '<html>', allowed is JSON"),
        (Decoding(DOUBLE, "/a"), b"[" * 100_000, "allowed is JSON"),
        (Decoding(DOUBLE, match=re.compile("x")), b"y", "found 'y', in which no line matches"),
        (Decoding(DOUBLE, match=re.compile("x$")), b" " * LINE_LIMIT + b"x", "no line matches"),
        (Decoding(DOUBLE, "/big", scale=1e10), DOCUMENT, "allowed are finite numbers"),
        (Decoding(INT, "/big", scale=1e10), DOCUMENT, "allowed are finite numbers"),
        (Decoding(INT, "/big", scale=2.0), DOCUMENT, "allowed are finite numbers"),
        (Decoding(INT, scale=1e10), b"9223372036854775807", "allowed are integers of 64 bits"),
        (Decoding(STRING, "/a"), b'{"a":"' + b"x" * (VALUE_LIMIT_BYTES + 1) + b'"}', "a value longer than"),
    ],
)
def test_what_is_no_value_says_why(decoding: Decoding, said: bytes, words: str) -> None:
    with pytest.raises(MisfitError, match=re.escape(words)):
        decoding.decode(said)


@given(st.binary(max_size=200), st.sampled_from(DataType), st.sampled_from([None, "", "/0", "/a"]))
def test_whatever_is_said_there_is_a_value_or_a_reason(said: bytes, data_type: DataType, pointer: str | None) -> None:
    scaled = data_type in {INT, DOUBLE}
    for decoding in (Decoding(data_type, pointer), Decoding(data_type, pointer, scale=1e300 if scaled else 1.0)):
        try:
            msgspec.json.encode(decoding.decode(said))
        except MisfitError as error:
            assert "found" in str(error)


@given(st.floats(-1e6, 1e6), st.sampled_from([0.001, 0.1, 1.8, -2, 1000]), st.sampled_from([0, 32, -273.15]))
def test_what_is_written_is_read_again(value: float, scale: float, offset: float) -> None:
    decoding = Decoding(DOUBLE, scale=scale, offset=offset)
    again = decoding.decode(str(decoding.encode(value)).encode())
    assert math.isclose(again, value, rel_tol=1e-9, abs_tol=1e-3)


@pytest.mark.parametrize(
    ("decoding", "value", "said"),
    [
        (Decoding(DOUBLE, scale=0.001), 47.25, 47250),
        (Decoding(DOUBLE, scale=0.1), 0.3, 3),
        (Decoding(INT, scale=3), 4, 1.33333333333),
        (Decoding(DOUBLE), 5.0, 5.0),
        (Decoding(STRING), "x", "x"),
    ],
)
def test_a_number_is_scaled_back_without_the_noise_of_arithmetic(decoding: Decoding, value: Any, said: Any) -> None:
    encoded = decoding.encode(value)
    assert (encoded, type(encoded)) == (said, type(said))


def test_a_number_that_cannot_be_scaled_back_is_a_misfit() -> None:
    with pytest.raises(MisfitError):
        Decoding(DOUBLE, scale=1e-10).encode(1e308)


@given(st.lists(st.text(), max_size=4))
def test_every_key_can_be_pointed_to(keys: list[str]) -> None:
    document: Any = 42
    for key in reversed(keys):
        document = {key: document, "beside": 1} if key != "beside" else {key: document}
    pointer = "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)
    assert pointer_parts(pointer) == tuple(keys)
    assert pointed(document, pointer) == 42


@pytest.mark.parametrize("pointer", ["a", "a/b", "/~", "/~2"])
def test_a_bad_pointer_says_why(pointer: str) -> None:
    with pytest.raises(ValueError, match="JSON Pointer"):
        pointer_parts(pointer)
