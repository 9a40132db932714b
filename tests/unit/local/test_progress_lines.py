"""A program tells of its progress while it runs; however much else it says, the newest counts."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.local.command import Commands, shell_command
from gateway.local.process import Command, Exited
from gateway.local.progress_lines import LINE_LIMIT_BYTES, ProgressListener, progress_of, without_progress
from tests.federation.eventually import eventually


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"progress: 40", 40),
        (b"  progress:40 %\r", 40),
        (b"progress: 99.5", 99.5),
        (b'{"progress": 3, "step": "heat"}', {"progress": 3, "step": "heat"}),
        (b'{"step": "heat"}', None),
        (b'{"progress": ', None),
        (b"progress: -1", None),
        (b"progress: many", None),
        (b"my progress: 4", None),
        (b"\xff\xfe progress: 4", None),
        (b'{"progress": "' + b"x" * LINE_LIMIT_BYTES + b'"}', None),
        (b"", None),
    ],
)
def test_a_line_tells_of_progress_or_of_something_else(line: bytes, told: Any) -> None:
    assert progress_of(line) == told


def test_what_is_not_progress_is_the_result() -> None:
    assert without_progress([b"progress: 1", b"done", b'{"progress": 2}', b'{"a": 1}']) == [b"done", b'{"a": 1}']


@given(st.lists(st.sampled_from(["progress: 1\n", "progress: 2\n", "noise\n", "\n", "pro", "gress: 3\n"])), st.data())
def test_however_it_is_cut_the_last_progress_is_told_last(pieces: list[str], data: st.DataObject) -> None:
    text = "".join(pieces).encode()
    expected = [told for told in map(progress_of, text.split(b"\n")[:-1]) if told is not None]

    async def listen() -> list[Any]:
        heard: list[Any] = []
        listener = ProgressListener(heard.append)
        rest = text
        while rest:
            size = data.draw(st.integers(1, len(rest)))
            listener(rest[:size])
            rest = rest[size:]
        await asyncio.sleep(0)
        return heard

    assert asyncio.run(listen()) == expected[-1:]


def test_of_many_lines_at_once_only_the_last_are_looked_at() -> None:
    async def listen(chunks: Sequence[bytes]) -> list[Any]:
        heard: list[Any] = []
        listener = ProgressListener(heard.append)
        for chunk in chunks:
            listener(chunk)
        await asyncio.sleep(0)
        return heard

    assert asyncio.run(listen([b"progress: 5\n" + b"x\n" * 1000])) == []
    assert asyncio.run(listen([b"x\n" * 1000 + b"progress: 5\n"])) == [5]
    assert asyncio.run(listen([b"x" * 100_000, b"progress: 5\n", b"progress: 6\n"])) == [6]


async def test_a_running_command_is_heard(tmp_path: Any) -> None:
    gate = tmp_path / "gate"
    line = f"echo progress: 10; while [ ! -e {gate} ]; do sleep 0.01; done; echo progress: 90; echo done"
    heard: list[Any] = []
    running = asyncio.create_task(
        Commands().run(Command(shell_command(line)), timeout_s=60, heard=ProgressListener(heard.append))
    )
    await eventually(lambda: heard == [10])
    assert not running.done()
    gate.touch()
    assert await running == Exited(0, b"progress: 10\nprogress: 90\ndone\n", b"")
    await eventually(lambda: heard == [10, 90])


async def test_one_that_talks_without_end_is_heard_to_its_end(tmp_path: Any) -> None:
    heard: list[Any] = []
    line = "yes | head -c 3000000; echo progress: 70; yes | head -c 100"
    outcome = await Commands().run(
        Command(shell_command(line)), timeout_s=60, limit_bytes=1000, heard=ProgressListener(heard.append)
    )
    assert isinstance(outcome, Exited)
    assert outcome.truncated
    await eventually(lambda: heard == [70])
