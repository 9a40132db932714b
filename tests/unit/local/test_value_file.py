"""A file is read within bounds, and replaced whole or not at all."""

import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gateway.local.value_file import ValueFileError, read_value_file, write_value_file

UNDER_A_LIMIT = """
import resource, signal, sys
from pathlib import Path
from gateway.local.value_file import ValueFileError, write_value_file

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
try:
    write_value_file(Path(sys.argv[1]), b"far too much for this file")
except ValueFileError as error:
    print(error)
"""


def test_a_write_replaces_the_file_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "value"
    path.write_text("old and longer")
    path.chmod(0o640)
    write_value_file(path, b"new\n")
    assert path.read_bytes() == b"new\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["value"]


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    write_value_file(tmp_path / "value", b"1\n")
    assert read_value_file(tmp_path / "value", 100) == b"1\n"


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "real").write_text("1")
    (tmp_path / "link").symlink_to("folder/real")
    write_value_file(tmp_path / "link", b"2")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "real").read_text() == "2"


def test_a_reader_sees_the_old_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "value"
    texts = [letter * 50_000 for letter in (b"a", b"b")]
    path.write_bytes(texts[0])
    over = threading.Event()
    seen: set[bytes] = set()

    def look() -> None:
        while not over.is_set():
            seen.add(read_value_file(path, 60_000))

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(100):
        write_value_file(path, texts[number % 2])
    over.set()
    reader.join()
    assert seen <= set(texts)


def test_on_a_full_disk_the_old_value_stays(tmp_path: Path) -> None:
    path = tmp_path / "value"
    path.write_text("old")
    said = subprocess.run(
        [sys.executable, "-c", UNDER_A_LIMIT, str(path)], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    assert said.stdout == "its file cannot be written: File too large\n"
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["value"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 10


def test_a_folder_that_is_gone_is_told_without_its_name(tmp_path: Path) -> None:
    with pytest.raises(ValueFileError, match=r"^its file cannot be written: No such file or directory$"):
        write_value_file(tmp_path / "gone" / "value", b"1")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path, make: object) -> None:
    assert callable(make)
    make(tmp_path / "value")
    with pytest.raises(ValueFileError, match="it is not a regular file"):
        write_value_file(tmp_path / "value", b"1")


@pytest.mark.parametrize("work", [lambda path: read_value_file(path, 10), lambda path: write_value_file(path, b"")])
def test_a_name_that_is_none_is_told(work: object) -> None:
    assert callable(work)
    with pytest.raises(ValueFileError, match="invalid name"):
        work(Path("a\0b"))


def test_a_knob_of_the_kernel_is_written_in_place() -> None:
    knob = Path("/proc/self/oom_score_adj")
    before = knob.read_text()
    write_value_file(knob, before.encode())
    assert knob.read_text() == before
