"""One mapping of the manifest, read key by key: what is wrong becomes a problem, what nobody reads is known."""

import difflib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from entities.model import ID_RULE, is_valid_id
from gateway.local.manifest.document import describe, line_of
from gateway.local.manifest.plain import MisreadError, is_bool, is_null, plain_value
from gateway.local.manifest.problem import Place, Report, Rule

SUGGESTION_CANDIDATES: Final = 200
"""Words a misspelling is compared with; more would make a manifest full of mistakes slow to refuse."""

_TEXT: Final = "tag:yaml.org,2002:str"
_MAPPING: Final = "tag:yaml.org,2002:map"
_LINE_BREAKS: Final = frozenset("\n\t")
_OTHER_WORDS: Final = {
    **dict.fromkeys(("float", "number", "real"), "double"),
    **dict.fromkeys(("integer", "long"), "int"),
    **dict.fromkeys(("text", "str"), "string"),
    **dict.fromkeys(("list", "tuple"), "array"),
    **dict.fromkeys(("dict", "map", "mapping"), "object"),
}
"""What types are called elsewhere."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An id that names another entity, and where it stands."""

    id: str
    place: Place


class Fields:
    """A mapping; every reader marks its key as known, `unread` tells the rest.

    A key that is absent or null reads as None or empty. A key of the wrong type reads the same, and is in
    the report.
    """

    def __init__(self, node: yaml.MappingNode, path: str, report: Report) -> None:
        self.place = Place(line_of(node), path)
        self.report = report
        self._nodes: dict[str, yaml.Node] = {}
        self._known: dict[str, None] = {}
        for key, value in node.value:
            self._enter(key, value)

    def _enter(self, key: yaml.Node, value: yaml.Node) -> None:
        place = Place(line_of(key), self.place.path)
        if not isinstance(key, yaml.ScalarNode):
            self.report.add(Rule.G002, place, f"found {describe(key)} as a key, allowed is text")
        elif key.value == "<<":
            self.report.add(Rule.G002, place, "merge keys ('<<') are not supported; write the keys out")
        elif key.value in self._nodes:
            self.report.add(Rule.G002, place, f"the key {key.value!r} stands here twice; remove one")
        else:
            self._nodes[key.value] = value

    def path_of(self, key: str) -> str:
        """The dotted key of `key` in the document."""
        return f"{self.place.path}.{key}" if self.place.path else key

    def place_of(self, key: str) -> Place:
        """Where the value of `key` stands; this mapping's own line if it is absent."""
        node = self._nodes.get(key)
        return Place(self.place.line if node is None else line_of(node), self.path_of(key))

    def problem(self, rule: Rule, key: str, message: str) -> None:
        """Report `key`."""
        self.report.add(rule, self.place_of(key), message)

    def has(self, key: str) -> bool:
        """Whether `key` stands here and is not null."""
        return self._node(key) is not None

    def require(self, key: str, example: str) -> bool:
        """Whether `key` stands here; reports it if not, with an example of what to write."""
        if self.has(key):
            return True
        self.problem(Rule.G006, key, f"'{key}' is missing; write for example '{key}: {example}'")
        return False

    def text(self, key: str, *, multiline: bool = False) -> str | None:
        """A text; numbers, dates and true or false are taken as they are written."""
        node = self._node(key)
        return None if node is None else self._text_of(node, self.path_of(key), multiline=multiline)

    def texts(self, key: str, *, multiline: bool = False) -> tuple[str, ...]:
        """A list of texts."""
        found = (self._text_of(node, path, multiline=multiline) for path, node in self._elements(key))
        return tuple(text for text in found if text is not None)

    def entity_id(self) -> str:
        """The required `id` of an entity; empty, and in the report, when it is missing or invalid."""
        if not self.require("id", "front_camera"):
            return ""
        reference = self.reference("id")
        return reference.id if reference else ""

    def reference(self, key: str) -> Reference | None:
        """The id of an entity."""
        node = self._node(key)
        return None if node is None else self._reference_of(node, self.path_of(key))

    def references(self, key: str) -> tuple[Reference, ...]:
        """A list of ids of entities."""
        found = (self._reference_of(node, path) for path, node in self._elements(key))
        return tuple(reference for reference in found if reference is not None)

    def flag(self, key: str) -> bool | None:
        """True or false; None when nothing is said."""
        node = self._node(key)
        if node is None:
            return None
        if is_bool(node):
            return bool(plain_value(node))
        self.problem(Rule.G003, key, f"found {describe(node)}, allowed are true and false")
        return None

    def choice(self, key: str, allowed: Sequence[str]) -> str | None:
        """One of the `allowed` words."""
        word = self.text(key)
        if word is None or word in allowed:
            return word
        guess = suggestion(word, allowed)
        self.problem(Rule.G003, key, f"found {word!r}, allowed are {', '.join(allowed)}{guess}")
        return None

    def number(self, key: str, least: float, most: float) -> float | None:
        """A number from `least` to `most`."""
        found = self.value(key)
        if found is None:
            return None
        if isinstance(found, int | float) and not isinstance(found, bool) and least <= found <= most:
            return found
        self.problem(Rule.G003, key, f"found {found!r}, allowed are numbers from {least:g} to {most:g}")
        return None

    def value(self, key: str) -> Any:
        """Any JSON value."""
        node = self._node(key)
        if node is None:
            return None
        try:
            return plain_value(node)
        except MisreadError as error:
            self.report.add(Rule.G003, Place(error.line, self.path_of(key)), str(error))
            return None

    def mapping(self, key: str) -> "Fields | None":
        """A mapping below this one."""
        node = self._node(key)
        return None if node is None else self._fields_of(node, self.path_of(key))

    def alone(self, key: str, word: str) -> "Fields | None":
        """What stands under `key` as if it were a mapping with this one `word`, for a short form."""
        node = self._node(key)
        if node is None:
            return None
        wrapped = yaml.MappingNode(_MAPPING, [(yaml.ScalarNode(_TEXT, word, node.start_mark), node)], node.start_mark)
        return Fields(wrapped, self.path_of(key), self.report)

    def mappings(self, key: str) -> list["Fields"]:
        """A list of mappings below this one."""
        found = (self._fields_of(node, path) for path, node in self._elements(key))
        return [fields for fields in found if fields is not None]

    def is_mapping(self, key: str) -> bool:
        """Whether a mapping stands under `key`."""
        return isinstance(self._node(key), yaml.MappingNode)

    def is_list(self, key: str) -> bool:
        """Whether a list stands under `key`."""
        return isinstance(self._node(key), yaml.SequenceNode)

    def names(self) -> list[str]:
        """All keys that stand here, for a mapping whose keys are anybody's choice."""
        return list(self._nodes)

    def unread(self) -> list[str]:
        """The keys that stand here and that nobody has read."""
        return [key for key in self._nodes if key not in self._known]

    def scalars(self) -> dict[str, str]:
        """The unread keys with a text as value; they are read by this."""
        plain = [key for key in self.unread() if isinstance(self._nodes[key], yaml.ScalarNode)]
        texts = {key: self.text(key) for key in plain}
        return {key: text for key, text in texts.items() if text is not None}

    def ignore_unread(self) -> None:
        """Note the unread keys for the log: files written for other gateways may hold more than we serve."""
        self.report.know(self.place.path, self._known)
        for key in self.unread():
            place = self.place_of(key)
            wanted = self.report.ignored_count < SUGGESTION_CANDIDATES
            self.report.ignore(place, suggestion(key, list(self._known)) if wanted else "")

    def refuse_unread(self) -> None:
        """Report the unread keys: nobody but Grove writes these items, so they are mistakes."""
        self.report.know(self.place.path, self._known)
        for key in self.unread():
            allowed = ", ".join(self._known)
            guess = suggestion(key, list(self._known))
            self.problem(Rule.G007, key, f"found the key {key!r}, allowed are {allowed}{guess}")

    def _node(self, key: str) -> yaml.Node | None:
        self._known[key] = None
        node = self._nodes.get(key)
        return None if node is None or is_null(node) else node

    def _elements(self, key: str) -> list[tuple[str, yaml.Node]]:
        node = self._node(key)
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.problem(Rule.G003, key, f"found {describe(node)}, allowed is a list; begin each line with '- '")
            return []
        path = self.path_of(key)
        return [(f"{path}[{index}]", child) for index, child in enumerate(node.value)]

    def _fields_of(self, node: yaml.Node, path: str) -> "Fields | None":
        if isinstance(node, yaml.MappingNode):
            return Fields(node, path, self.report)
        place = Place(line_of(node), path)
        self.report.add(Rule.G003, place, f"found {describe(node)}, allowed is a mapping ('key: value' lines)")
        return None

    def _text_of(self, node: yaml.Node, path: str, *, multiline: bool = False) -> str | None:
        place = Place(line_of(node), path)
        if not isinstance(node, yaml.ScalarNode) or is_null(node):
            self.report.add(Rule.G003, place, f"found {describe(node)}, allowed is text")
            return None
        text: str = node.value.rstrip("\n") if multiline else node.value
        bad = _control_character(text, _LINE_BREAKS if multiline else frozenset())
        if bad is None:
            return text
        self.report.add(Rule.G005, place, f"found the control character U+{ord(bad):04X}; remove it")
        return None

    def _reference_of(self, node: yaml.Node, path: str) -> Reference | None:
        text = self._text_of(node, path)
        if text is None:
            return None
        place = Place(line_of(node), path)
        if is_valid_id(text):
            return Reference(text, place)
        shown = text if len(text) <= 80 else text[:80] + "..."
        self.report.add(Rule.G004, place, f"found {shown!r}, {ID_RULE}; rename it")
        return None


def suggestion(word: str, allowed: Sequence[str]) -> str:
    """`; did you mean 'x'?` when one of `allowed` is close to `word`, else nothing."""
    if (meant := _OTHER_WORDS.get(word.casefold())) in allowed:
        return f"; did you mean {meant!r}?"
    spellings = {spelling.casefold(): spelling for spelling in allowed[:SUGGESTION_CANDIDATES]}
    close = difflib.get_close_matches(word.casefold(), spellings, n=1)
    return f"; did you mean {spellings[close[0]]!r}?" if close else ""


def _control_character(text: str, allowed: frozenset[str]) -> str | None:
    if text.isascii() and text.isprintable():
        return None
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in allowed:
            return character
    return None
