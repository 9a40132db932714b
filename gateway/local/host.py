"""The machine we run on as a Component: live data items, read at most once a second for all readers together."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from entities.model import Component, EntityKind, GatewayTree
from gateway.local.answers import EntityRef
from gateway.local.bindings import DataSpec
from gateway.local.data_items import TOO_SLOW, ReadFailure, Reading, Sample
from gateway.local.host_rules import MachineLimits, machine_rules
from gateway.local.machine import Machine, Probe
from gateway.local.shared_read import Clock, SharedRead
from gateway.local.source import Changed, EntityResources, Offer, Source
from gateway.local.values import MisfitError, conform

READING_FRESH_NS: Final = 1_000_000_000
"""A reading younger than this is given again; fifty readers cost one reading."""

ID_LIMIT: Final = 256
"""Characters of an entity id."""

_log = structlog.get_logger(__name__)

Readings = Mapping[str, Sample | ReadFailure]


def host_id(host_name: str) -> str:
    """The Component's id: the host name with every character an id may not have as `_`."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", host_name)[:ID_LIMIT] or "host"


class HostItem:
    """One sensor of this machine."""

    def __init__(self, spec: DataSpec, host: "HostSource") -> None:
        self._spec = spec
        self._host = host

    @property
    def spec(self) -> DataSpec:
        return self._spec

    async def read(self) -> Reading:
        return await self._host.reading_of(self._spec.id)

    async def listed(self) -> Reading:
        return await self.read()


class HostSource:
    """The machine we run on; `start` adds the sensors that only looking can find."""

    def __init__(self, host_name: str, machine: Machine, clock: Clock, limits: MachineLimits | None = None) -> None:
        """`limits`: beyond which the machine reports faults; None: it reports none."""
        self.ref = EntityRef(EntityKind.COMPONENT, host_id(host_name))
        self._host_name = host_name
        self._machine = machine
        self._clock = clock
        self._limits = limits
        # Mutable: the probes known so far, how each sensor failed last, and what is offered.
        self._probes: Sequence[Probe] = machine.standard()
        self._failures: dict[str, str] = {}
        self._shared: SharedRead[Readings] = SharedRead(self._read_now, clock=clock, fresh_for_ns=READING_FRESH_NS)
        self._offer = self._offered()

    @property
    def offer(self) -> Offer:
        """The machine as a Component with a data item for each sensor."""
        return self._offer

    def _offered(self) -> Offer:
        items = {spec.id: HostItem(spec, self) for probe in self._probes for spec in probe.specs}
        component = Component(
            id=self.ref.id,
            name=self._host_name or self.ref.id,
            type="computer",
            source="runtime",
            data=tuple(items),
        )
        rules = () if self._limits is None else machine_rules(items, self._limits)
        return Offer(GatewayTree(components=(component,)), {self.ref: EntityResources(data=items, rules=rules)})

    async def start(self) -> None:
        """Look for disks and temperatures, which only looking can find."""
        found = await SharedRead(self._machine.discover, clock=self._clock).get()
        if found is None:
            _log.warning("sensors not found", reason=TOO_SLOW)
        if found:
            self._probes = [*self._machine.standard(), *found]
            self._offer = self._offered()

    async def run(self, changed: Changed) -> None:
        """Sensors that come later are not looked for."""

    async def close(self) -> None:
        """Readings that still run end by themselves and keep nothing alive."""

    async def reading_of(self, item_id: str) -> Sample | ReadFailure:
        """What one sensor says now, or said a moment ago."""
        readings = await self._shared.get()
        if readings is None:
            return ReadFailure(TOO_SLOW)
        self._note(readings)
        return readings.get(item_id) or ReadFailure("the sensor says nothing")

    def _read_now(self) -> Readings:
        """In a thread."""
        readings: dict[str, Sample | ReadFailure] = {}
        for probe in self._probes:
            readings.update(_take(probe, self._clock))
        return readings

    def _note(self, readings: Readings) -> None:
        """Log when a sensor begins to fail and when it ends."""
        failures = {key: reading.reason for key, reading in readings.items() if isinstance(reading, ReadFailure)}
        for item_id in failures.keys() - self._failures.keys():
            _log.warning("sensor failed", item=item_id, reason=failures[item_id])
        for item_id in self._failures.keys() - failures.keys():
            _log.info("sensor answers again", item=item_id)
        self._failures = failures


def _take(probe: Probe, clock: Clock) -> Readings:
    """What one probe says; its trouble stays its own."""
    try:
        values = probe.read()
    except Exception as error:  # noqa: BLE001 - psutil raises whatever an odd /proc or /sys provokes
        failure = ReadFailure(f"the sensor failed: {error!r}")
        return {spec.id: failure for spec in probe.specs}
    return {spec.id: _sample(values, spec, clock()) for spec in probe.specs}


def _sample(values: Mapping[str, object], spec: DataSpec, now_ns: int) -> Sample | ReadFailure:
    if spec.id not in values:
        return ReadFailure("the sensor is gone")
    try:
        return Sample(conform(values[spec.id], spec.type), now_ns)
    except MisfitError as error:
        return ReadFailure(f"the sensor answered nonsense: {error}")


_: type[Source] = HostSource
