"""The network of tests/federation, for the pages too."""

from tests.federation.conftest import guards, pytest_runtest_makereport, shared_cluster

__all__ = ["guards", "pytest_runtest_makereport", "shared_cluster"]
