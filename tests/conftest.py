"""What every test runs under: no task outlives it, nothing of ours blocks the loop, no exception goes unseen."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any

import pytest
from blockbuster import blockbuster_ctx

from tests.federation.ports import free_port as find_free_port
from tests.federation.process import forking
from tests.skips import refuse_unexpected

OURS = ("entities", "discovery", "peers", "gateway", "grove")
"""The packages whose code may not block the loop. Tests themselves may."""

TASK_GRACE_S = 0.5
"""How long a task that is already ending may still take when its test is over."""


def pytest_collection_finish() -> None:
    """Takes everything imported so far out of garbage collection, so that collecting after each test is cheap."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that is skipped for a reason that is not in `skips.py` fails instead."""
    report = yield
    refuse_unexpected(report)
    return report


@pytest.fixture
async def loop_complaints() -> AsyncIterator[list[dict[str, Any]]]:
    """What the event loop was told went wrong, such as a task whose exception nobody read.

    A test that provokes a complaint asks for this fixture and empties the list. What is left in it, and every
    task that is still running, fails the test.
    """
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    yield complaints
    leaked = asyncio.all_tasks() - {asyncio.current_task()}
    if leaked:
        _, leaked = await asyncio.wait(leaked, timeout=TASK_GRACE_S)
    gc.collect()  # an exception nobody read is reported when its task is collected
    await asyncio.sleep(0)
    if leaked:
        pytest.fail(f"tasks still running at the end of the test: {', '.join(map(repr, leaked))}")
    if complaints:
        pytest.fail(f"the event loop was told: {complaints}")


@pytest.fixture(scope="session", autouse=True)
def _forking() -> Iterator[None]:
    """Gateways are forked from one that has loaded the code; any that are left when all tests are over are an error."""
    # A shell has its background jobs ignore SIGINT, and so do all they start: nothing would end as a terminal ends it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with forking():
        yield


@pytest.fixture(autouse=True)
def _guarded(request: pytest.FixtureRequest) -> Iterator[None]:
    """Comes before all other fixtures, so it looks for leaks after they are torn down."""
    if request.node.get_closest_marker("asyncio") is None:
        yield
        return
    request.getfixturevalue("loop_complaints")
    with blockbuster_ctx(scanned_modules=OURS):
        yield


@pytest.fixture
def free_port() -> int:
    """A TCP port of the loopback interface on which nothing listens."""
    return find_free_port()
