"""The Apps of a program as a source of own entities."""

from collections.abc import Mapping, Sequence

from entities.model import App as AppEntity
from entities.model import Component, EntityKind, GatewayTree
from gateway.local.answers import EntityRef
from gateway.local.data_items import DataItem
from gateway.local.logs.kept import Numbers
from gateway.local.source import Changed, EntityResources, Offer, Source
from grove.app import App


class ProgramSource:
    """What the Apps declared when it was made. Nothing of it changes while the gateway runs."""

    def __init__(self, apps: Sequence[App], numbers: Numbers) -> None:
        """`numbers`: of log entries. Raises ValueError for two Apps of one id."""
        self._apps = tuple(apps)
        check_ids(apps)
        components = dict.fromkeys(app.component for app in apps if app.component is not None)
        tree = GatewayTree(
            components=tuple(Component(id=one, name=one, source="plugin", declared=True) for one in components),
            apps=tuple(_entity(app) for app in apps),
        )
        self._offer = Offer(tree, {EntityRef(EntityKind.APP, app.id): _resources(app, numbers) for app in apps})

    @property
    def offer(self) -> Offer:
        return self._offer

    async def start(self) -> None:
        """There is nothing to look for."""

    async def run(self, changed: Changed) -> None:
        """Nothing changes."""

    async def close(self) -> None:
        """Readings under way end; threads of functions that still run end by themselves and keep nothing alive."""
        for app in self._apps:
            await app.flights.close()


def check_ids(apps: Sequence[App]) -> None:
    """Raises ValueError for two Apps of one id."""
    ids = [app.id for app in apps]
    twice = {app_id for app_id in ids if ids.count(app_id) > 1}
    if twice:
        raise ValueError(f"found several apps called {', '.join(sorted(twice))}; allowed is each id once")


def _entity(app: App) -> AppEntity:
    return AppEntity(
        id=app.id,
        name=app.name,
        description=app.description,
        tags=app.tags,
        component_id=app.component,
        depends_on=app.depends_on,
        source="plugin",
        declared=True,
        data=(*app.readings, *app.values),
        operations=tuple(app.operations),
    )


def _resources(app: App, numbers: Numbers) -> EntityResources:
    held: Mapping[str, DataItem] = {key: value.item for key, value in app.values.items()}
    asked: Mapping[str, DataItem] = {key: reading for key, reading in app.readings.items()}  # noqa: C416 -- widens the type
    data = {**asked, **held}
    return EntityResources(
        data=data,
        operations=app.operations,
        configurations=tuple(app.configurations.values()),
        logs=(app.log_handler.open(numbers),),
        fault_specs=tuple(app.fault_specs.values()),
    )


_: type[Source] = ProgramSource
