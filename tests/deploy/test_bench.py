"""`python -m benchmarks` runs, with whatever rivals this machine has, and leaves no process behind."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 110.0


def bench(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_a_quick_measurement_prints_the_machine_and_a_table(tmp_path: Path) -> None:
    """Without wrk on the path: our own load takes its place."""
    done = bench("--quick", "spread", "list", env={"PATH": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert "load average" in done.stdout
    table = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert cells(table[0]) == ["what", "Grove", "rival", "ratio", "goal", "met"]
    change, death, merged = map(cells, table[2:])
    assert (change[1].split()[1], death[1].split()[1]) == ("ms", "ms")
    assert merged[1].endswith("/s")


def test_an_unknown_measurement_is_refused_with_what_there_is() -> None:
    done = bench("speed")
    assert done.returncode == 2
    assert "found speed; allowed: list, forward" in done.stderr


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_run_ends_all_its_processes(sig: signal.Signals) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks", "forward", cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    children = await started(process.pid, "gateway", "benchmarks.standin", "benchmarks.bare")
    process.send_signal(sig)
    _, told = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    assert process.returncode == 130, told
    assert [child for child in children if child.is_running()] == []


async def started(pid: int, *modules: str) -> Sequence[psutil.Process]:
    """The processes below `pid`, once these run."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            with contextlib.suppress(psutil.NoSuchProcess):  # some, such as the load, come and go
                children = psutil.Process(pid).children(recursive=True)
                lines = [" ".join(child.cmdline()) for child in children]
                if all(any(f"-m {module}" in line for line in lines) for module in modules):
                    return children
            await asyncio.sleep(0.05)
