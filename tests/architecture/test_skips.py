"""The list of expected skips: nothing beside it is skipped, and nothing in it is out of date."""

import pytest

from tests.architecture.source import ROOT
from tests.skips import EXPECTED, is_expected, refuse_unexpected


@pytest.mark.parametrize(("place", "reason"), [(place, one) for place, all_ in EXPECTED.items() for one in all_])
def test_every_expected_reason_is_one_that_a_test_there_gives(place: str, reason: str) -> None:
    where = ROOT / place
    files = where.rglob("*.py") if where.is_dir() else [where]
    assert any(reason in path.read_text() for path in files)


def test_a_reason_counts_only_where_it_is_expected() -> None:
    (place, (reason, *_)) = next(iter(EXPECTED.items()))
    assert is_expected(f"{place}test_x.py::test_y", f"Skipped: {reason}...")
    assert not is_expected("tests/unit/test_x.py::test_y", f"Skipped: {reason}...")
    assert not is_expected(f"{place}test_x.py::test_y", "Skipped: no time")


def skipped(test: str, reason: str) -> pytest.TestReport:
    """What pytest reports of a test that was skipped."""
    where = (test, 1, f"Skipped: {reason}")
    return pytest.TestReport(test, (test, 1, ""), {}, "skipped", where, "call")


def test_a_skip_for_another_reason_fails() -> None:
    report = skipped("tests/unit/test_x.py::test_y", "no time")
    refuse_unexpected(report)
    assert report.failed
    assert "no time: not in the list" in str(report.longrepr)


def test_an_expected_skip_stays_one() -> None:
    (place, (reason, *_)) = next(iter(EXPECTED.items()))
    report = skipped(f"{place}test_x.py::test_y", reason)
    refuse_unexpected(report)
    assert report.skipped
