"""`grove tree`: what a running gateway serves, as a tree."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final
from urllib.parse import quote

from rich.text import Text
from rich.tree import Tree

from gateway.commands.answers import Api, extension, get_ok, items_of
from gateway.commands.asking import ask
from gateway.commands.display import cell, console, print_json, print_line
from gateway.commands.options import DEFAULT_URL, Output, OutputOption, TokenFile, Url

MAX_LEVELS: Final = 32
"""Deepest nesting of Areas or Components that is followed."""


@dataclass(frozen=True, slots=True)
class Node:
    """An entity and what stands below it."""

    type: str
    id: str
    name: str
    source: str | None
    available: bool
    children: "tuple[Node, ...]" = ()


@dataclass(frozen=True, slots=True)
class Forest:
    """Everything at the top, and the peers that are missing in it."""

    nodes: tuple[Node, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Lists:
    """What the collections said: the items at the top, and those below each id."""

    areas: list[Mapping[str, Any]]
    subareas: Mapping[str, list[Mapping[str, Any]]]
    components: list[Mapping[str, Any]]
    subcomponents: Mapping[str, list[Mapping[str, Any]]]
    in_area: Mapping[str, list[Mapping[str, Any]]]
    apps: list[Mapping[str, Any]]
    functions: list[Mapping[str, Any]]


def tree(url: Url = DEFAULT_URL, output: OutputOption = Output.TABLE, token_file: TokenFile = None) -> None:
    """Show areas, components, apps and functions as a tree, each with its source."""
    forest = ask(url, fetch_forest, token_file)
    if output is Output.JSON:
        print_json(asdict(forest))
        return
    show_forest(forest, url)


def show_forest(forest: Forest, title: str) -> None:
    """Prints the tree, and what is missing from it."""
    root = Tree(cell(title))
    _grow(root, forest.nodes)
    console().print(root)
    if forest.missing:
        print_line(f"partial: nothing from {', '.join(forest.missing)}")


async def fetch_forest(api: Api) -> Forest:
    """Walk the collections of a gateway, several requests at a time."""
    collections = await asyncio.gather(
        *(get_ok(api, path) for path in ("/areas", "/components", "/apps", "/functions"))
    )
    areas, components, apps, functions = (list(items_of(body)) for body in collections)
    subareas, subcomponents = await asyncio.gather(
        _descend(api, areas, "areas", "subareas"), _descend(api, components, "components", "subcomponents")
    )
    area_ids = {item["id"]: None for item in (*areas, *_all(subareas))}
    in_area = await _relations(api, area_ids, "areas", "components")
    lists = _Lists(areas, subareas, components, subcomponents, in_area, apps, functions)
    return Forest(tuple(_Planter(lists).nodes()), tuple(dict.fromkeys(_missing(collections))))


async def _descend(
    api: Api, top: list[Mapping[str, Any]], collection: str, relation: str
) -> dict[str, list[Mapping[str, Any]]]:
    """The items below each id, level by level; an id is asked for once, so a circle ends."""
    below: dict[str, list[Mapping[str, Any]]] = {}
    level = [item["id"] for item in top]
    for _ in range(MAX_LEVELS):
        fresh = [entity_id for entity_id in dict.fromkeys(level) if entity_id not in below]
        if not fresh:
            break
        answers = await _relations(api, fresh, collection, relation)
        below |= answers
        level = [item["id"] for item in _all(answers)]
    return below


async def _relations(
    api: Api, ids: Iterable[str], collection: str, relation: str
) -> dict[str, list[Mapping[str, Any]]]:
    wanted = list(ids)
    bodies = await asyncio.gather(
        *(get_ok(api, f"/{collection}/{quote(entity_id, safe='')}/{relation}") for entity_id in wanted)
    )
    return {entity_id: list(items_of(body)) for entity_id, body in zip(wanted, bodies, strict=True)}


class _Planter:
    """Puts every entity in its one place; what has none goes to the top."""

    def __init__(self, lists: _Lists) -> None:
        self._lists = lists
        self._apps_of: dict[str, list[Mapping[str, Any]]] = {}
        for app in lists.apps:
            self._apps_of.setdefault(str(extension(app).get("component_id", "")), []).append(app)
        nested = {item["id"] for item in _all(lists.subcomponents)}
        self._top = {item["id"]: item for item in lists.components if item["id"] not in nested}
        # Mutable: the ids of Areas and Components already planted.
        self._planted: set[tuple[str, str]] = set()

    def nodes(self) -> Iterator[Node]:
        """Areas with all they hold, then the Components of none, the Apps of none, the Functions."""
        for area in self._lists.areas:
            yield from self._area(area)
        for component in (*self._top.values(), *self._lists.components):  # the latter: those in a circle
            yield from self._component(component)
        homes = {entity_id for kind, entity_id in self._planted if kind == "component"}
        for home, apps in self._apps_of.items():
            if home not in homes:
                yield from (_node("app", app) for app in apps)
        yield from (_node("function", function) for function in self._lists.functions)

    def _area(self, item: Mapping[str, Any]) -> Iterator[Node]:
        if self._is_new("area", item["id"]):
            below = (node for sub in self._lists.subareas.get(item["id"], []) for node in self._area(sub))
            own = [found for found in self._lists.in_area.get(item["id"], []) if found["id"] in self._top]
            inside = (node for found in own for node in self._component(self._top[found["id"]]))
            yield _node("area", item, (*below, *inside))

    def _component(self, item: Mapping[str, Any]) -> Iterator[Node]:
        if self._is_new("component", item["id"]):
            subs = self._lists.subcomponents.get(item["id"], [])
            below = (node for sub in subs for node in self._component(sub))
            apps = (_node("app", app) for app in self._apps_of.get(item["id"], []))
            yield _node("component", item, (*below, *apps))

    def _is_new(self, kind: str, entity_id: str) -> bool:
        fresh = (kind, entity_id) not in self._planted
        self._planted.add((kind, entity_id))
        return fresh


def _node(kind: str, item: Mapping[str, Any], children: tuple[Node, ...] = ()) -> Node:
    about = extension(item)
    source = item.get("source", about.get("source"))
    return Node(
        type=kind,
        id=item["id"],
        name=str(item.get("name", item["id"])),
        source=None if source is None else str(source),
        available=about.get("available") is not False,
        children=children,
    )


def _all(lists: Mapping[str, list[Mapping[str, Any]]]) -> Iterator[Mapping[str, Any]]:
    for items in lists.values():
        yield from items


def _missing(bodies: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for body in bodies:
        failed = extension(body).get("failed_peers")
        yield from (str(name) for name in (failed if isinstance(failed, list) else []))


def _grow(branch: Tree, nodes: Iterable[Node]) -> None:
    for node in nodes:
        _grow(branch.add(label(node)), node.children)


def label(node: Node) -> Text:
    """`component robot  Robot  [manifest]`."""
    parts = [(f"{node.type} ", "dim"), (cell(node.id).plain, "bold")]
    if node.name != node.id:
        parts.append((f"  {cell(node.name).plain}", ""))
    if node.source is not None:
        parts.append((f"  [{cell(node.source).plain}]", "cyan"))
    if not node.available:
        parts.append(("  not available", "red"))
    return Text.assemble(*parts)
