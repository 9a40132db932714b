"""The locks are pins and nothing else, and pin what pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"[a-z0-9-]+==[\w.]+(?: ; .+)?")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def lines(name: str) -> list[str]:
    """The lock without its comments."""
    return [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]


def pins(name: str) -> dict[str, str]:
    """Version by name."""
    parsed = [Requirement(line) for line in lines(name)]
    return {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in parsed}


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_is_pins_without_hashes_or_hosts(name: str) -> None:
    assert [line for line in lines(name) if not PIN.fullmatch(line)] == []


def test_the_tests_run_with_what_the_image_has() -> None:
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items()


@pytest.mark.parametrize(
    ("name", "asked_for"),
    [
        ("requirements.lock", PROJECT["project"]["dependencies"]),
        ("requirements-dev.lock", PROJECT["dependency-groups"]["dev"]),
    ],
)
def test_a_lock_pins_all_that_is_asked_for(name: str, asked_for: list[str]) -> None:
    """`make lock` makes it true again."""
    pinned = pins(name)
    wanted = [Requirement(each) for each in asked_for]
    assert [str(each) for each in wanted if pinned.get(canonicalize_name(each.name), "") not in each.specifier] == []
