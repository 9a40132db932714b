"""Why tests may be skipped. Every other reason is a failure: a test that quietly does nothing proves nothing."""

from typing import Final

import pytest

EXPECTED: Final = {
    "tests/network/": ("network namespaces need ", "these tests need Avahi "),
    "tests/federation/test_examples.py": ("something else listens on port ",),
    "tests/federation/test_tutorial.py": ("something else listens on port ",),
    "tests/docs/": ("a reader of ",),
}
"""By where the test is: how the reasons begin."""


def is_expected(test: str, reason: str) -> bool:
    """Whether the test of this id may be skipped for this reason (`Skipped: ` before it counts for nothing)."""
    told = reason.removeprefix("Skipped: ")
    return any(test.startswith(place) and told.startswith(reasons) for place, reasons in EXPECTED.items())


def refuse_unexpected(report: pytest.TestReport) -> None:
    """Makes a failure of a skip for any other reason."""
    if report.skipped and isinstance(report.longrepr, tuple) and not is_expected(report.nodeid, report.longrepr[2]):
        report.outcome = "failed"
        report.longrepr = f"{report.longrepr[2]}: not in the list of expected skips (tests/skips.py)"
