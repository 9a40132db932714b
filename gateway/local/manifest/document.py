"""The manifest file as a YAML node tree: size, encoding, syntax and shape, before anything is understood."""

import stat
from pathlib import Path
from typing import Final

import yaml

from gateway.local.manifest.problem import Place, Report, Rule

MANIFEST_LIMIT_BYTES: Final = 4 * 1024 * 1024
"""Larger manifests are refused: a thousand entities need about 300 KB."""

MANIFEST_DEPTH_LIMIT: Final = 64
"""How deep lists and mappings may be nested."""

MANIFEST_NODE_LIMIT: Final = 500_000
"""How many keys and values the document may have once its aliases are written out."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML may be built without libyaml
_START: Final = Place(1, "")
_TOO_DEEP: Final = f"nested deeper than {MANIFEST_DEPTH_LIMIT} levels, or an alias contains itself; flatten it"


def read_document(path: Path, report: Report) -> yaml.MappingNode | None:
    """The root mapping of the manifest, or None with the reason in `report`. Blocks on the file."""
    text = _read_text(path, report)
    if text is None:
        return None
    node = _compose(text, report)
    if node is None or not _measure(node, report):
        return None
    if not isinstance(node, yaml.MappingNode):
        report.add(
            Rule.G002,
            Place(line_of(node), ""),
            f"found {describe(node)}, allowed is a mapping that begins with 'manifest_version: \"1.0\"'",
        )
        return None
    return node


def line_of(node: yaml.Node) -> int:
    """The line a node begins on, counted from 1."""
    return int(node.start_mark.line) + 1


def describe(node: yaml.Node) -> str:
    """What a node is, for a message: `a list`, `a mapping`, or its text in quotes."""
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return repr(node.value)


def _read_text(path: Path, report: Report) -> str | None:
    try:
        # A FIFO or device would block or never end, so the kind is looked at before it is opened.
        if not stat.S_ISREG(path.stat().st_mode):
            report.add(Rule.G001, _START, f"{path} is not a regular file; name the manifest's YAML file")
            return None
        with path.open("rb") as file:
            raw = file.read(MANIFEST_LIMIT_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        report.add(Rule.G001, _START, f"{path} cannot be read: {reason}; name an existing, readable file")
        return None
    if len(raw) > MANIFEST_LIMIT_BYTES:
        report.add(
            Rule.G001,
            _START,
            f"{path} is larger than {MANIFEST_LIMIT_BYTES} bytes; divide it among several gateways",
        )
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        found = f"found byte 0x{raw[error.start]:02x}, allowed is UTF-8; save the file as UTF-8"
        report.add(Rule.G002, Place(line, ""), found)
        return None


def _compose(text: str, report: Report) -> yaml.Node | None:
    try:
        if not _is_flat(text, report):
            return None
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        what = tab_at(text, line) or ", ".join(part for part in (error.context, error.problem) if part)
        report.add(Rule.G002, Place(line, ""), f"not valid YAML: {what}")
        return None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = error.character if isinstance(error.character, int) else ord(error.character)
        found = f"found the character U+{code:04X}, {error.reason}; remove it"
        report.add(Rule.G005, Place(line, ""), found)
        return None
    except yaml.YAMLError as error:
        report.add(Rule.G002, _START, f"not valid YAML: {error}")
        return None
    if node is None:
        report.add(Rule.G002, _START, "the file is empty; begin with 'manifest_version: \"1.0\"'")
        return None
    return node


def tab_at(text: str, line: int) -> str | None:
    """What to say of a line, counted from 1, that a tab indents; None of any other."""
    lines = text.split("\n")
    if not 0 < line <= len(lines):
        return None
    indent = lines[line - 1][: len(lines[line - 1]) - len(lines[line - 1].lstrip())]
    return "a tab at the beginning of the line; indent with spaces" if "\t" in indent else None


def _is_flat(text: str, report: Report) -> bool:
    """Whether the text nests within the limit. Looked at first: libyaml's composer overflows its stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MANIFEST_DEPTH_LIMIT:
            line = event.start_mark.line + 1 if event.start_mark else 1
            report.add(Rule.G002, Place(line, ""), _TOO_DEEP)
            return False
    return True


def _measure(root: yaml.Node, report: Report) -> bool:
    """Whether the document is small and flat enough once every alias is written out."""
    ruler = _Ruler()
    try:
        size = ruler.size(root, 1)
    except _TooDeepError as error:
        report.add(
            Rule.G002,
            Place(line_of(error.node), ""),
            _TOO_DEEP,
        )
        return False
    if size > MANIFEST_NODE_LIMIT:
        report.add(
            Rule.G002,
            _START,
            f"found {size} values with all aliases written out, allowed are {MANIFEST_NODE_LIMIT}",
        )
        return False
    return True


class _TooDeepError(Exception):
    def __init__(self, node: yaml.Node) -> None:
        super().__init__()
        self.node = node


class _Ruler:
    """Counts nodes as if aliases were copies, visiting each node once per depth it stands at."""

    def __init__(self) -> None:
        self._sizes: dict[tuple[int, int], int] = {}

    def size(self, node: yaml.Node, depth: int) -> int:
        """How many nodes `node` stands for. Raises _TooDeepError."""
        if depth > MANIFEST_DEPTH_LIMIT:
            raise _TooDeepError(node)
        if isinstance(node, yaml.ScalarNode):
            return 1
        key = (id(node), depth)
        if key not in self._sizes:
            self._sizes[key] = 1 + sum(self.size(child, depth + 1) for child in _children(node))
        return self._sizes[key]


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value)
