"""What every source of own entities is: a tree, and what stands behind the items of its entities."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from entities.model import GatewayTree
from gateway.local.answers import EntityRef
from gateway.local.bindings import Configuration
from gateway.local.control import Control
from gateway.local.data_items import DataItem
from gateway.local.fault_rule import FaultRule
from gateway.local.fault_spec import DeclaredFault, FaultSpec
from gateway.local.logs.entry import LogOrigin
from gateway.local.operations import Operation


@dataclass(frozen=True, slots=True)
class EntityResources:
    """Everything one source offers below one entity; data items and operations by id."""

    data: Mapping[str, DataItem] = field(default_factory=dict)
    operations: Mapping[str, Operation] = field(default_factory=dict)
    configurations: tuple[Configuration, ...] = ()
    faults: tuple[DeclaredFault, ...] = ()
    logs: tuple[LogOrigin, ...] = ()
    control: Control | None = None
    fault_specs: tuple[FaultSpec, ...] = ()
    """What it may report by itself, beside what rules report."""
    rules: tuple[FaultRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """What a source offers now. `tree` and `resources` speak of the same entities."""

    tree: GatewayTree = field(default_factory=GatewayTree)
    resources: Mapping[EntityRef, EntityResources] = field(default_factory=dict)


Changed = Callable[[], None]
"""Called on the event loop when `offer` gives something else than before."""


class Source(Protocol):
    """A source of own entities. Making one does no I/O, and nothing of it blocks the event loop.

    An item that another offer also had is the same object there, so that what it remembers stays.
    """

    @property
    def offer(self) -> Offer:
        """What it offers now."""

    async def start(self) -> None:
        """The first look; bounded in time. Afterwards `offer` is what the first view shows."""

    async def run(self, changed: Changed) -> None:
        """Keep the offer true until cancelled, and say when it changed. May end at once if nothing ever changes."""

    async def close(self) -> None:
        """Let go of everything; called once, after `run` has ended."""


def overlay(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Both, `first` in front and counting where both have an id."""
    return {**first, **{key: value for key, value in second.items() if key not in first}}
