"""A YAML node as the JSON value it stands for. Only what JSON can hold; everything else is an error."""

import math
from typing import Any, Final

import yaml

from gateway.local.manifest.document import describe, line_of
from gateway.local.values import INT_RANGE

_TAG: Final = "tag:yaml.org,2002:"
_CONSTRUCTOR: Final = yaml.constructor.SafeConstructor()


class MisreadError(ValueError):
    """A node is no JSON value; `line` is where, the text says what was found and what is allowed."""

    def __init__(self, node: yaml.Node, message: str) -> None:
        super().__init__(message)
        self.line = line_of(node)


def is_null(node: yaml.Node) -> bool:
    """Whether the node is YAML's null: nothing, `~` or `null`."""
    return node.tag == _TAG + "null"


def is_bool(node: yaml.Node) -> bool:
    """Whether the node is one of YAML's words for true and false."""
    return node.tag == _TAG + "bool"


def plain_value(node: yaml.Node) -> Any:
    """The JSON value of a node: dates stay text, numbers must be finite and of 64 bits. Raises MisreadError."""
    if isinstance(node, yaml.MappingNode):
        return _plain_mapping(node)
    if isinstance(node, yaml.SequenceNode):
        return [plain_value(child) for child in node.value]
    if isinstance(node, yaml.ScalarNode):
        return _plain_scalar(node)
    raise MisreadError(node, f"found {describe(node)}, allowed are plain YAML values")


def _plain_mapping(node: yaml.MappingNode) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, child in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise MisreadError(key, f"found {describe(key)} as a key, allowed is text")
        if key.value == "<<":
            raise MisreadError(key, "merge keys ('<<') are not supported; write the keys out")
        if key.value in plain:
            raise MisreadError(key, f"the key {key.value!r} stands here twice; remove one")
        plain[key.value] = plain_value(child)
    return plain


def _plain_scalar(node: yaml.ScalarNode) -> Any:
    match node.tag.removeprefix(_TAG):
        case "null":
            return None
        case "bool":
            return _CONSTRUCTOR.construct_yaml_bool(node)
        case "int":
            return _plain_int(node)
        case "float":
            return _plain_float(node)
        case "str" | "timestamp":
            return _plain_text(node)
        case _:
            raise MisreadError(node, f"found the tag {node.tag!r}, allowed are plain YAML values; remove it")


def _plain_int(node: yaml.ScalarNode) -> int:
    try:
        number: int = _CONSTRUCTOR.construct_yaml_int(node)
    except ValueError as error:
        raise MisreadError(node, f"found {node.value[:40]!r}, allowed are integers of 64 bits") from error
    if number not in INT_RANGE:
        raise MisreadError(node, f"found {node.value[:40]!r}, allowed are integers of 64 bits")
    return number


def _plain_float(node: yaml.ScalarNode) -> float:
    try:
        number: float = _CONSTRUCTOR.construct_yaml_float(node)
    except ValueError as error:
        raise MisreadError(node, f"found {node.value[:40]!r}, allowed are finite numbers") from error
    if not math.isfinite(number):
        raise MisreadError(node, f"found {node.value!r}, allowed are finite numbers")
    return number


def _plain_text(node: yaml.ScalarNode) -> str:
    text: str = node.value
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise MisreadError(node, "found half of a surrogate pair, allowed is Unicode text")
    return text
