"""Imports only go down: the table of docs/architecture.md, and no circle among modules."""

import re
import tomllib
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.architecture.source import (
    ROOT,
    Import,
    imports,
    imports_of,
    is_ours,
    is_third_party,
    modules,
    package_of,
)

ALLOWED = {
    "grove": {"gateway", "entities"},
    "gateway": {"peers", "discovery", "entities"},
    "peers": {"entities", "discovery.endpoint"},
    "discovery": set[str](),
    "entities": set[str](),
}
"""What a package may import of ours beside itself: whole packages, or single modules."""


def breaks_the_table(found: Import) -> bool:
    home, target = package_of(found.importer), package_of(found.imported)
    if not is_ours(found.imported) or home == target:
        return False
    return not ALLOWED[home] & {target, found.imported}


def test_imports_only_go_down() -> None:
    assert [str(found) for found in imports() if breaks_the_table(found)] == []


def test_entities_need_no_library_but_msgspec() -> None:
    foreign = {
        found.imported
        for found in imports()
        if package_of(found.importer) == "entities" and is_third_party(found.imported)
    }
    assert foreign <= {"msgspec"}


def test_our_own_entities_never_see_peers() -> None:
    sees_peers = [
        str(found)
        for found in imports()
        if found.importer.startswith("gateway.local") and package_of(found.imported) in {"peers", "discovery"}
    ]
    assert sees_peers == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {name: set() for name in modules()}
    for found in imports():
        if is_ours(found.imported) and found.imported != found.importer:
            graph[found.importer].add(found.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import circle: {' -> '.join(error.args[1])}")


def test_every_library_in_use_is_a_declared_dependency() -> None:
    """Or the image, which has only these, would lack it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {normalised(re.split(r"[^\w.-]", each)[0]) for each in project["dependencies"]}
    distributions = packages_distributions()
    undeclared = {
        str(found)
        for found in imports()
        if is_third_party(found.imported)
        and not declared & {normalised(each) for each in distributions.get(package_of(found.imported), [])}
    }
    assert undeclared == set()


def normalised(distribution: str) -> str:
    """`PyYAML` and `pyyaml` are one distribution."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


@pytest.mark.parametrize(
    ("importer", "imported", "breaks"),
    [
        ("peers.client", "discovery.endpoint", False),
        ("peers.client", "discovery", True),
        ("peers.client", "discovery.static", True),
        ("peers.client", "gateway.settings", True),
        ("entities.merge", "peers.client", True),
        ("entities.merge", "entities.model", False),
        ("discovery.static", "entities.model", True),
        ("gateway.cli", "discovery.static", False),
        ("gateway.cli", "grove", True),
        ("gateway.cli", "aiohttp.web", False),
    ],
)
def test_the_table_tells_a_forbidden_import_from_an_allowed_one(importer: str, imported: str, breaks: bool) -> None:
    assert breaks_the_table(Import(importer, imported, line=1)) is breaks


def test_imports_are_read_from_every_place_and_form(tmp_path: Path) -> None:
    source = tmp_path / "pool.py"
    source.write_text(
        "import discovery.static as static\n"
        "from discovery import endpoint\n"
        "from . import errors\n"
        "from .errors import PeerError\n"
        "def late():\n"
        "    from gateway.cli import main\n"
    )
    known = frozenset({"discovery", "discovery.static", "discovery.endpoint", "peers", "peers.errors"})
    assert [found.imported for found in imports_of("peers.pool", source, known)] == [
        "discovery.static",
        "discovery.endpoint",
        "peers.errors",
        "peers.errors",
        "gateway.cli",
    ]
