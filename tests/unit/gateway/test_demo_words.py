"""What `grove demo` says of a gateway that ended: the last line of its log."""

from asyncio import StreamReader

import pytest

from gateway.demo.chain import demo_chain
from gateway.demo.run import TAIL_BYTES, last_words, why_not_started
from gateway.lifecycle import ADDRESS_IN_USE


def stream(*chunks: bytes) -> StreamReader:
    reader = StreamReader()
    for chunk in chunks:
        reader.feed_data(chunk)
    reader.feed_eof()
    return reader


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (b"", ""),
        (b"one line", "one line"),
        (b"first\nlast\n\n", "last"),
        (b"first\n" + b"x" * TAIL_BYTES * 3 + b"\nlast\n", "last"),
        ("pr\u00fcfen\n".encode() + b"\xff", "\ufffd"),
    ],
)
async def test_it_is_the_last_line_that_has_something(written: bytes, words: str) -> None:
    assert await last_words(stream(written)) == words


async def test_of_a_line_longer_than_any_buffer_the_end_is_kept() -> None:
    words = await last_words(stream(*(b"x" * 65536 for _ in range(4)), b"the end\n"))
    assert words.endswith("xthe end")
    assert len(words) < TAIL_BYTES


async def test_a_process_without_a_log_has_no_last_words() -> None:
    assert await last_words(None) == ""


def test_the_port_is_suspected_only_when_it_was_taken() -> None:
    one = demo_chain((1, 2, 3))[2]
    assert f"is port {one.port} taken by another program?" in why_not_started(one, ADDRESS_IN_USE)
    assert why_not_started(one, 2) == f"{one.name} ended with 2, see above"
