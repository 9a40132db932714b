"""Values get into arguments, shell lines, URLs and JSON without ever becoming more than a value there."""

import subprocess
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.local.template import fill_arguments, fill_json, fill_shell, fill_text, fill_url, names_in, text_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (42, "42"),
        (4.5, "4.5"),
        ("so", "so"),
        (None, "null"),
        ({"a": [1]}, '{"a":[1]}'),
    ],
)
def test_a_value_is_written_as_a_program_expects_it(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_other_braces_stay_as_they_are() -> None:
    assert fill_text("{a} {b} {{a}} {} {a b} ${a}", {"a": 1}) == "1 {b} {1} {} {a b} $1"


def test_a_value_is_not_filled_again() -> None:
    assert fill_text("{a}{b}", {"a": "{b}", "b": "{a}"}) == "{b}{a}"


@given(JSON)
def test_an_argument_stays_one_argument(value: Any) -> None:
    assert fill_arguments(("set", "--to={value}", "{value}"), {"value": value}) == (
        "set",
        f"--to={text_of(value)}",
        text_of(value),
    )


@given(TEXT)
@settings(max_examples=25)
def test_no_value_is_ever_code_of_the_shell(value: str) -> None:
    argv = fill_shell("printf '%s|%s|' {first} {value}", {"value": value, "first": "1"})
    said = subprocess.run(argv, capture_output=True, check=True, stdin=subprocess.DEVNULL)
    assert said.stdout == f"1|{value}|".encode()
    assert said.stderr == b""


@given(JSON)
def test_a_value_cannot_leave_its_part_of_a_url(value: Any) -> None:
    parts = urlsplit(fill_url("http://device/set/{value}?to={value}#end", {"value": value}))
    assert (parts.netloc, parts.fragment) == ("device", "end")
    assert [unquote(part) for part in parts.path.split("/")] == ["", "set", text_of(value)]
    assert unquote(parts.query) == f"to={text_of(value)}"


@given(JSON)
def test_a_text_that_is_only_a_name_becomes_the_value_with_its_type(value: Any) -> None:
    template = {"set": ["{value}", "to {value}", 3, None], "{value}": True}
    assert fill_json(template, {"value": value}) == {
        "set": [value, f"to {text_of(value)}", 3, None],
        "{value}": True,
    }


def test_the_names_of_a_template_are_found_wherever_they_stand() -> None:
    assert names_in({"a": ["{x} {y}", {"b": "{z}"}], "{key}": 1}) == {"x", "y", "z"}
