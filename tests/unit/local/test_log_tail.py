"""A log file is read on where the last reading ended, whatever happens to it in between."""

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.local.logs.tail import READ_LIMIT_BYTES, FileTail, NewLines
from gateway.local.logs.window import LONG_LINE_BYTES, split_window
from gateway.local.regular_file import NotRegularError

LATER_NS = 10**19
"""So late that every file has rested."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pump.log"


def append(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)


def read(tail: FileTail, now_ns: int = 0) -> tuple[list[bytes], bool]:
    new = tail.read(now_ns)
    assert isinstance(new, NewLines)
    return list(new.lines), new.follows


def test_only_what_is_new_is_read(path: Path) -> None:
    tail = FileTail(path)
    append(path, b"1\n2\n")
    assert read(tail) == ([b"1", b"2"], True)
    assert read(tail) == ([], True)
    append(path, b"3\n\n")
    assert read(tail) == ([b"3", b""], True)


def test_a_line_counts_when_it_is_finished_or_its_file_rests(path: Path) -> None:
    tail = FileTail(path)
    append(path, b"1\n2")
    assert read(tail) == ([b"1"], True)
    append(path, b"2")
    assert read(tail) == ([], True)
    assert read(tail, LATER_NS) == ([b"22"], True)
    append(path, b" more\n3\n")
    assert read(tail) == ([b" more", b"3"], True)


def test_after_a_rotation_the_rest_of_the_old_file_comes_first(path: Path) -> None:
    tail = FileTail(path)
    append(path, b"1\n")
    assert read(tail) == ([b"1"], True)
    append(path, b"2\n3")
    path.rename(path.with_name("pump-20260812.log"))
    append(path, b"4\n")
    assert read(tail) == ([b"2", b"3", b"4"], True)
    append(path, b"5\n")
    assert read(tail) == ([b"5"], True)


def test_a_rotation_whose_old_file_is_gone_leaves_a_hole(path: Path) -> None:
    tail = FileTail(path)
    append(path, b"1\n")
    read(tail)
    append(path.with_name("new"), b"9\n")
    path.with_name("new").rename(path)
    assert read(tail) == ([b"9"], False)


def test_an_emptied_file_begins_anew(path: Path) -> None:
    tail = FileTail(path)
    append(path, b"first\nsecond\n")
    read(tail)
    path.write_bytes(b"3\n")
    assert read(tail) == ([b"3"], False)
    path.write_bytes(b"a quite different and longer file\n")
    assert read(tail) == ([b"a quite different and longer file"], False)
    os.truncate(path, 0)
    assert read(tail) == ([], False)


def test_a_file_that_was_emptied_and_begins_as_before_is_read_anew(path: Path) -> None:
    """As `copytruncate` does to a log whose every file has the same head."""
    head = b"#" + b"=" * 298 + b"\n"
    tail = FileTail(path)
    append(path, head + b"old\n")
    read(tail)
    append(path, b"new\n")
    assert read(tail) == ([b"new"], True)
    path.write_bytes(head + b"1\n2\n3\n4\n5\n6\n7\n8\n")
    assert read(tail) == ([head.rstrip(), *(b"%d" % number for number in range(1, 9))], False)


def test_of_a_large_file_only_the_end_is_read(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + b"x" * 99 + b"\nlast\n")
    tail = FileTail(path)
    lines, follows = read(tail)
    assert (lines, follows) == ([b"x" * 99, b"last"], False)
    append(path, b"new\n")
    assert read(tail) == ([b"new"], True)


def test_too_much_at_once_leaves_a_hole_and_whole_lines(path: Path) -> None:
    tail = FileTail(path)
    append(path, b"1\n")
    read(tail)
    append(path, b"0123456789\n" * (2 * READ_LIMIT_BYTES // 11))
    lines, follows = read(tail)
    assert not follows
    assert set(lines) == {b"0123456789"}
    assert READ_LIMIT_BYTES - 11 < 11 * len(lines) <= READ_LIMIT_BYTES


def test_of_a_line_larger_than_everything_that_is_read_the_end_is_shown(path: Path) -> None:
    tail = FileTail(path)
    append(path, b"y" * (3 * READ_LIMIT_BYTES))
    lines, _ = read(tail)
    assert [len(line) for line in lines] == [READ_LIMIT_BYTES]
    append(path, b"still the same line\nnext\n")
    assert read(tail) == ([b"next"], True)


def test_a_growing_line_without_end_is_shown_once(path: Path) -> None:
    tail = FileTail(path)
    append(path, b"1\n")
    read(tail)
    shown: list[bytes] = []
    for _ in range(10):
        append(path, b"z" * 100_000)
        lines, follows = read(tail)
        assert follows
        shown += lines
    assert len(shown) == 1
    assert len(shown[0]) > LONG_LINE_BYTES
    append(path, b"\n2\n")
    assert read(tail) == ([b"2"], True)


def test_a_file_that_vanishes_is_an_error_until_it_is_back(path: Path) -> None:
    tail = FileTail(path)
    append(path, b"1\n")
    read(tail)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        tail.read(0)
    append(path, b"2\n")
    assert read(tail)[0] == [b"2"]


def test_what_is_no_regular_file_is_not_read(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(NotRegularError):
        FileTail(path).read(0)
    with pytest.raises(OSError, match=r"."):
        FileTail(path.parent).read(0)


@given(st.lists(st.binary(max_size=6)), st.randoms(use_true_random=False))
def test_however_a_file_is_cut_into_pieces_its_lines_are_the_same(parts: list[bytes], chance: random.Random) -> None:
    content = b"\n".join(parts)
    lines: list[bytes] = []
    start, inside = 0, False
    for end in sorted(chance.randrange(len(content) + 1) for _ in range(5)):
        window = split_window(content[start : max(start, end)], inside=inside, take_unfinished=False)
        lines += window.lines
        start, inside = start + window.consumed, window.inside
    lines += split_window(content[start:], inside=inside, take_unfinished=True).lines
    assert lines == (content.split(b"\n")[:-1] if content.endswith(b"\n") or not content else content.split(b"\n"))
