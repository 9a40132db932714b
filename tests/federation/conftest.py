"""A network of gateways for each test that asks for one."""

from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.federation.gateways import Cluster
from tests.federation.guard import Certificates
from tests.federation.twice import is_also_guarded

FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remembers a failure of the test itself, which its fixtures do not see as an exception."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that twice.py names run with and without guards."""
    if is_also_guarded(metafunc.module.__name__.rpartition(".")[2], metafunc.function.__name__):
        assert "guards" in metafunc.fixturenames, f"{metafunc.function.__name__} has no cluster: see twice.py"
        metafunc.parametrize("guards", ["plain", "guarded"], indirect=True, scope="module")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Of an authority that nobody else has."""
    return Certificates.signed(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def guards(request: pytest.FixtureRequest) -> Certificates | None:
    """What a Cluster takes to be guarded; None without a parameter."""
    if getattr(request, "param", "plain") == "plain":
        return None
    found = request.getfixturevalue("certificates")
    assert isinstance(found, Certificates)
    return found


@pytest.fixture
async def cluster(
    tmp_path: Path, request: pytest.FixtureRequest, guards: Certificates | None
) -> AsyncIterator[Cluster]:
    """As `async with Cluster() as cluster`, in the test's own folder."""
    async with Cluster(tmp_path, guards) as cluster:
        yield cluster
        if request.node.stash.get(FAILED, False):
            cluster.print_logs()
            cluster.forgive = True  # one failure is enough


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_cluster(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest, guards: Certificates | None
) -> AsyncIterator[Cluster]:
    """As `cluster`, but one for all tests of a module, which run in the module's loop and leave it as it was."""
    failed_before = request.session.testsfailed
    async with Cluster(tmp_path_factory.mktemp("shared"), guards) as cluster:
        yield cluster
        if request.session.testsfailed > failed_before:
            cluster.print_logs()
            cluster.forgive = True  # one failure is enough
