"""Every fault that the gateway must survive has a number, and every number has a test."""

import re

from tests.architecture.source import ROOT

NUMBERS = range(1, 89)
TEST = re.compile(r"^(?:async )?def test_fault_(\w{3})_", re.MULTILINE)


def numbers_with_a_test() -> set[int]:
    files = (ROOT / "tests").rglob("test_*.py")
    return {int(number) for path in files for number in TEST.findall(path.read_text())}


def test_every_number_has_a_test() -> None:
    assert sorted({*NUMBERS} - numbers_with_a_test()) == []


def test_no_number_is_one_that_the_catalogue_does_not_have() -> None:
    assert numbers_with_a_test() <= {*NUMBERS}
