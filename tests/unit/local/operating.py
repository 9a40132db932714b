"""Operations that are led by hand, and own entities whose executions run."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from entities.model import App, GatewayTree
from gateway.local.answers import EntityRef, ItemAnswer, ResourceError
from gateway.local.manifest.load import LoadedManifest
from gateway.local.manifest_source import ManifestSource
from gateway.local.operation_store import OperationStore
from gateway.local.operations import Completed, Operation, OperationSpec, Outcome, Progress
from gateway.local.own import OwnEntities
from gateway.local.source import Changed, EntityResources, Offer, Source
from tests.unit.local.conftest import HandClock, app

ARM = app("arm")
SOON = 10.0
"""Patience of those who wait for an end that comes."""


class HandOperation:
    """Ends when and as the test says; its executions are told apart by the order of their starts."""

    def __init__(self, spec: OperationSpec | None = None, *, obeys: bool = True) -> None:
        """Not `obeys`: it does not end when it is cancelled, but when the test lets it."""
        self.spec = spec or OperationSpec("move", "move", asynchronous=True)
        self._obeys = obeys
        # Mutable: what was given to each execution, how each tells of itself, and the ends that the test gives.
        self.given: list[Mapping[str, Any]] = []
        self.progress: list[Progress] = []
        self.ends: list[asyncio.Future[Outcome]] = []
        self.cancelled = 0

    async def execute(self, parameters: Mapping[str, Any], progress: Progress) -> Outcome:
        end: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.given.append(parameters)
        self.progress.append(progress)
        self.ends.append(end)
        while True:
            try:
                return await asyncio.shield(end)
            except asyncio.CancelledError:
                self.cancelled += 1
                if self._obeys:
                    raise

    def end(self, outcome: Outcome | None = None, which: int = -1) -> None:
        """Let one execution end."""
        self.ends[which].set_result(outcome or Completed({"done": True}))


class OddOperation:
    """Does at once what the test says, however odd."""

    def __init__(self, do: Callable[[Progress], Outcome], spec: OperationSpec | None = None) -> None:
        self.spec = spec or OperationSpec("odd", "odd")
        self._do = do

    async def execute(self, parameters: Mapping[str, Any], progress: Progress) -> Outcome:
        return self._do(progress)


class OfferedOperations:
    """A source of one App with these operations."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        resources = EntityResources(operations={operation.spec.id: operation for operation in operations})
        self.offer = Offer(GatewayTree(apps=(App(ARM.id),)), {ARM: resources})

    async def start(self) -> None: ...

    async def run(self, changed: Changed) -> None: ...

    async def close(self) -> None: ...


@asynccontextmanager
async def operating(clock: HandClock, *operations: Operation) -> AsyncIterator[OperationStore]:
    """The operations of an App whose executions can run; at the end they are ended."""
    async with _running(OfferedOperations(operations), clock) as store:
        yield store


@asynccontextmanager
async def declared(manifest: LoadedManifest, clock: HandClock) -> AsyncIterator[OperationStore]:
    """The same for the operations that a manifest declares."""
    async with _running(ManifestSource(manifest, clock), clock) as store:
        yield store


@asynccontextmanager
async def _running(source: Source, clock: HandClock) -> AsyncIterator[OperationStore]:
    own = OwnEntities([source], clock=clock)
    running = asyncio.create_task(own.run())
    await asyncio.sleep(0)  # the executions' own task, one below it
    await asyncio.sleep(0)
    try:
        yield own.operations
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await own.close()


async def started(store: OperationStore, word: str = "move", body: Any = None, ref: EntityRef = ARM) -> str:
    """The id of a new execution that has begun."""
    answer = answered(await store.execute(ref, word, {} if body is None else body, patience_s=SOON))
    assert answer.status == 202
    await asyncio.sleep(0)
    assert answer.body is not None
    return str(answer.body["id"])


def answered(answer: ItemAnswer | ResourceError) -> ItemAnswer:
    """The answer; fails with the refusal if it is one."""
    assert isinstance(answer, ItemAnswer), answer
    return answer


def refused(answer: ItemAnswer | ResourceError) -> ResourceError:
    """The refusal; fails if it is none."""
    assert isinstance(answer, ResourceError), answer
    return answer


def shown(store: OperationStore, execution_id: str, word: str = "move", ref: EntityRef = ARM) -> Mapping[str, Any]:
    """The detail of an execution."""
    body = answered(store.execution(ref, word, execution_id)).body
    assert body is not None
    return body
