"""The rules that need the whole manifest: unique ids, references, cycles, bindings. Pure but for the report."""

import graphlib
from collections.abc import Iterable, Mapping
from typing import Final

from entities.model import EntityKind
from gateway.local.manifest.declarations import Declarations, Link
from gateway.local.manifest.fields import suggestion
from gateway.local.manifest.problem import Place, Report, Rule

_UNIQUE: Final[Mapping[EntityKind, Rule]] = {
    EntityKind.AREA: Rule.R002,
    EntityKind.COMPONENT: Rule.R003,
    EntityKind.APP: Rule.R004,
    EntityKind.FUNCTION: Rule.R005,
}


def check_rules(found: Declarations, report: Report) -> None:
    """Judge the manifest as a whole; R001, R013 and the G rules are judged where their keys are read."""
    places = _check_unique_ids(found, report)
    _check_links(found, places, report)
    _check_cycles(found, places, report)
    _check_bindings(found, report)


Places = Mapping[EntityKind, Mapping[str, Place]]


def _check_unique_ids(found: Declarations, report: Report) -> Places:
    """The place of every id, the first one where it is declared twice."""
    places: dict[EntityKind, dict[str, Place]] = {kind: {} for kind in EntityKind}
    for kind, entity, place in ((declared.kind, declared.entity, declared.place) for declared in found.entities):
        first = _earlier(places[kind], entity.id, place)
        if first is not None:
            report.add(_UNIQUE[kind], place, _again(f"{kind.singular} {entity.id!r}", first))
    scripts: dict[str, Place] = {}
    for script_id, place in found.scripts:
        first = _earlier(scripts, script_id, place)
        if first is not None:
            report.add(Rule.R012, place, _again(f"script {script_id!r}", first))
    return places


def _earlier(seen: dict[str, Place], new: str, place: Place) -> Place | None:
    """Where `new` was seen before; an empty id is an invalid one, and already reported."""
    first = seen.setdefault(new, place)
    return first if new and first is not place else None


def _again(word: str, first: Place) -> str:
    return f"found {word} again, the first is in line {first.line}; rename or remove one"


def _check_links(found: Declarations, places: Places, report: Report) -> None:
    for link in found.links:
        if not any(link.id in places[kind] for kind in link.targets):
            report.add(link.rule, link.place, _missing(link, places))


def _missing(link: Link, places: Places) -> str:
    kinds = " or ".join(kind.singular for kind in link.targets)
    known = [entity_id for kind in link.targets for entity_id in places[kind]]
    elsewhere = [kind.singular for kind in EntityKind if link.id in places[kind]]
    if elsewhere:
        return f"{link.word} names {link.id!r}, which is of kind {elsewhere[0]}, allowed is {kinds}"
    guess = suggestion(link.id, known)
    return f"{link.word} names {link.id!r}, but no {kinds} has this id; declare it or remove the line{guess}"


def _check_cycles(found: Declarations, places: Places, report: Report) -> None:
    parents = {area.id: [area.parent_area_id] for area in found.areas if area.parent_area_id}
    _report_cycles(parents, "areas are each other's parents", Rule.R006, places[EntityKind.AREA], report)
    parents = {
        component.id: [component.parent_component_id] for component in found.components if component.parent_component_id
    }
    word = "components are each other's parents"
    _report_cycles(parents, word, Rule.R006, places[EntityKind.COMPONENT], report)
    apps = {app.id: app.depends_on for app in found.apps}
    _report_cycles(apps, "apps depend on each other", Rule.R011, places[EntityKind.APP], report)


def _report_cycles(
    graph: Mapping[str, Iterable[str]], word: str, rule: Rule, places: Mapping[str, Place], report: Report
) -> None:
    remaining = {name: set(others) for name, others in graph.items()}
    for name in sorted(name for name, others in remaining.items() if name in others):
        remaining[name].discard(name)
        _report_cycle([name, name], word, rule, places, report)
    while True:
        try:
            graphlib.TopologicalSorter(remaining).prepare()
        except graphlib.CycleError as error:
            cycle: list[str] = error.args[1]
        else:
            return
        _report_cycle(cycle, word, rule, places, report)
        for name in cycle:
            remaining[name].clear()


def _report_cycle(cycle: list[str], word: str, rule: Rule, places: Mapping[str, Place], report: Report) -> None:
    """`cycle` names each member once, and the first one again at the end."""
    place = min((places[name] for name in cycle if name in places), key=lambda place: place.line)
    report.add(rule, place, f"{word} in a cycle: {' -> '.join(reversed(cycle))}; remove one of the links")


def _check_bindings(found: Declarations, report: Report) -> None:
    owners: dict[str, str] = {}
    for app, binding in found.bindings:
        if binding.key is None:
            continue
        owner = owners.setdefault(binding.key, app.id)
        if owner != app.id:
            message = f"found {binding.key} again, app {owner!r} is bound to it already; change one of them"
            report.add(Rule.R010, binding.place, message)
