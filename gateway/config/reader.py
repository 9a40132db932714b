"""Reads the settings: defaults < files (later wins) < environment < command line.

Every mistake is reported at once, each at the line it stands on. Nothing is clamped or ignored.
"""

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from gateway.config.cautions import warnings_about
from gateway.config.entity_sources import agreed, contradictions
from gateway.config.findings import Finding
from gateway.config.hints import allowed_by, bare, fields_of, is_textual, item_hint
from gateway.config.host_rules import host_mistakes, hostless
from gateway.config.keys import KEYS, UNBUILT_OF_PEERS
from gateway.config.peer_rules import finding_mistakes, peer_mistakes
from gateway.config.problems import FileLine, Place, Problem, SettingsWarning, may_hide_secret, shown
from gateway.config.protection import protection_mistakes
from gateway.config.shape import Shaper
from gateway.config.sorting import sort_entries
from gateway.config.sources import Given, from_command_line, from_environment, from_file
from gateway.file_watch import Stamp, stamps_of
from gateway.settings import Settings

_LAST_STEP: Final = re.compile(r"(\.[^.\[]+|\[[0-9]+\])$")

_ADAPTER: Final = TypeAdapter(Settings)


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings without a mistake, and what is to be said about them.

    `stamps`: of the files, from before they were read. `places`: where each key that was given stands (the winning
    one). `inside_ros`, `not_built`: keys without effect, to be named in one log line each.
    """

    settings: Settings
    files: tuple[Path, ...]
    stamps: Mapping[Path, Stamp]
    places: Mapping[str, Place]
    inside_ros: tuple[str, ...]
    not_built: tuple[str, ...]
    warnings: tuple[SettingsWarning, ...]


@dataclass(frozen=True, slots=True)
class SettingsRefused:
    """All mistakes, in the order of files and lines."""

    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Validated:
    """Settings with the defaults in the place of what is mistaken (`bad`, dotted keys)."""

    settings: Settings
    bad: frozenset[str]
    problems: tuple[Problem, ...]


def read_settings(
    files: Sequence[Path] = (),
    environ: Mapping[str, str] | None = None,
    assignments: Sequence[str] = (),
    *,
    name: str | None = None,
    namespace: str | None = None,
) -> LoadedSettings | SettingsRefused:
    """Read all sources: files, the environment (none by default), `KEY:=VALUE` assignments, the two names.

    Parameter files of ROS may also be addressed to the node `name`.
    """
    stamps = stamps_of(files)
    given = [
        *(from_file(file, name) for file in files),
        from_environment(environ or {}),
        from_command_line(assignments, name=name, namespace=namespace),
    ]
    sorted_entries = sort_entries(entry for source in given for entry in source.entries)
    shaper = Shaper()
    shaped = {key: shaper.shape(entry.value, KEYS[key].hint, key) for key, entry in sorted_entries.settings.items()}
    validated = _validate(shaped, shaper.places)
    problems = [
        *(problem for source in given for problem in source.problems),
        *sorted_entries.problems,
        *shaper.problems,
        *validated.problems,
        *_seen_together(validated, shaped, shaper.places),
    ]
    if problems:
        return SettingsRefused(_in_order(problems, files))
    settings = agreed(validated.settings, shaped)
    places = {key: shaper.places[key] for key in shaped}
    return LoadedSettings(
        settings=settings,
        files=tuple(files),
        stamps=stamps,
        places=places,
        inside_ros=_other_names(given) + tuple(sorted(sorted_entries.inside_ros)),
        not_built=tuple(sorted(sorted_entries.not_built.union(_asked_in_vain(settings)))),
        warnings=warnings_about(settings, places),
    )


def _validate(shaped: Mapping[str, Any], places: Mapping[str, Place]) -> _Validated:
    try:
        return _Validated(_build(shaped), frozenset(), ())
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
    problems = tuple(_problem(detail, places) for detail in details)
    bad = frozenset(_setting_of(problem.key) for problem in problems)
    good = {key: value for key, value in shaped.items() if key not in bad}
    return _Validated(_build(good), bad, problems)


def _build(shaped: Mapping[str, Any]) -> Settings:
    tree: dict[str, Any] = {}
    for key, value in shaped.items():
        *groups, last = key.split(".")
        functools.reduce(lambda node, group: node.setdefault(group, {}), groups, tree)[last] = value
    # JSON, because strict reading of JSON takes paths and tuples, and still no text for a number.
    return _ADAPTER.validate_json(json.dumps(tree), strict=True)


def _problem(detail: Mapping[str, Any], places: Mapping[str, Place]) -> Problem:
    key = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in detail["loc"])[1:]
    setting = KEYS[_setting_of(key)]
    hint = _hint_at(setting.hint, key, setting.path)
    if detail["type"] == "missing":
        found = "nothing"
    elif setting.secret:
        found = "a value of another form"
    elif isinstance(detail["input"], str) and (may_hide_secret(key) or fields_of(bare(hint))):
        found = "a text"
    elif isinstance(detail["input"], str) and not is_textual(bare(hint)):
        found = f"the text {shown(detail['input'])}"
    else:
        found = shown(detail["input"])
    return Problem(_nearest(key, places), key, found, allowed_by(hint))


def _hint_at(hint: Any, key: str, path: str) -> Any:
    for step in re.findall(r"[^.\[\]]+", key.removeprefix(path)):
        base = bare(hint)
        hint = item_hint(base) if step.isdigit() else fields_of(base).get(step, base)
    return hint


def _setting_of(key: str) -> str:
    return key.partition("[")[0]


def _nearest(key: str, places: Mapping[str, Place]) -> Place | None:
    """Where `key` stands, or the list or list item it is missing in."""
    while key and key not in places:
        key = _LAST_STEP.sub("", key) if _LAST_STEP.search(key) else ""
    return places.get(key)


def _seen_together(validated: _Validated, given: Mapping[str, Any], places: Mapping[str, Place]) -> Iterator[Problem]:
    settings = validated.settings
    findings: Iterable[Finding] = (
        *contradictions(settings, given),
        *peer_mistakes(settings.aggregation),
        *finding_mistakes(settings.aggregation),
        *host_mistakes(settings.local),
        *hostless(agreed(settings, given).local),
        *protection_mistakes(settings),
    )
    for finding in findings:
        if validated.bad.isdisjoint(_setting_of(key) for key in finding.keys):
            stand = [place for key in finding.keys if (place := _nearest(key, places))]
            yield Problem(stand[0] if stand else None, finding.keys[0], finding.found, finding.allowed, finding.advice)


def _in_order(problems: Iterable[Problem], files: Sequence[Path]) -> tuple[Problem, ...]:
    def position(problem: Problem) -> tuple[int, int]:
        match problem.place:
            case FileLine(file, line):
                return files.index(file), line
            case _:
                return len(files), 0

    return tuple(sorted(problems, key=position))


def _asked_in_vain(settings: Settings) -> Iterator[str]:
    """Settings of ours that are given and whose feature is not built yet."""
    for field in UNBUILT_OF_PEERS:
        if any(getattr(peer, field) is not None for peer in settings.aggregation.peers):
            yield f"aggregation.peers[].{field}"


def _other_names(given: Iterable[Given]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for source in given for name in source.other_nodes))
