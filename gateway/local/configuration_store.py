"""The configurations of all own entities: listed, read, written, reset (docs/api.md, "Configurations")."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog

from entities.model import EntityKind
from gateway.local.answers import NO_CONTENT, ConfigurationList, EntityRef, ItemAnswer, ResourceError
from gateway.local.bindings import Configuration, Refusal
from gateway.local.configuration_answers import busy, misfit, not_stored, perhaps_stored, read_only, refused, unknown
from gateway.local.configuration_rows import Key, drop_row, read_row, save_row
from gateway.local.shared_read import Clock
from gateway.local.storage import PATIENCE_S, Keep, Row, StorageFailure, Stored, keep_nothing, outcome_of, unheard
from gateway.local.values import MisfitError, check_size, conform

RESET_AT_ONCE: Final = 50
"""Resets that are begun before the loop may do something else."""

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

    def __init__(
        self,
        *,
        clock: Clock,
        keep: Keep = keep_nothing,
        awaits_storage: bool = False,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`awaits_storage`: what was stored comes by `restore`, and until then nobody knows what there is.
        `patience_s`: seconds a change waits for its turn, and then for the disk.
        """
        self._clock = clock
        self._keep = keep
        self._patience_s = patience_s
        # Mutable: what is declared, the values that are not the default, those that are kept for what is declared no
        # more or differently, what could not be put into effect and what is to be, what nobody waits for any more
        # though it may yet be stored, who may change an item now, whether what was stored is known.
        self._declared: Mapping[EntityRef, Mapping[str, Configuration]] = {}
        self._nodes: Mapping[str, str] = {}
        self._changed: dict[Key, Any] = {}
        self._kept: dict[Key, Any] = {}
        self._unapplied: dict[Key, str] = {}
        self._to_apply: set[Key] = set()
        self._unsettled: set[Key] = set()
        self._restored = not awaits_storage
        self._wake = asyncio.Event()
        self._turns: defaultdict[Key, asyncio.Lock] = defaultdict(asyncio.Lock)

    def declare(self, declared: Mapping[EntityRef, tuple[Configuration, ...]], nodes: Mapping[str, str]) -> None:
        """What there is from now on; values that were set stay where they fit."""
        before = self._declared
        self._declared = {ref: {item.id: item for item in items} for ref, items in declared.items()}
        self._nodes = nodes
        self._take_kept()
        for key, value in list(self._changed.items()):
            if not self._take(key, value) or self._is_for_others(key, before.get(key[0], {}).get(key[1])):
                self._put_into_effect(key)

    def restore(self, rows: list[Row]) -> None:
        """Takes up what was stored; what was set since the start counts, and is stored where it is missing."""
        found = dict(filter(None, map(read_row, rows)))
        for key, value in self._changed.items():
            if key not in found:
                self._keep([save_row(key, value, self._clock())], unheard)
        self._kept = {key: value for key, value in found.items() if key not in self._changed}
        self._restored = True
        self._take_kept()

    async def run(self) -> None:
        """Has values that nobody set just now, as those of the last run, put into effect where somebody must be told
        of them; until cancelled.
        """
        while True:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.gather(*(self._apply_kept(key) for key in self._to_apply))

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
        return unknown(ref, item_id) if item is None else self._answer(ref, item)

    async def write(self, ref: EntityRef, item_id: str, body: Any) -> ItemAnswer | ResourceError:
        """Set from {data} or {value}; answers as `item`. 400 bad body, type or range, 403 read-only, 404 unknown,
        409 refused by whom it is for, 503 not stored, 504 perhaps stored later.
        """
        if not isinstance(body, Mapping) or not ("data" in body or "value" in body):
            return ResourceError(400, "invalid-request", "Request body must contain a 'data' field")
        value = body["data"] if "data" in body else body["value"]
        wanted = self._wanted(ref, item_id, value)
        if isinstance(wanted, ResourceError):
            return wanted

        async def change() -> ItemAnswer | ResourceError:
            wanted = self._wanted(ref, item_id, value)  # something else may be declared since
            if isinstance(wanted, ResourceError):
                return wanted
            item, fitting = wanted
            return await self._change(ref, item, fitting) or self._answer(ref, item)

        return await self._in_turn(ref, item_id, change)

    async def reset(self, ref: EntityRef, item_id: str) -> ItemAnswer | ResourceError:
        """Back to the default; 404 unknown, 409 to 504 as `write`. A read-only one is at its default already."""
        if item_id not in self._of(ref):
            return unknown(ref, item_id)

        async def change() -> ItemAnswer | ResourceError:
            key = (ref, item_id)
            item = self._of(ref).get(item_id)
            if item is None:
                return unknown(ref, item_id)
            known = key in self._changed or key in self._unapplied or key in self._kept or key in self._unsettled
            if self._restored and not known:
                return NO_CONTENT  # before, the storage may have a value that nobody has seen yet
            return await self._change(ref, item, item.value, is_default=True) or NO_CONTENT

        return await self._in_turn(ref, item_id, change)

    async def reset_all(self, ref: EntityRef) -> ResetReport:
        """All of one entity back to their defaults, at the same time; one that fails leaves the others alone."""
        ids = list(self._of(ref))
        async with asyncio.TaskGroup() as group:
            resets = []
            for number, item_id in enumerate(ids, 1):
                resets.append(group.create_task(self.reset(ref, item_id), name=f"reset of {ref.id}/{item_id}"))
                if number % RESET_AT_ONCE == 0:
                    await asyncio.sleep(0)
        outcomes = [reset.result() for reset in resets]
        failed = tuple(
            FailedReset(item_id, outcome.message)
            for item_id, outcome in zip(ids, outcomes, strict=True)
            if isinstance(outcome, ResourceError)
        )
        return ResetReport(len(ids) - len(failed), failed)

    async def _in_turn(
        self, ref: EntityRef, item_id: str, change: Callable[[], Awaitable[ItemAnswer | ResourceError]]
    ) -> ItemAnswer | ResourceError:
        turn = self._turns[ref, item_id]
        try:
            async with asyncio.timeout(self._patience_s):
                await turn.acquire()
        except TimeoutError:
            return busy(ref, item_id)
        try:
            return await change()
        finally:
            turn.release()

    def _wanted(self, ref: EntityRef, item_id: str, value: Any) -> tuple[Configuration, Any] | ResourceError:
        """The item a value is for, and the value as it is then."""
        item = self._of(ref).get(item_id)
        if item is None:
            return unknown(ref, item_id)
        if item.read_only:
            return read_only(ref, item)
        try:
            return item, _fitting(item, value)
        except MisfitError as error:
            return misfit(ref, item, error)

    async def _change(
        self, ref: EntityRef, item: Configuration, value: Any, *, is_default: bool = False
    ) -> ResourceError | None:
        """Put into effect first, then stored, then shown; what cannot be stored is taken back."""
        key = (ref, item.id)
        if key in self._unsettled:
            return not_stored(ref, item, StorageFailure("an earlier change of it still waits for the disk"))
        refusal = await _apply(item, value)
        if refusal is not None:
            return refused(ref, item, refusal)
        row = drop_row(key) if is_default else save_row(key, value, self._clock())

        def begin(stored: Stored) -> None:
            self._keep([row], partial(self._settle, key, item, None if is_default else value, stored))

        failure: StorageFailure | None = await outcome_of(begin, self._patience_s)
        if failure is None:
            return None
        if failure.is_open:
            self._unsettled.add(key)
            return perhaps_stored(ref, item, failure)
        self._put_into_effect(key)
        await self._apply_current(key)
        return not_stored(ref, item, failure)

    def _settle(
        self, key: Key, told: Configuration, value: Any, stored: Stored, failure: StorageFailure | None
    ) -> None:
        """A change is stored, or is not, and nobody may wait for it any more. `told` is the item as it was declared
        when it was put into effect; `value` None: the default.
        """
        if failure is None:
            self._unapplied.pop(key, None)
            self._to_apply.discard(key)
            self._kept.pop(key, None)
            self._changed.pop(key, None)
            counts = value is None or self._take(key, value)
            if not counts or self._is_for_others(key, told):
                self._put_into_effect(key)
        elif key in self._unsettled:
            self._put_into_effect(key)
        self._unsettled.discard(key)
        stored(failure)

    def _take_kept(self) -> None:
        """Values of the last run that fit what is declared now become the values of this one."""
        for key, value in list(self._kept.items()):
            if key[1] in self._of(key[0]) and self._take(key, value):  # else it may come back
                self._put_into_effect(key)

    def _take(self, key: Key, value: Any) -> bool:
        """Whether the value counts from now on: one that does not fit what is declared is kept, for that may change."""
        item = self._of(key[0]).get(key[1])
        try:
            fitting = value if item is None else _fitting(item, value)
        except MisfitError as error:
            _log.warning("stored value does not fit any more", entity=key[0].id, item=key[1], why=str(error))
            self._kept[key] = value
            self._changed.pop(key, None)
            return False
        self._kept.pop(key, None)
        self._changed[key] = fitting
        return True

    def _is_for_others(self, key: Key, before: Configuration | None) -> bool:
        """Whether somebody else is to be told of its value than before."""
        item = self._of(key[0]).get(key[1])
        return item is not None and (before is None or _audience(item) != _audience(before))

    def _put_into_effect(self, key: Key) -> None:
        item = self._of(key[0]).get(key[1])
        if item is not None and item.apply is not None:
            self._to_apply.add(key)
            self._wake.set()

    async def _apply_kept(self, key: Key) -> None:
        async with self._turns[key]:
            await self._apply_current(key)

    async def _apply_current(self, key: Key) -> None:
        """Tells the value that counts, where that is to be done, to whoever it is for; in its turn."""
        ref, item_id = key
        item = self._of(ref).get(item_id)
        if item is None or key not in self._to_apply:
            return
        self._to_apply.discard(key)
        refusal = await _apply(item, self._changed.get(key, item.value))
        self._unapplied.pop(key, None)
        if refusal is not None:
            self._unapplied[key] = refusal.reason
            _log.warning("value was not taken", entity=ref.id, item=item_id, why=refusal.reason)

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


def _audience(item: Configuration) -> object:
    """Whom its values are for: equal for the same, also when a manifest was read again."""
    return item.apply if item.target is None else item.target


def _fitting(item: Configuration, value: Any) -> Any:
    """The value as the item's type, in its range. Raises MisfitError."""
    check_size(value)
    fitting = conform(value, item.type)
    item.range.check(fitting)
    return fitting
