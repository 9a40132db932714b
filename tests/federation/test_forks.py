"""Processes that are forked are as those that are started, and none is lost."""

import json
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.federation.eventually import eventually
from tests.federation.forks import NURSERIES, Forked, Nurseries, NurseryError
from tests.federation.nursery import Start
from tests.federation.process import ROOT, Process, environment

LEAVES_SOMETHING = """
class Left:
    def __del__(self):
        print("cleaned up")

left = Left()
"""

READS_NO_EXCEPTION = """
import asyncio

async def fail():
    raise ValueError

async def main():
    global task
    task = asyncio.create_task(fail())
    await asyncio.wait([task])

asyncio.run(main())
"""

SLEEPS = "import time; time.sleep(1000)"


def module(tmp_path: Path, code: str) -> Process:
    """A process that runs this code as a module; it has a variable that could not be there by chance."""
    folder = tmp_path / "folder"
    folder.mkdir(exist_ok=True)
    (folder / "code_of_a_test.py").write_text(code)
    return Process("test", ["-m", "code_of_a_test", "-x", "two words"], folder, {"GROVE_LOG": "json"})


async def end(process: Process) -> int:
    """The exit code, once it has ended by itself."""
    child = process._child
    assert child is not None

    await eventually(lambda: child.poll() is not None)
    assert child.returncode is not None
    return child.returncode


async def portrait(process: Process) -> dict[str, Any]:
    """What it tells of itself; its log is as before."""
    process.start()
    assert await end(process) == 0, process.log_text()
    told: dict[str, Any] = json.loads(process.log_text())
    process.log_file.unlink()
    return told


async def test_a_forked_process_is_as_a_started_one(tmp_path: Path) -> None:
    process = Process("test", ["-m", "tests.federation.portrait", "-x", "two words"], tmp_path, {"GROVE_LOG": "json"})
    forked = await portrait(process)
    assert isinstance(process._child, Forked)
    process.fresh = True
    started = await portrait(process)
    assert not isinstance(process._child, Forked)
    assert forked["alike"] == started["alike"]


LOADS = """
import sys
from gateway.cli import main

before = {*sys.modules}
try:
    main(sys.argv[1:])
finally:
    print("loaded", *sorted({*sys.modules} - before))
"""


async def test_a_gateway_has_nothing_left_to_load(tmp_path: Path) -> None:
    """Or every start of every test would pay for it. What typer loads late it loads of its own."""
    process = module(tmp_path, LOADS)
    values = ("server.port:=0", "aggregation.enabled:=true", "aggregation.peers:=[{name: b, url: 'http://[::1]:9'}]")
    process.arguments = ["-m", "code_of_a_test", "run", *(part for value in values for part in ("-p", value))]
    process.start()

    def is_ready() -> bool:
        process.check_running()
        return "gateway ready" in process.log_text()

    await eventually(is_ready)
    assert await process.stop() == 0
    (loaded,) = [line for line in process.log_text().splitlines() if line.startswith("loaded")]
    assert [name for name in loaded.split()[1:] if name.partition(".")[0] != "typer"] == []


async def test_no_two_processes_draw_the_same_numbers(tmp_path: Path) -> None:
    process = Process("test", ["-m", "tests.federation.portrait"], tmp_path)
    drawn = [(await portrait(process))["own"] for _ in range(2 * NURSERIES)]
    for key in drawn[0]:
        assert len({each[key] for each in drawn}) == len(drawn), key


async def test_the_order_of_sets_is_not_the_same_in_all(tmp_path: Path) -> None:
    process = module(tmp_path, "print(hash('a word'))")
    for _ in range(NURSERIES):
        process.start()
        await end(process)
    assert len({*process.log_text().split()}) == NURSERIES


