"""Where settings come from: files, the environment, the command line. Each gives entries."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.config.document import Document, Group, Listing, Scalar, Value, parse_document
from gateway.config.entries import Entry, unwrap
from gateway.config.hints import bare, is_textual, item_hint
from gateway.config.keys import KEYS
from gateway.config.problems import EnvironmentVariable, FileLine, Flag, Place, Problem, shown

MAX_FILE_BYTES: Final = 1024 * 1024
"""Largest configuration file, in bytes."""

ENVIRONMENT_PREFIX: Final = "GROVE_"
LOG_PREFIX: Final = "GROVE_LOG"  # read by gateway.log, before there are settings

_ASSIGNMENT: Final = re.compile(r"(?P<key>[^:=\s]+)(:=|=)(?P<text>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Given:
    """What one source says; `other_nodes` are ROS nodes a file also has parameters for."""

    entries: tuple[Entry, ...] = ()
    problems: tuple[Problem, ...] = ()
    other_nodes: tuple[str, ...] = ()


def from_file(path: Path, node_name: str | None) -> Given:
    """The entries of a YAML file, plain or as ROS wraps it; `node_name` see `unwrap`."""
    whole = FileLine(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        return _refused(Problem(whole, "", f"no file that can be read ({error.strerror})", "a YAML file"))
    if len(content) > MAX_FILE_BYTES:
        return _refused(Problem(whole, "", f"more than {MAX_FILE_BYTES} bytes", f"at most {MAX_FILE_BYTES} bytes"))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _refused(Problem(FileLine(path, line), "", "bytes that are not UTF-8", "UTF-8"))
    return _from_document(parse_document(text, lambda line: FileLine(path, line)), node_name)


def from_environment(environ: Mapping[str, str]) -> Given:
    """The entries of all `GROVE_` variables, `__` standing for the dot; `GROVE_LOG*` are not settings."""
    assignments = [
        (name.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", "."), text, EnvironmentVariable(name))
        for name, text in sorted(environ.items())
        if name.startswith(ENVIRONMENT_PREFIX) and not name.startswith(LOG_PREFIX)
    ]
    return _from_texts(assignments)


def from_command_line(assignments: Iterable[str], *, name: str | None, namespace: str | None) -> Given:
    """The entries of `-p KEY:=VALUE` or `-p KEY=VALUE`, in order, then those of `--name` and `--namespace`."""
    texts: list[tuple[str, str, Place]] = []
    problems: list[Problem] = []
    for assignment in assignments:
        if match := _ASSIGNMENT.fullmatch(assignment):
            texts.append((match["key"], match["text"], Flag("-p")))
        else:
            # What follows a colon may be a secret with its `=` forgotten.
            found = shown(assignment.partition(":")[0])
            problems.append(Problem(Flag("-p"), "", found, "KEY:=VALUE or KEY=VALUE"))
    for key, text in (("name", name), ("namespace", namespace)):
        if text is not None:
            texts.append((key, text, Flag(f"--{key}")))
    given = _from_texts(texts)
    return Given(given.entries, (*problems, *given.problems))


def _from_document(document: Document, node_name: str | None) -> Given:
    match document.value:
        case None:
            return Given(problems=document.problems)
        case Group() as root if _is_manifest(root):
            advice = "name the manifest in local.manifest; to check it: grove check -p local.manifest:=FILE"
            return _refused(Problem(root.place, "", "a manifest of entities", "settings", advice))
        case Group() as root:
            content = unwrap(root, node_name)
            return Given(content.entries, document.problems + content.problems, content.other_nodes)
        case Scalar(value=None):
            return Given(problems=document.problems)
        case Scalar() | Listing() as value:
            # Not quoted: the file may be a secret given by mistake.
            found = "a text" if isinstance(value, Scalar) else "a list"
            return _refused(*document.problems, Problem(value.place, "", found, "settings as `key: value`"))


def _is_manifest(root: Group) -> bool:
    return any(member.key == "manifest_version" for member in root.members)


def _refused(*problems: Problem) -> Given:
    return Given(problems=problems)


def _from_texts(texts: Iterable[tuple[str, str, Place]]) -> Given:
    entries: list[Entry] = []
    problems: list[Problem] = []
    for key, text, place in texts:
        document = _parse_text(key, text, place)
        problems.extend(document.problems)
        if document.value is not None:
            segments = tuple(key.split("."))
            entries.append(Entry(segments, (place,) * len(segments), document.value))
    return Given(tuple(entries), tuple(problems))


def _parse_text(key: str, text: str, place: Place) -> Document:
    """A value outside a file: text as it is, a list by commas or in brackets, the rest as YAML."""
    base = bare(KEYS[key].hint) if key in KEYS else str
    if is_textual(base) and not text.startswith(("'", '"')):
        return Document(Scalar(text, text, place), ())
    if item_hint(base) is not None and not text.lstrip().startswith("["):
        return Document(_by_commas(text, place), ())
    document = parse_document(text, lambda _line: place)
    if document.value is None and not document.problems:
        return Document(Scalar("", None, place), ())
    return document


def _by_commas(text: str, place: Place) -> Value:
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    return Listing(tuple(Scalar(part, part, place) for part in parts), place)
