"""The network of tests/federation, for the pages too."""

from tests.federation.conftest import pytest_runtest_makereport, shared_cluster

__all__ = ["pytest_runtest_makereport", "shared_cluster"]
