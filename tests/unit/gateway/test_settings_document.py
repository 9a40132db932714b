"""YAML: every value at its line, and bounds on what a document may be."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.document import MAX_DEPTH, MAX_VALUES, Document, Group, Scalar, parse_document
from gateway.config.problems import FileLine

FILE = Path("gateway.yaml")


def parsed(text: str) -> Document:
    return parse_document(text, lambda line: FileLine(FILE, line))


def found(text: str) -> list[str]:
    return [str(problem) for problem in parsed(text).problems]


def test_every_key_and_value_knows_its_line() -> None:
    root = parsed("a: 1\nb:\n  c: x\n  d:\n    - y\n").value
    assert isinstance(root, Group)
    assert [(member.key, str(member.place)) for member in root.members] == [
        ("a", "gateway.yaml:1"),
        ("b", "gateway.yaml:2"),
    ]
    inner = root.members[1].value
    assert isinstance(inner, Group)
    assert [str(member.value.place) for member in inner.members] == ["gateway.yaml:3", "gateway.yaml:5"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8080", 8080),
        ("true", True),
        ("off", False),
        ("1.5", 1.5),
        ("~", None),
        ("'1'", "1"),
        ("2024-01-01", "2024-01-01"),
    ],
)
def test_a_scalar_has_its_value_and_its_text(text: str, value: object) -> None:
    scalar = parsed(text).value
    assert isinstance(scalar, Scalar)
    assert scalar.value == value
    assert scalar.text == text.strip("'")


def test_a_key_is_the_word_that_is_written_even_if_yaml_knows_another_meaning() -> None:
    root = parsed("on: 1\n12: 2\n").value
    assert isinstance(root, Group)
    assert [member.key for member in root.members] == ["on", "12"]


def test_a_tag_makes_no_object() -> None:
    for tag in ("!!python/name:os.system", "!thing", "!!binary"):
        (message,) = found(f"a: {tag} x")
        assert message.startswith("gateway.yaml:1: a: found the tag ")


def test_nesting_beyond_the_bound_is_refused_once() -> None:
    assert found("[" * (MAX_DEPTH + 5) + "]" * (MAX_DEPTH + 5)) == [
        "gateway.yaml:1: found more than 32 levels; allowed: a smaller document"
    ]


def test_nesting_that_exhausts_the_parser_is_refused() -> None:
    assert found("[" * 20_000) == ["gateway.yaml: found more than 32 levels; allowed: one YAML document"]


def test_a_value_that_contains_itself_is_refused() -> None:
    assert "more than 32 levels" in found("a: &a [*a]")[0]


def test_aliases_do_not_multiply_without_bound() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert f"more than {MAX_VALUES} values" in found("\n".join(lines))[0]


def test_two_mistakes_of_syntax_of_a_key_are_both_told() -> None:
    assert [message.split(": ")[0] for message in found("? [a]\n: 1\n? {b: c}\n: 2\n")] == [
        "gateway.yaml:1",
        "gateway.yaml:3",
    ]


@given(st.text(max_size=200))
def test_every_text_is_a_document_or_has_problems_in_this_file(text: str) -> None:
    document = parsed(text)
    assert all(isinstance(problem.place, FileLine) for problem in document.problems)
    assert all(problem.place.file == FILE for problem in document.problems if isinstance(problem.place, FileLine))