@pytest.mark.parametrize(
    ("code", "expected", "told"),
    [
        ("raise SystemExit(3)", 3, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
        ("raise ValueError('broken')", 1, "ValueError: broken\n"),
        ("import atexit; atexit.register(print, 'bye')", 0, "bye\n"),
        ("import asyncio; asyncio.sleep(0)", 0, "never awaited"),
        ("import code_of_nobody", 1, "No module named 'code_of_nobody'\n"),
        (LEAVES_SOMETHING, 0, "cleaned up\n"),
        (READS_NO_EXCEPTION, 0, "exception was never retrieved"),
        ("print('no line end', end='')", 0, "no line end"),
    ],
    ids=["code", "signal", "exception", "at exit", "complaint", "import", "left behind", "unread", "buffer"],
)
async def test_its_end_is_that_of_its_module(tmp_path: Path, code: str, expected: int, told: str) -> None:
    process = module(tmp_path, code)
    process.start()
    assert (await end(process), isinstance(process._child, Forked)) == (expected, True)
    assert told in process.log_text()


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_before_it_runs_is_not_lost(tmp_path: Path, sig: signal.Signals) -> None:
    process = module(tmp_path, SLEEPS)
    process.start()
    code = await process.stop(sig)
    assert code in {-sig, 1} and code != 0  # with SIGINT as Python ends on a KeyboardInterrupt


async def test_its_pid_is_its_own_until_its_end_is_known(tmp_path: Path) -> None:
    process = module(tmp_path, SLEEPS)
    process.start()
    child, seen = process._child, psutil.Process(process.pid)
    assert child is not None
    child.kill()
    await eventually(lambda: seen.status() == psutil.STATUS_ZOMBIE)
    assert await end(process) == -signal.SIGKILL
    await eventually(lambda: not psutil.pid_exists(child.pid))


async def test_what_counts_before_a_module_runs_needs_an_interpreter_of_its_own(tmp_path: Path) -> None:
    process = Process("test", ["-m", "tests.federation.portrait"], tmp_path, {"PYTHONWARNINGS": "error"})
    told = await portrait(process)
    assert not isinstance(process._child, Forked)
    assert told["alike"]["warnings"] == ["error"]


class Spare:
    """Nurseries beside those of the tests, and a start for them."""

    def __init__(self, process: Process) -> None:
        self.env = environment(process.env)
        self.nurseries = Nurseries(self.env)
        self._process = process

    def fork(self) -> Forked:
        name, *arguments = self._process.arguments[1:]
        start = Start(name, arguments, str(self._process.folder), self.env)
        with self._process.log_file.open("ab") as log:
            child = self.nurseries.fork(start, [log.fileno()] * 3)
        assert child is not None
        return child


async def test_one_that_is_left_running_is_an_error_and_killed(tmp_path: Path) -> None:
    spare = Spare(module(tmp_path, SLEEPS))
    child = spare.fork()
    with pytest.raises(NurseryError, match=f"left running: code_of_a_test in .*folder, pid {child.pid}"):
        spare.nurseries.close()
    await eventually(lambda: not psutil.pid_exists(child.pid))
    assert child.poll() == -signal.SIGKILL


async def test_one_that_nobody_holds_any_more_is_warned_of(tmp_path: Path) -> None:
    spare = Spare(module(tmp_path, SLEEPS))
    child = spare.fork()
    with pytest.warns(ResourceWarning, match="code_of_a_test .* is still running"):
        child.__del__()
    child.kill()
    await eventually(lambda: child.poll() is not None)
    spare.nurseries.close()


async def test_a_nursery_that_is_gone_says_so(tmp_path: Path) -> None:
    process = module(tmp_path, SLEEPS)
    (tmp_path / "folder" / "uvloop.py").write_text("raise ImportError('uvloop is broken')")
    process.env = {"PYTHONPATH": f"{tmp_path / 'folder'}:{ROOT}"}
    spare = Spare(process)
    with pytest.raises(NurseryError, match="uvloop is broken"):
        spare.fork()
    with pytest.raises(NurseryError, match="uvloop is broken"):
        spare.nurseries.close()


WORKER = """
import time
from pathlib import Path
from tests.federation.process import Process, forking

with forking():
    process = Process("left", ["-m", "code_of_a_test"], Path.cwd())
    process.start()
    Path("pids").write_text(f"{process.pid} {process._child._nursery._process.pid}")
    time.sleep(1000)
"""


async def test_when_the_tests_are_killed_what_they_have_forked_dies_too(tmp_path: Path) -> None:
    folder = module(tmp_path, SLEEPS).folder
    (folder / "worker.py").write_text(WORKER)
    worker = Process("worker", ["-m", "worker"], folder)
    worker.fresh = True
    worker.start()
    pids = folder / "pids"
    forked, nursery = map(int, (await eventually(lambda: pids.read_text() if pids.exists() else "")).split())
    assert psutil.pid_exists(forked) and psutil.pid_exists(nursery)
    await worker.kill()
    await eventually(lambda: not psutil.pid_exists(forked) and not psutil.pid_exists(nursery))
