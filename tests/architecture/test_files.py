"""A file is one noun of readable size, has a name that says something, and explains what it silences."""

import io
import itertools
import re
import statistics
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, modules

LONGEST_LINES = 350
MEDIAN_LINES = 150
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}

DIRECTIVE = re.compile(
    r"#\s*(type:\s*ignore|(?:ruff:\s*)?noqa|pragma:\s*no cover|mypy:\s*(?:ignore-errors|disable-error-code))"
    r"(?P<codes>\[[\w, -]+\]|\s*[:=]\s*\"?[\w, -]*?\"?)?(?=\s*#|\s*$|\s+-)"
)
REASON = re.compile(r"^\s*[#-]+\s.*?\w+\W+\w+")
"""At least two words behind `#`, `-` or `--`."""


def python_files() -> list[Path]:
    """Of the packages, the tests and the benchmarks."""
    beside = (sorted((ROOT / folder).rglob("*.py")) for folder in ("tests", "benchmarks"))
    return [*modules().values(), *itertools.chain(*beside)]


def line_counts() -> dict[str, int]:
    """Lines of every module of ours that is not empty."""
    counts = {name: len(path.read_text().splitlines()) for name, path in modules().items()}
    return {name: count for name, count in counts.items() if count}


def unexplained(source: str) -> Iterator[str]:
    """The comments that silence a tool without the code of what they silence and a reason behind it."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        rest = token.string
        while directive := DIRECTIVE.search(rest):
            rest = rest[directive.end() :]
            if not (directive["codes"] or "pragma" in directive[1]) or not REASON.search(rest):
                yield f"line {token.start[0]}: {token.string}"
                break


def test_no_file_is_too_long_to_read() -> None:
    assert {name: lines for name, lines in line_counts().items() if lines > LONGEST_LINES} == {}


def test_most_files_are_short() -> None:
    assert statistics.median(line_counts().values()) <= MEDIAN_LINES


def test_no_name_says_nothing() -> None:
    paths = [path.relative_to(ROOT) for path in python_files()]
    assert [str(path) for path in paths if EMPTY_NAMES & {*path.with_suffix("").parts}] == []


def test_every_silenced_warning_has_a_code_and_a_reason() -> None:
    found = {str(path.relative_to(ROOT)): [*unexplained(path.read_text())] for path in python_files()}
    assert {path: comments for path, comments in found.items() if comments} == {}


@pytest.mark.parametrize(
    ("comment", "is_explained"),
    [
        ("# type: ignore", False),
        ("# type: ignore[misc]", False),
        ("# type: ignore  # a reason but no code", False),
        ("# type: ignore[misc]  # untyped decorator", True),
        ("# noqa", False),
        ("# noqa: S101", False),
        ("# noqa: S101, B008  # one word", True),
        ("# noqa: S101 - checked above", True),
        ('# noqa: PTH111 -- "" must stay ""', True),
        ("# noqa: S101  # why", False),
        ("# type: ignore[misc]  # noqa: S101", False),
        ("# type: ignore[misc]  # noqa: S101  # checked above", True),
        ("# ruff: noqa: T201", False),
        ("# pragma: no cover  # only on macOS", True),
        ("# pragma: no cover", False),
        ("# a word about noqa in passing", True),
    ],
)
def test_the_check_wants_a_code_and_a_reason(comment: str, is_explained: bool) -> None:
    assert ([*unexplained(f"x = 1  {comment}\n")] == []) is is_explained
