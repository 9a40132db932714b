"""Our modules as files and as a graph: who imports whom, read from the source without running it."""

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("entities", "discovery", "peers", "gateway", "grove")
"""The packages of the house; one that does not exist yet has no modules."""


@dataclass(frozen=True, slots=True)
class Import:
    """That `importer` names `imported`, the most exact module known: `from discovery import endpoint` is
    `discovery.endpoint`."""

    importer: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer} imports {self.imported} (line {self.line})"


def modules() -> Mapping[str, Path]:
    """Every module of ours by its dotted name; a package goes by its own name."""
    return {dotted_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


def dotted_name(path: Path) -> str:
    """`gateway/http/__init__.py` is `gateway.http`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports() -> tuple[Import, ...]:
    """Every import statement of our modules, also those inside functions and under TYPE_CHECKING."""
    known = modules()
    return tuple(found for name, path in known.items() for found in imports_of(name, path, frozenset(known)))


def imports_of(name: str, path: Path, known: frozenset[str]) -> Iterator[Import]:
    """The imports of one module; `known` are the names that are modules rather than things in one."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(name, node, is_package=path.name == "__init__.py")
            for alias in node.names:
                submodule = f"{origin}.{alias.name}"
                yield Import(name, submodule if submodule in known else origin, node.lineno)


def _origin(importer: str, node: ast.ImportFrom, *, is_package: bool) -> str:
    """What stands after `from`, with the dots of a relative import resolved."""
    if not node.level:
        return node.module or ""
    parts = importer.split(".")
    above = parts[: len(parts) - node.level + is_package]
    return ".".join([*above, node.module] if node.module else above)


def package_of(module: str) -> str:
    """The top level name: `peers` of `peers.client`."""
    return module.partition(".")[0]


def is_ours(module: str) -> bool:
    """Whether it stands in one of our packages."""
    return package_of(module) in PACKAGES


def is_third_party(module: str) -> bool:
    """Whether it comes from a distribution: neither ours nor the standard library's."""
    return not is_ours(module) and package_of(module) not in sys.stdlib_module_names
