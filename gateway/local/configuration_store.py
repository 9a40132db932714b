"""The configurations of all own entities: listed, read, written, reset (docs/api.md, "Configurations")."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from entities.model import EntityKind
from gateway.local.answers import NO_CONTENT, ConfigurationList, EntityRef, ItemAnswer, ResourceError
from gateway.local.bindings import Configuration, Refusal
from gateway.local.configuration_rows import Key, drop_row, read_row, save_row
from gateway.local.shared_read import Clock
from gateway.local.storage import Keep, Row, StorageFailure, keep_nothing, kept
from gateway.local.values import MisfitError, check_size, conform

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FailedReset:
    """A configuration that could not be reset, and why."""

    id: str
    error: str


@dataclass(frozen=True, slots=True)
class ResetReport:
    """What became of a reset of all configurations of one entity."""

    reset_count: int
    failed: tuple[FailedReset, ...] = ()


class ConfigurationStore:
    """Configurations by entity and id. A value that was answered is stored; one at a time is changed per item.

    `nodes` gives the ROS node of an App, if it has one.
    """

    def __init__(self, *, clock: Clock, keep: Keep = keep_nothing, awaits_storage: bool = False) -> None:
        """`awaits_storage`: what was stored comes by `restore`, and until then nobody knows what there is."""
        self._clock = clock
        self._keep = keep
        # Mutable: what is declared, the values that are not the default, those that are kept for what is declared no
        # more or differently, what could not be put into effect, who may change an item now, whether what was stored
        # is known.
        self._declared: Mapping[EntityRef, Mapping[str, Configuration]] = {}
        self._nodes: Mapping[str, str] = {}
        self._changed: dict[Key, Any] = {}
        self._kept: dict[Key, Any] = {}
        self._unapplied: dict[Key, str] = {}
        self._to_apply: dict[Key, Any] = {}
        self._restored = not awaits_storage
        self._wake = asyncio.Event()
        self._turns: defaultdict[Key, asyncio.Lock] = defaultdict(asyncio.Lock)

    def declare(self, declared: Mapping[EntityRef, tuple[Configuration, ...]], nodes: Mapping[str, str]) -> None:
        """What there is from now on; values that were set stay."""
        self._declared = {ref: {item.id: item for item in items} for ref, items in declared.items()}
        self._nodes = nodes
        self._take_kept()

    def restore(self, rows: list[Row]) -> None:
        """Takes up what was stored; what was set since the start counts, and is stored where it is missing."""
        found = dict(filter(None, map(read_row, rows)))
        for key, value in self._changed.items():
            if key not in found:
                self._keep([save_row(key, value, self._clock())], _unheard)
        self._kept = {key: value for key, value in found.items() if key not in self._changed}
        self._restored = True
        self._take_kept()

    async def run(self) -> None:
        """Has the values of the last run put into effect where somebody must be told of them; until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            waiting, self._to_apply = self._to_apply, {}
            await asyncio.gather(*(self._apply_kept(key, value) for key, value in waiting.items()))

    def items(self, ref: EntityRef) -> ConfigurationList:
        """The configurations of one entity in the order they were declared."""
        declared = self._of(ref).values()
        return ConfigurationList(
            items=tuple({"id": item.id, "name": item.id, "type": "parameter"} for item in declared),
            parameters=tuple(self._parameter(ref, item) for item in declared),
        )

    def item(self, ref: EntityRef, item_id: str) -> ItemAnswer | ResourceError:
        """One configuration; 404 unknown."""
        item = self._of(ref).get(item_id)
        return _unknown(ref, item_id) if item is None else self._answer(ref, item)

    async def write(self, ref: EntityRef, item_id: str, body: Any) -> ItemAnswer | ResourceError:
        """Set from {data} or {value}; answers as `item`. 400 bad body, type or range, 403 read-only, 404 unknown,
        409 refused by whom it is for, 503 not stored.
        """
        if not isinstance(body, Mapping) or not ("data" in body or "value" in body):
            return ResourceError(400, "invalid-request", "Request body must contain a 'data' field")
        item = self._of(ref).get(item_id)
        if item is None:
            return _unknown(ref, item_id)
        if item.read_only:
            return _read_only(ref, item)
        try:
            value = conform(body["data"] if "data" in body else body["value"], item.type)
            check_size(value)
            item.range.check(value)
        except MisfitError as error:
            return _misfit(ref, item, error)
        async with self._turns[ref, item_id]:
            return await self._change(ref, item, value) or self._answer(ref, item)

    async def reset(self, ref: EntityRef, item_id: str) -> ItemAnswer | ResourceError:
        """Back to the default; 404 unknown, 409 and 503 as `write`. A read-only one is at its default already."""
        item = self._of(ref).get(item_id)
        if item is None:
            return _unknown(ref, item_id)
        return await self._reset(ref, item) or NO_CONTENT

    async def reset_all(self, ref: EntityRef) -> ResetReport:
        """All of one entity back to their defaults, at the same time; one that fails leaves the others alone."""
        items = list(self._of(ref).values())
        refusals = await asyncio.gather(*(self._reset(ref, item) for item in items))
        failed = tuple(
            FailedReset(item.id, refusal.message)
            for item, refusal in zip(items, refusals, strict=True)
            if refusal is not None
        )
        return ResetReport(len(items) - len(failed), failed)

    async def _reset(self, ref: EntityRef, item: Configuration) -> ResourceError | None:
        key = (ref, item.id)
        async with self._turns[key]:
            known = key in self._changed or key in self._unapplied or key in self._kept
            if self._restored and not known:
                return None  # before, the storage may have a value that nobody has seen yet
            return await self._change(ref, item, item.value, is_default=True)

    async def _change(
        self, ref: EntityRef, item: Configuration, value: Any, *, is_default: bool = False
    ) -> ResourceError | None:
        """Put into effect first, then stored, then shown; what cannot be stored is taken back."""
        key = (ref, item.id)
        refusal = await _apply(item, value)
        if refusal is not None:
            return _refused(ref, item, refusal)
        row = drop_row(key) if is_default else save_row(key, value, self._clock())
        failure = await kept(self._keep, [row])
        if failure is not None:
            await _apply(item, self._changed.get(key, item.value))
            return _not_stored(ref, item, failure)
        self._unapplied.pop(key, None)
        self._kept.pop(key, None)
        self._to_apply.pop(key, None)
        if is_default:
            self._changed.pop(key, None)
        else:
            self._changed[key] = value
        return None

    def _take_kept(self) -> None:
        """Values of the last run that fit what is declared now become the values of this one."""
        for key, value in list(self._kept.items()):
            item = self._of(key[0]).get(key[1])
            if item is None:
                continue  # it may come back
            try:
                fitting = conform(value, item.type)
                item.range.check(fitting)
            except MisfitError as error:
                _log.warning("stored value does not fit any more", entity=key[0].id, item=item.id, why=str(error))
                continue
            del self._kept[key]
            self._changed[key] = fitting
            if item.apply is not None:
                self._to_apply[key] = fitting
                self._wake.set()

    async def _apply_kept(self, key: Key, value: Any) -> None:
        ref, item_id = key
        async with self._turns[key]:
            item = self._of(ref).get(item_id)
            if item is None or self._changed.get(key) is not value:
                return
            refusal = await _apply(item, value)
            if refusal is not None:
                self._unapplied[key] = refusal.reason
                _log.warning("stored value was not taken", entity=ref.id, item=item_id, why=refusal.reason)

    def _of(self, ref: EntityRef) -> Mapping[str, Configuration]:
        return self._declared.get(ref, {})

    def _parameter(self, ref: EntityRef, item: Configuration) -> dict[str, Any]:
        key = (ref, item.id)
        parameter: dict[str, Any] = {
            "name": item.id,
            "value": self._changed.get(key, item.value),
            "type": item.type.value,
            "read_only": item.read_only,
            "description": item.description,
            **item.range.told(),
        }
        if item.unit is not None:
            parameter["unit"] = item.unit
        if key in self._unapplied:
            parameter["error"] = {"error_code": "service-unavailable", "message": self._unapplied[key]}
        return parameter

    def _answer(self, ref: EntityRef, item: Configuration) -> ItemAnswer:
        parameter = self._parameter(ref, item)
        medkit: dict[str, Any] = {"entity_id": ref.id, "source": "runtime", "parameter": parameter}
        node = self._nodes.get(ref.id) if ref.kind is EntityKind.APP else None
        if node is not None:
            medkit["ros2"] = {"node": node}
        value = parameter["value"]
        return ItemAnswer(200, {"id": item.id, "data": value, "value": value, "x-medkit": medkit})


