"""The networks of gateways that tests/federation uses, for the numbered faults too."""

from tests.federation.conftest import cluster, guards, pytest_runtest_makereport, shared_cluster

__all__ = ["cluster", "guards", "pytest_runtest_makereport", "shared_cluster"]
