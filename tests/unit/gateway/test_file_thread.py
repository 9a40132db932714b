"""Files that may never answer are read by threads of their own, and by no others."""

import time
from pathlib import Path

import pytest

from gateway.file_thread import in_file_thread
from gateway.local.daemon_thread import DaemonThreads
from peers.answer import FetchedAnswer
from peers.errors import PeerError
from peers.token_file import TokenFile

NONE_LEFT = DaemonThreads(0).run


async def asks_nobody(*_: object) -> FetchedAnswer | PeerError:
    raise AssertionError("nobody is to be asked")


async def test_what_is_read_is_given() -> None:
    assert await in_file_thread(lambda: 7) == 7


async def test_where_no_thread_is_left_a_file_does_not_answer() -> None:
    with pytest.raises(TimeoutError):
        await in_file_thread(lambda: 7, NONE_LEFT)


async def test_a_token_that_nobody_can_read_is_an_error_of_its_peer(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a.b.c")
    token = TokenFile(
        "b", tmp_path / "token", clock=time.monotonic, in_thread=lambda work: in_file_thread(work, NONE_LEFT)
    )
    error = await token.obtain(asks_nobody, deadline=time.monotonic() + 1000)
    assert isinstance(error, PeerError)
    assert "in time" in str(error.detail)