async def _apply(item: Configuration, value: Any) -> Refusal | None:
    """What whoever it is for says to the value; nobody is content with everything."""
    if item.apply is None:
        return None
    try:
        async with asyncio.timeout(item.apply_timeout_s):
            return await item.apply(value)
    except TimeoutError:
        return Refusal(f"it did not answer in {item.apply_timeout_s:g} s, and may have taken the value", failed=True)


def _unheard(failure: StorageFailure | None) -> None:
    """Nobody waits for it: what is wrong stands in `/health`."""


def _parameters(ref: EntityRef, item_id: str) -> dict[str, Any]:
    return {"entity_id": ref.id, "id": item_id}


def _unknown(ref: EntityRef, item_id: str) -> ResourceError:
    return ResourceError(404, "resource-not-found", "Configuration not found", _parameters(ref, item_id))


def _read_only(ref: EntityRef, item: Configuration) -> ResourceError:
    message = f"Configuration '{item.id}' is read-only"
    vendor_code = "x-medkit-ros2-parameter-read-only"
    return ResourceError(403, "vendor-error", message, _parameters(ref, item.id), vendor_code=vendor_code)


def _misfit(ref: EntityRef, item: Configuration, error: MisfitError) -> ResourceError:
    message = f"The value does not fit configuration '{item.id}': {error}"
    return ResourceError(400, "invalid-parameter", message, {**_parameters(ref, item.id), "details": str(error)})


def _refused(ref: EntityRef, item: Configuration, refusal: Refusal) -> ResourceError:
    parameters = {**_parameters(ref, item.id), "details": refusal.reason}
    if refusal.failed:
        message = f"Configuration '{item.id}' could not be changed: {refusal.reason}"
        return ResourceError(503, "service-unavailable", message, parameters)
    message = f"The value was refused by '{ref.id}': {refusal.reason}"
    return ResourceError(409, "precondition-not-fulfilled", message, parameters)


def _not_stored(ref: EntityRef, item: Configuration, failure: StorageFailure) -> ResourceError:
    message = f"Configuration '{item.id}' was not changed, for it cannot be stored: {failure.reason}"
    return ResourceError(503, "service-unavailable", message, {**_parameters(ref, item.id), "details": failure.reason})
