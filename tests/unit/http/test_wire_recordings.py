"""Entity documents and errors are what upstream's own handlers answered, but for what differs on purpose.

Every recorded request about entities is sent to a gateway over the same tree; what upstream says must be there with
the same type and value. More keys than upstream's are fine: readers ignore what they do not know.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from entities.model import App, Area, Component, Entity, Function
from gateway.http.path import EntityCollection, EntityPath, parse_target, relation_names
from tests.unit.http.serving import World, serving
from tests.unit.http.views import Peer, record, view_of

RECORDINGS = Path(__file__).parents[2] / "data" / "wire"

OWNERS_VIEW = r"\.x-medkit\.(contributors\[(local|\+peer:subsystem_b)\]|source)"

ON_PURPOSE = {
    "leaf": (),
    "aggregator": (
        # Sub-areas keep their parent here; at an upstream aggregator they rise to the top level.
        (r"/areas", r"\.items\[brakes\]|\.x-medkit\.total_count"),
        (r"/areas/chassis/subareas", r"\.items\[\+brakes\]|\.x-medkit\.total_count"),
        # Details of what one peer owns are forwarded there, so the owner's view of itself is recorded; shown here is
        # the view of the one who asks.
        (r"/(areas|components|apps)/(brakes|arm_controller|ecu-b|pressure_sensor|subsystem_b__cam)", OWNERS_VIEW),
    ),
    "aggregator-peer-dead": (
        # Retained sub-areas stay where they were; upstream loses Areas of silent peers.
        (r"/areas/chassis/subareas", r"\.items\[\+brakes\]|\.x-medkit\.total_count"),
        (r"/areas/brakes(/.*)?", r"status|\.(error_code|message|parameters)"),
        # A silent contributor is still named as one; what it added to an entity that others have too is left out.
        (r"/areas/chassis", r"\.x-medkit\.contributors\[\+peer:subsystem_b\]"),
        (r"/components(/robot)?", r"(\.items\[robot\])?\.tags\[leaf\]"),
        (r"/functions/navigation", r"\.x-medkit\.hosts\[(pressure_sensor|subsystem_b__cam)\]"),
        (r"/functions/navigation/hosts", r"\.items\[(pressure_sensor|subsystem_b__cam)\]|\.x-medkit\.total_count"),
        # Relations are read from the tree, never asked for: those of retained Apps are told too.
        (r"/apps/(subsystem_b__cam|pressure_sensor)/.*", r"status|\.(error_code|message|parameters)"),
    ),
}
"""Per recording: (path, place in the answer), both whole-string patterns, with the reason above."""


def tree(name: str) -> list[Entity]:
    """The entities of a recorded gateway, as declared ones."""
    told = json.loads((RECORDINGS / f"{name}.tree.json").read_text())
    apps = [
        App(id=app["id"], name=app["name"], component_id=app["component_id"], node=app["fqn"], declared=True)
        for app in told["apps"]
    ]
    return [
        *(Area(**area, declared=True) for area in told["areas"]),
        *(Component(**_tuples(component), declared=True) for component in told["components"]),
        *apps,
        *(Function(**_tuples(function), declared=True) for function in told["functions"]),
    ]


def _tuples(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def world(recording: str) -> World:
    leaf, aggregator = record("leaf", *tree("leaf")), record("aggregator", *tree("aggregator"))
    if recording == "leaf":
        return World(view_of(leaf))
    is_up = recording == "aggregator"
    return World(view_of(aggregator, Peer("subsystem_b", leaf, up=is_up), retain="declared"), aggregation=True)


def recorded(recording: str) -> list[Any]:
    """The recorded GETs that ask for entities or are refused before anything else is looked at."""
    told = json.loads((RECORDINGS / f"{recording}.json").read_text())
    return [exchange for exchange in told if _is_about_entities(exchange["request"])]


def _is_about_entities(request: str) -> bool:
    method, target = request.split(" ")
    match parse_target(target):
        case EntityCollection():
            return method == "GET"
        case EntityPath(kind=kind, rest=rest):
            return method == "GET" and (not rest or rest[0] in relation_names(kind))
        case _:
            return target.endswith("/nowhere")


def translated(answer: Any, path: str) -> Any:
    """The answer with the ids of here. Upstream forwards with the owner's, so links in it lead to other Apps."""
    if not path.startswith("/apps/subsystem_b__cam"):
        return answer
    text = json.dumps(answer).replace("/apps/cam", "/apps/subsystem_b__cam").replace('"cam"', '"subsystem_b__cam"')
    return json.loads(text)


def differences(theirs: Any, ours: Any, place: str = "") -> Iterator[str]:
    """The places where `ours` lacks, or has otherwise, what `theirs` has. Lists of entities and names have no order."""
    match theirs:
        case dict() if isinstance(ours, dict):
            for key, value in theirs.items():
                if key in ours:
                    yield from differences(value, ours[key], f"{place}.{key}")
                else:
                    yield f"{place}.{key}"
        case list() if isinstance(ours, list):
            yield from differences_of_lists(theirs, ours, place)
        case _ if theirs != ours or type(theirs) is not type(ours):
            yield place
        case _:
            pass


def differences_of_lists(theirs: list[Any], ours: list[Any], place: str) -> Iterator[str]:
    named = {_name(item): item for item in ours}
    for item in theirs:
        if _name(item) in named:
            yield from differences(item, named[_name(item)], f"{place}[{_name(item)}]")
        else:
            yield f"{place}[{_name(item)}]"
    for extra in named.keys() - {_name(item) for item in theirs}:
        yield f"{place}[+{extra}]"


def _name(item: Any) -> str:
    return str(item.get("id", item.get("name"))) if isinstance(item, dict) else str(item)


@pytest.mark.parametrize("recording", ON_PURPOSE)
async def test_entity_answers_are_those_of_upstream_but_for_what_differs_on_purpose(recording: str) -> None:
    found: list[tuple[str, str]] = []
    exchanges = recorded(recording)
    async with serving(world(recording)) as client:
        for exchange in exchanges:
            target = exchange["request"].split(" ")[1]
            answer = await client.get(target)
            path = target.removeprefix("/api/v1")
            if answer.status != exchange["status"]:
                found.append((path, "status"))
            assert answer.headers["Content-Type"] == exchange["headers"]["Content-Type"]
            found.extend((path, place) for place in differences(translated(exchange["answer"], path), answer.json))
    assert len(exchanges) > 30
    expected = ON_PURPOSE[recording]
    assert [one for one in found if not _is_expected(expected, *one)] == []
    assert [rule for rule in expected if not any(_is_expected((rule,), *one) for one in found)] == []


def _is_expected(rules: tuple[tuple[str, str], ...], path: str, place: str) -> bool:
    return any(re.fullmatch(on, path) and re.fullmatch(at, place) for on, at in rules)


@pytest.mark.parametrize("recording", ON_PURPOSE)
async def test_no_answer_has_a_null_or_a_tag_that_is_no_text(recording: str) -> None:
    """One of either makes an upstream aggregator lose its whole refresh."""
    async with serving(world(recording)) as client:
        answers = [await client.get(exchange["request"].split(" ")[1]) for exchange in recorded(recording)]
    assert all(b"null" not in answer.body for answer in answers)
    items = [item for answer in answers for item in (answer.json, *answer.json.get("items", []))]
    tags = [tag for item in items for tag in item.get("tags", [])]
    assert tags
    assert all(isinstance(tag, str) for tag in tags)
