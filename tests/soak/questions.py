"""What is asked, and whose every item of the answer must be: worked out from the manifests alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from tests.soak.mesh import NAMES, app_here, own_apps

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ListQuestion:
    """`owners`: the key of each item -> its owner. `claimed`: whose the item says it is, None if it does not say."""

    viewer: str
    path: str
    owners: Mapping[str, str]
    key: Callable[[Item], str]
    claimed: Callable[[Item], str | None]
    marks: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """The key of each item that is a `mark` -> the (owner, App) whose it is."""
    strict: bool = False
    """Everything or nothing: `Prefer: handling=strict`."""


@dataclass(frozen=True, slots=True)
class ItemQuestion:
    """A data item or an entity. `register`: the (owner, App) whose `mark` it is; `claimed`: whose it says it is."""

    viewer: str
    path: str
    owner: str
    register: tuple[str, str] | None = None
    claimed: Callable[[Item], object] = itemgetter("data")


@dataclass(frozen=True, slots=True)
class Questions:
    """All that one gateway is asked."""

    viewer: str
    lists: tuple[ListQuestion, ...]
    items: tuple[ItemQuestion, ...]
    marks: Mapping[tuple[str, str], tuple[ItemQuestion, ...]] = field(default_factory=dict)
    """By (owner, App): the ways to read and write its `mark`."""


def questions_of(viewer: str) -> Questions:
    apps = {app_here(viewer, owner, app): owner for owner in NAMES for app in own_apps(owner)}
    marks = {
        (owner, app): _item_questions(viewer, owner, app_here(viewer, owner, app), "mark", (owner, app))
        for owner in NAMES
        for app in own_apps(owner)
    }
    whose = [each for here, owner in apps.items() for each in _item_questions(viewer, owner, here, "whose", None)]
    rack = [ItemQuestion(viewer, f"/components/rack/data/{item}", owner) for item, owner in _rack_items(viewer).items()]
    details = [
        *(ItemQuestion(viewer, f"/apps/{here}", owner, claimed=_unit_of_app) for here, owner in apps.items()),
        *(ItemQuestion(viewer, f"/components/{owner}_unit", owner, claimed=itemgetter("name")) for owner in NAMES),
    ]
    return Questions(viewer, _list_questions(viewer, apps), (*whose, *rack, *details), marks)


def _item_questions(
    viewer: str, owner: str, here: str, item: str, register: tuple[str, str] | None
) -> tuple[ItemQuestion, ...]:
    """By the App's own path, and as an item of the Function that all share."""
    paths = (f"/apps/{here}/data/{item}", f"/functions/production/data/{here}:{item}")
    return tuple(ItemQuestion(viewer, path, owner, register) for path in paths)


def _rack_items(viewer: str) -> Mapping[str, str]:
    return {"whose" if owner == viewer else f"{owner}:whose": owner for owner in NAMES}


def _list_questions(viewer: str, apps: Mapping[str, str]) -> tuple[ListQuestion, ...]:
    units = {"rack": viewer} | {f"{owner}_unit": owner for owner in NAMES}
    faults = {f"{owner}_{app}": owner for owner in NAMES for app in own_apps(owner)}
    data = {f"{app}:{item}": owner for app, owner in apps.items() for item in ("whose", "mark")}
    marks = {f"{app_here(viewer, owner, app)}:mark": (owner, app) for owner in NAMES for app in own_apps(owner)}

    def source(item: Item) -> str:
        """`manifest` of our own, `peer:<name>` of all others."""
        medkit: Item = item.get("x-medkit", {})
        told = str(medkit.get("source", "manifest"))
        return viewer if told == "manifest" else told.removeprefix("peer:")

    return (
        ListQuestion(viewer, "/areas", {"plant": viewer}, _id, source),
        ListQuestion(viewer, "/functions", {"production": viewer}, _id, source),
        ListQuestion(viewer, "/components", units, _id, source),
        ListQuestion(viewer, "/areas/plant/components", units, _id, source),
        ListQuestion(viewer, "/apps", apps, _id, source),
        ListQuestion(viewer, "/functions/production/hosts", apps, _id, source),
        ListQuestion(viewer, "/faults", faults, _code, source),
        ListQuestion(viewer, "/functions/production/faults", faults, _code, source),
        ListQuestion(viewer, "/functions/production/data", data, _id, _value, marks),
        ListQuestion(viewer, "/components/rack/data", _rack_items(viewer), _id, _value),
        ListQuestion(viewer, "/version-info", {name: name for name in NAMES}, _name, source),
    )


def _unit_of_app(detail: Item) -> str:
    return str(detail["x-medkit"]["component_id"]).removesuffix("_unit")


def _id(item: Item) -> str:
    return str(item["id"])


def _code(item: Item) -> str:
    return str(item["fault_code"])


def _name(item: Item) -> str:
    return str(item["x-medkit"]["name"])


def _value(item: Item) -> str | None:
    """The owner in `g3` and in `g3/cam/17`; a mark that nobody has written yet says nothing."""
    return str(item["value"]).partition("/")[0] or None
