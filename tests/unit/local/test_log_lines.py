"""Lines of log files become entries: plain, by a pattern, as JSON; whatever bytes they are made of."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.local.logs.entry import LogContext, LogSeverity, LogText, render_time
from gateway.local.logs.line_format import (
    Continuation,
    JsonLines,
    LineFormat,
    LineRules,
    PatternLines,
    PlainLines,
    continued,
    read_line,
)
from gateway.local.logs.line_text import LINE_LIMIT_BYTES, line_text
from gateway.local.logs.time_text import parse_time
from tests.unit.local.conftest import START_NS

PATTERN = PatternLines(re.compile(r"^(?P<time>\S+ \S+) (?P<severity>\w+) \[(?P<context>\w+)\] (?P<message>.*)$"))


def read(line: bytes, form: LineFormat, **rules: Any) -> LogText:
    text = read_line(line, LineRules("pump.log", form, **rules), START_NS)
    assert isinstance(text, LogText)
    return text


def ns(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * 1_000_000_000  # type: ignore[arg-type,misc]  # up to six numbers


def test_a_plain_line_is_the_message() -> None:
    assert read(b"pump started\r", PlainLines()) == LogText(
        START_NS, LogSeverity.INFO, "pump started", LogContext("pump.log")
    )
    assert read(b"x", PlainLines(), severity=LogSeverity.ERROR).severity is LogSeverity.ERROR


def test_a_pattern_names_time_severity_context_and_message() -> None:
    line = b"2026-08-12 12:00:01,5 WARN [valve] sticks"
    assert read(line, PATTERN) == LogText(
        ns(2026, 8, 12, 12, 0, 1) + 500_000_000, LogSeverity.WARNING, "sticks", LogContext("valve")
    )


def test_a_line_without_the_pattern_goes_on_with_the_entry_before() -> None:
    first = read(b"2026-08-12 12:00:01 ERROR [valve] stuck", PATTERN)
    more = read_line(b"  at valve.c:12", LineRules("pump.log", PATTERN), START_NS)
    assert isinstance(more, Continuation)
    whole = continued(first, more.text)
    assert (whole.message, whole.severity, whole.timestamp_ns) == (
        "stuck\n  at valve.c:12",
        LogSeverity.ERROR,
        first.timestamp_ns,
    )


def test_an_entry_does_not_grow_without_end() -> None:
    entry = read(b"2026-08-12 12:00:01 ERROR [valve] stuck", PATTERN)
    more = LogText(START_NS, LogSeverity.INFO, "y" * 1000)
    for _ in range(20):
        entry = continued(entry, more)
    assert len(entry.message) == LINE_LIMIT_BYTES
    assert len(entry.message) + entry.cut_bytes == len("stuck") + 20 * 1001


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (
            {"time": 1786538500.25, "level": "error", "msg": "hot", "logger": "motor"},
            LogText(START_NS + 250_000_000, LogSeverity.ERROR, "hot", LogContext("motor")),
        ),
        (
            {"@timestamp": "2026-08-12T12:41:40.123456789Z", "severity": "DEBUG", "message": {"a": 1}},
            LogText(START_NS + 123_456_789, LogSeverity.DEBUG, '{"a":1}', LogContext("pump.log")),
        ),
        ({"time": "soon", "level": 7, "msg": "x"}, LogText(START_NS, LogSeverity.INFO, "x", LogContext("pump.log"))),
    ],
)
def test_a_line_of_json_is_read_by_its_usual_keys(told: Mapping[str, Any], expected: LogText) -> None:
    assert read(json.dumps(told).encode(), JsonLines()) == expected


def test_keys_and_words_of_ones_own_go_before_the_usual_ones() -> None:
    told = {"time": 0, "when": 1786538500, "level": "info", "prio": "50", "message": "no", "text": "yes"}
    form = JsonLines({"time": "when", "severity": "prio", "message": "text"})
    text = read(json.dumps(told).encode(), form, severities={"50": LogSeverity.FATAL})
    assert text == LogText(START_NS, LogSeverity.FATAL, "yes", LogContext("pump.log"))


@pytest.mark.parametrize("line", [b"not json", b"[1]", b'{"msg": "cut of', b'"text"', b"[" * 5000, b'{"msg": "\xff"}'])
def test_what_is_no_json_object_is_a_message_as_it_stands(line: bytes) -> None:
    text = read(line, JsonLines())
    assert text.message == line.decode(errors="backslashreplace")
    assert text.severity is LogSeverity.INFO


def test_binary_bytes_and_control_characters_are_escaped() -> None:
    text = read(b"\x00\xff\x1b[31mred\x7f\tok \xc3\xa4 \xe2\x80\xa8", PlainLines())
    assert text.message == r"\x00\xff\x1b[31mred\x7f" + "\tok ä " + r"\u2028"


def test_a_huge_line_is_cut_and_says_by_how_much() -> None:
    text = read(b"a" * 1_000_000, PlainLines())
    assert (text.message, text.cut_bytes) == ("a" * LINE_LIMIT_BYTES, 1_000_000 - LINE_LIMIT_BYTES)
    long_json = json.dumps({"msg": "b" * 20_000, "level": "error"}).encode()
    told = read(long_json, JsonLines())
    assert (told.message, told.cut_bytes, told.severity) == (
        "b" * LINE_LIMIT_BYTES,
        20_000 - LINE_LIMIT_BYTES,
        LogSeverity.ERROR,
    )


@given(st.integers(0, 3), st.sampled_from(["ä", "€", "😀"]))
def test_a_cut_never_goes_through_a_character(shift: int, character: str) -> None:
    shown, cut = line_text(b"x" * shift + (character * 10_000).encode())
    assert set(shown) <= {"x", character}
    assert len(shown.encode()) + cut == shift + 10_000 * len(character.encode())
    assert LINE_LIMIT_BYTES - len(shown.encode()) < 4


@given(st.binary(max_size=200), st.sampled_from([PlainLines(), PATTERN, JsonLines()]))
def test_no_bytes_are_too_odd_to_be_shown(line: bytes, form: LineFormat) -> None:
    found = read_line(line.replace(b"\n", b""), LineRules("x", form), START_NS)
    text = found.text if isinstance(found, Continuation) else found
    assert isinstance(text.message.encode(), bytes)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text.message)


@pytest.mark.parametrize(
    ("value", "time_format", "expected"),
    [
        ("2026-08-12T12:41:40Z", None, START_NS),
        ("2026-08-12 14:41:40,000000001+02:00", None, START_NS + 1),
        ("2026-08-12T12:41:40.1234567890Z", None, START_NS + 123_456_789),
        ("2026-08-12t12:41:40z", None, START_NS),
        (START_NS // 1_000_000_000, None, START_NS),
        (START_NS // 1_000_000, None, START_NS),
        (str(START_NS // 1000), None, START_NS),
        (START_NS, None, START_NS),
        ("1786538500.5", None, START_NS + 500_000_000),
        ("12/Aug/2026:14:41:40 +0200", "%d/%b/%Y:%H:%M:%S %z", START_NS),
        ("2026-13-12T12:41:40Z", None, None),
        ("yesterday", None, None),
        ("12:41", "%d/%b/%Y", None),
        (True, None, None),
        (None, None, None),
        (-5, None, None),
        (float("nan"), None, None),
        (10**30, None, None),
        ("9" * 25, None, None),
        ([1], None, None),
    ],
)
def test_times_are_read_as_logs_write_them(value: Any, time_format: str | None, expected: int | None) -> None:
    assert parse_time(value, time_format, START_NS) == expected


def test_a_time_without_a_zone_is_of_this_machine() -> None:
    local = datetime.fromtimestamp(START_NS / 1e9).strftime("%Y-%m-%d %H:%M:%S")  # noqa: DTZ006 - on purpose
    assert parse_time(local, None, START_NS) == START_NS


def test_a_time_without_a_year_is_the_last_one_that_was() -> None:
    form = "%b %d %H:%M:%S %z"
    assert parse_time("Aug 12 12:41:39 +0000", form, START_NS) == START_NS - 1_000_000_000
    assert parse_time("Dec 31 12:00:00 +0000", form, START_NS) == ns(2025, 12, 31, 12, 0, 0)
    assert parse_time("Feb 29 12:00:00 +0000", form, START_NS) == ns(2024, 2, 29, 12, 0, 0)


@given(st.integers(0, 8_000_000_000_000_000_000))
def test_a_time_is_rendered_so_that_it_reads_back_and_sorts(timestamp_ns: int) -> None:
    rendered = render_time(timestamp_ns)
    assert parse_time(rendered, None, 0) == timestamp_ns
    assert render_time(timestamp_ns + 1) > rendered
