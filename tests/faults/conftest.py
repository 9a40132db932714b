"""The networks of gateways that tests/federation uses, for the numbered faults too."""

from tests.federation.conftest import cluster, pytest_runtest_makereport, shared_cluster

__all__ = ["cluster", "pytest_runtest_makereport", "shared_cluster"]
