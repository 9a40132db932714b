"""A network of gateways for each test that asks for one."""

from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.federation.gateways import Cluster

FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remembers a failure of the test itself, which its fixtures do not see as an exception."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
async def cluster(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    """As `async with Cluster() as cluster`, in the test's own folder."""
    async with Cluster(tmp_path) as cluster:
        yield cluster
        if request.node.stash.get(FAILED, False):
            cluster.print_logs()
            cluster.forgive = True  # one failure is enough


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_cluster(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Cluster]:
    """As `cluster`, but one for all tests of a module, which run in the module's loop and leave it as it was."""
    failed_before = request.session.testsfailed
    async with Cluster(tmp_path_factory.mktemp("shared")) as cluster:
        yield cluster
        if request.session.testsfailed > failed_before:
            cluster.print_logs()
            cluster.forgive = True  # one failure is enough
