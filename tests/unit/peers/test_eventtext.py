"""Server-sent events out of bytes that come in any pieces."""

import pytest

from peers.eventtext import MAX_EVENT_BYTES, EventParser, EventTooLongError, ServerEvent

TREE = ServerEvent("tree", '{"generation":7}')


def read(*pieces: bytes) -> list[ServerEvent]:
    parser = EventParser()
    return [event for piece in pieces for event in parser.feed(piece)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b"data: x\n\n", [ServerEvent("message", "x")], id="the default type is message"),
        pytest.param(b"data:x\n\n", [ServerEvent("message", "x")], id="the space is optional"),
        pytest.param(b"data:  x\n\n", [ServerEvent("message", " x")], id="only one space is taken off"),
        pytest.param(b"data: a: b\n\n", [ServerEvent("message", "a: b")], id="only the first colon separates"),
        pytest.param(b"data: a\ndata\ndata: b\n\n", [ServerEvent("message", "a\n\nb")], id="data lines are joined"),
        pytest.param(b"data\n\n", [ServerEvent("message", "")], id="a field without a colon has an empty value"),
        pytest.param(b"event: tree\n\ndata: x\n\n", [ServerEvent("message", "x")], id="no data, no event"),
        pytest.param(b": ping\n\n", [], id="a comment is no event"),
        pytest.param(b"retry: 5\nnonsense: 1\ndata: x\n\n", [ServerEvent("message", "x")], id="unknown fields"),
        pytest.param(b"data: x\n", [], id="an event that is not finished"),
        pytest.param(b"\n\n\n", [], id="blank lines"),
        pytest.param(b"\xef\xbb\xbfdata: x\n\n", [ServerEvent("message", "x")], id="a byte-order mark at the start"),
        pytest.param(b"data: x\n\n\xef\xbb\xbfdata: y\n\n", [ServerEvent("message", "x")], id="but nowhere else"),
        pytest.param(b"id: 1\ndata: x\n\ndata: y\n\n", [("x", "1"), ("y", "1")], id="the last id stays"),
        pytest.param(b"id: 1\nid: 2\x003\ndata: x\n\n", [("x", "1")], id="an id with NUL is ignored"),
        pytest.param(b"id: 1\nid\ndata: x\n\n", [("x", "")], id="an empty id takes it back"),
        pytest.param(b"data: \xff\n\n", [ServerEvent("message", "\ufffd")], id="bytes that are no text are replaced"),
    ],
)
def test_fields_are_read_as_the_standard_says(text: bytes, expected: list[ServerEvent | tuple[str, str]]) -> None:
    wanted = [one if isinstance(one, ServerEvent) else ServerEvent("message", *one) for one in expected]
    assert read(text) == wanted


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_any_line_ending_may_be_cut_anywhere(ending: bytes) -> None:
    text = ending.join((b"event: tree", b'data: {"generation":7}', b"", b": x", b"data: \xc3\xa9", b"", b": end", b""))
    expected = [TREE, ServerEvent("message", "é")]
    assert read(text) == expected
    assert read(*(text[at : at + 1] for at in range(len(text)))) == expected
    for cut in range(len(text)):
        assert read(text[:cut], text[cut:]) == expected


def test_a_line_that_never_ends_is_not_kept() -> None:
    parser = EventParser()
    assert parser.feed(b"data: " + b"x" * (MAX_EVENT_BYTES - 6)) == []
    with pytest.raises(EventTooLongError):
        parser.feed(b"x")


def test_an_event_that_never_ends_is_not_kept() -> None:
    line = b"data: " + b"x" * 1000 + b"\n"
    parser = EventParser()
    with pytest.raises(EventTooLongError):
        for _ in range(MAX_EVENT_BYTES // 1000 + 1):
            assert parser.feed(line) == []


def test_many_events_and_many_pings_are_never_too_long() -> None:
    parser = EventParser()
    found = 0
    for _ in range(3 * MAX_EVENT_BYTES // 100):
        found += len(parser.feed(b"data: " + b"x" * 100 + b"\n\n"))
    assert found == 3 * MAX_EVENT_BYTES // 100
    for _ in range(MAX_EVENT_BYTES // 4):
        parser.feed(b": ping\n")  # pings without the blank line that others put behind them
    assert parser.feed(b"data: x\n\n") == [ServerEvent("message", "x")]
