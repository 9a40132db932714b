"""A source of one App that offers whatever a test says."""

import asyncio

from entities.model import App, GatewayTree
from gateway.local.answers import EntityRef
from gateway.local.source import Changed, EntityResources, Offer, Source


class ScriptedSource:
    """Offers the resources it was given last."""

    def __init__(self, ref: EntityRef, resources: EntityResources) -> None:
        self._ref = ref
        self._changed: Changed | None = None
        self.is_running = asyncio.Event()
        self.offer = self._offer(resources)

    def _offer(self, resources: EntityResources) -> Offer:
        app = App(id=self._ref.id, name=self._ref.id, data=tuple(resources.data))
        return Offer(GatewayTree(apps=(app,)), {self._ref: resources})

    def offer_also(self, resources: EntityResources) -> None:
        """From now on this, and nothing of before."""
        assert self._changed is not None
        self.offer = self._offer(resources)
        self._changed()

    async def start(self) -> None:
        """There is nothing to look for."""

    async def run(self, changed: Changed) -> None:
        self._changed = changed
        self.is_running.set()

    async def close(self) -> None:
        """There is nothing to let go of."""


_: type[Source] = ScriptedSource
