"""What the program puts on the wire and says of itself, read from its source."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from entities.model import App, Area, Component, Function, Identity
from entities.records import Link, Record, TreeDocument
from gateway.http.entity_json import Item, Marks, Ros2
from tests.docs.pages import ROOT

PACKAGES = ("entities", "discovery", "peers", "gateway", "grove")

LOCAL_ANSWERS = (
    "configuration_store",
    "data_answers",
    "execution",
    "executions",
    "fault_change",
    "fault_record",
    "fault_snapshots",
    "fault_store",
    "log_store",
    "logs/entry",
    "operation_store",
    "own",
    "value_range",
)
"""The modules of gateway/local that write bodies."""

OFF_THE_WIRE = frozenset({"gateway/http/listener.py"})
"""Modules of gateway/http whose dicts are no bodies."""

_CITED = re.compile(r'(docs/[\w/-]+\.md)((?:, "[^"]+"(?: and "[^"]+")*)?)')


@dataclass(frozen=True, slots=True)
class Citation:
    """A module says that a page, or a section of it, is where something comes from."""

    module: str
    page: str
    section: str | None


def sources() -> list[Path]:
    """Every module of the program."""
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def citations() -> Iterator[Citation]:
    """All citations of pages in the program and its tests."""
    for path in (*sources(), *sorted((ROOT / "tests").rglob("*.py"))):
        if path.parent == Path(__file__).parent:
            continue
        module = str(path.relative_to(ROOT))
        for page, sections in _CITED.findall(" ".join(path.read_text().split())):
            named = re.findall(r'"([^"]+)"', sections)
            yield from (Citation(module, page, section) for section in named or [None])


def written_fields() -> dict[str, str]:
    """Every key of every object that is written into an answer -> a module that writes it."""
    local = [ROOT / "gateway/local" / f"{name}.py" for name in LOCAL_ANSWERS]
    paths = [path for path in (ROOT / "gateway/http").rglob("*.py") if str(path.relative_to(ROOT)) not in OFF_THE_WIRE]
    found = {key: str(path.relative_to(ROOT)) for path in (*paths, *local) for key in _keys(path)}
    return found | dict.fromkeys(struct_fields(), "the structs")


def _keys(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Dict(keys=keys):
                yield from (key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str))
            case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value=str(key)))]):
                yield key
            case _:
                pass


def struct_fields() -> frozenset[str]:
    """The wire names of everything that is encoded from a struct."""
    structs = (Item, Marks, Ros2, Identity, Area, Component, App, Function, Link, Record, TreeDocument)
    return frozenset(field.encode_name for struct in structs for field in msgspec.structs.fields(struct))


def warning_codes() -> frozenset[str]:
    """The first argument of every `Warned` and `SettingsWarning` of the program."""
    found: set[str] = set()
    for path in sources():
        for function in _functions(path):
            for call in _calls(function, "Warned", "SettingsWarning"):
                found.update(_texts(call.args[0], function))
    return frozenset(found)


def error_codes() -> frozenset[str]:
    """Every code with which an answer refuses, `error_code` and `vendor_code` alike."""
    found: set[str] = set()
    for path in sources():
        constants = _constants(path)
        for function in _functions(path):
            for call in _calls(function, "ApiError", "ResourceError"):
                found.update(_texts(call.args[1], function, constants))
                vendor = (keyword.value for keyword in call.keywords if keyword.arg == "vendor_code")
                found.update(text for value in vendor for text in _texts(value, function, constants))
    return frozenset(found)


def _functions(path: Path) -> Iterator[ast.AST]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _calls(function: ast.AST, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and node.args:
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in names:
                yield node


def _constants(path: Path) -> dict[str, str]:
    """The module's names for texts, those of `gateway.http.errors` included."""
    found: dict[str, str] = {}
    for source in (ROOT / "gateway/http/errors.py", path):
        for node in ast.parse(source.read_text()).body:
            match node:
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(text))):
                    found[name] = text
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                    found[name] = text
                case _:
                    pass
    return found


def _texts(value: ast.expr, function: ast.AST, constants: dict[str, str] | None = None) -> Iterator[str]:
    """The texts an argument can be: itself, either side of a choice, what its name stands for in the function."""
    match value:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=one, orelse=other):
            yield from _texts(one, function, constants)
            yield from _texts(other, function, constants)
        case ast.Name(id=name) | ast.Attribute(attr=name) if constants and name in constants:
            yield constants[name]
        case ast.Name(id=name):
            for node in ast.walk(function):
                if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == name for target in node.targets):
                    yield from _texts(node.value, function, constants)
        case _:
            pass  # a text that is only known when the program runs; it comes from another such call
