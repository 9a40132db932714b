"""The guards of tests/conftest.py really catch what they are there for."""

import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]

SETTINGS = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""

SINS = """
import asyncio
import warnings

import discovery.endpoint


async def test_leaks_a_task():
    test_leaks_a_task.task = asyncio.create_task(asyncio.sleep(60))


async def test_lets_nobody_read_an_exception():
    async def fail():
        raise ValueError("unseen")

    task = asyncio.create_task(fail())
    await asyncio.wait([task])


async def test_forgets_to_await():
    asyncio.sleep(0)


def test_warns():
    warnings.warn("old", DeprecationWarning)


def test_raises_where_nobody_can_catch_it():
    class Loud:
        def __del__(self):
            raise ValueError("unraisable")

    Loud()


def our_code(statement):
    exec(compile(statement, discovery.endpoint.__file__, "exec"))


async def test_blocks_the_loop_in_our_code():
    our_code("import time; time.sleep(0.001)")
"""

VIRTUES = """
import asyncio
import time


async def test_awaits_its_tasks():
    await asyncio.create_task(asyncio.sleep(0))


async def test_may_block_in_its_own_code():
    time.sleep(0.001)


async def test_may_provoke_a_complaint(loop_complaints):
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(0)
    assert [type(each["exception"]) for each in loop_complaints] == [ZeroDivisionError]
    loop_complaints.clear()


def test_finds_a_free_port(free_port):
    assert 1024 <= free_port <= 65535
"""

LEFT = """
from tests.federation.process import Process

left = []


def test_leaves_a_gateway_running(tmp_path):
    left.append(Process("left", ["-m", "gateway", "run", "-p", "server.port:=0"], tmp_path))
    left[0].start()
"""


@pytest.fixture
def guarded(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project of its own with our conftest and our pytest settings."""
    pytester.makeconftest((ROOT / "tests/conftest.py").read_text())
    pytester.makeini(SETTINGS)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("COLUMNS", "250")  # or the summary cuts the reasons off
    return pytester


def run(project: pytest.Pytester, tests: str) -> pytest.RunResult:
    project.makepyfile(tests)
    return project.run(sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider")


def test_each_sin_fails_its_own_test(guarded: pytest.Pytester) -> None:
    result = run(guarded, SINS)
    result.assert_outcomes(passed=2, failed=4, errors=2)
    result.stdout.fnmatch_lines_random(
        [
            "ERROR *::test_leaks_a_task - Failed: tasks still running*",
            "ERROR *::test_lets_nobody_read_an_exception - Failed: the event loop was told*never retrieved*",
            "FAILED *::test_forgets_to_await - *coroutine object sleep*",
            "FAILED *::test_warns - DeprecationWarning: old",
            "FAILED *::test_raises_where_nobody_can_catch_it - *Loud.__del__*",
            "FAILED *::test_blocks_the_loop_in_our_code - blockbuster*time.sleep*",
        ]
    )


def test_blameless_tests_pass(guarded: pytest.Pytester) -> None:
    run(guarded, VIRTUES).assert_outcomes(passed=4)


def test_a_process_that_is_left_running_fails_the_last_test(guarded: pytest.Pytester) -> None:
    result = run(guarded, LEFT)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["ERROR *::test_leaves_a_gateway_running - *left running: gateway in *"])
