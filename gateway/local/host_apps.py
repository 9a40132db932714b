"""Programs of this machine as Apps on it: online as long as they run, with their figures as data."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from entities.model import App, EntityKind, GatewayTree
from gateway.local.answers import EntityRef
from gateway.local.bindings import DataSpec
from gateway.local.control import Control
from gateway.local.data_items import TOO_SLOW, ReadFailure, Reading, Sample
from gateway.local.fault_rule import FaultRule
from gateway.local.figures import Look, Looks, Program, Programs, Unseen
from gateway.local.logs.entry import LogOrigin
from gateway.local.operations import Operation
from gateway.local.shared_read import Clock, SharedRead
from gateway.local.source import Changed, EntityResources, Offer, Source

LOOK_FRESH_NS: Final = 1_000_000_000
"""What was seen less than this ago, in ns, is told again."""

_log = structlog.get_logger(__name__)


class Watch:
    """Looks at programs, at most once a second however many ask."""

    def __init__(self, programs: Programs, clock: Clock) -> None:
        self.programs = programs
        self._clock = clock
        self._shared: SharedRead[tuple[Looks, int]] = SharedRead(self._look, clock=clock, fresh_for_ns=LOOK_FRESH_NS)
        self._reasons: frozenset[str] = frozenset()  # mutable: why some of them could not be seen last

    async def looks(self) -> tuple[Looks, int]:
        """What is seen of each now, and when that was."""
        seen = await self._shared.get()
        if seen is None:
            seen = {program.app_id: Unseen(TOO_SLOW) for program in self.programs.all}, self._clock()
        self._note(seen[0])
        return seen

    def forget(self) -> None:
        """What was seen counts no more."""
        self._shared.forget()

    def _look(self) -> tuple[Looks, int]:
        """In a thread."""
        try:
            looks = self.programs.look()
        except Exception as error:  # noqa: BLE001 - psutil raises whatever an odd /proc provokes
            looks = {program.app_id: Unseen(f"looking failed: {error!r}") for program in self.programs.all}
        return looks, self._clock()

    def _note(self, looks: Looks) -> None:
        """Log when programs begin to be unseen, why, and when that ends."""
        reasons = frozenset(look.reason for look in looks.values() if isinstance(look, Unseen))
        for reason in sorted(reasons - self._reasons):
            unseen = [app_id for app_id, look in looks.items() if isinstance(look, Unseen) and look.reason == reason]
            _log.warning("programs not seen", apps=unseen, reason=reason)
        if self._reasons and not reasons:
            _log.info("programs seen again", apps=list(looks))
        self._reasons = reasons


class ProgramItem:
    """One figure of one program."""

    def __init__(self, spec: DataSpec, app_id: str, watch: Watch) -> None:
        self._spec = spec
        self._app_id = app_id
        self._watch = watch

    @property
    def spec(self) -> DataSpec:
        return self._spec

    async def read(self) -> Reading:
        looks, taken_ns = await self._watch.looks()
        look = looks.get(self._app_id, Unseen("nothing is known of it"))
        if isinstance(look, Unseen):
            return ReadFailure(look.reason)
        if self._spec.id not in look.values:
            return ReadFailure("nothing is told of it")
        return Sample(look.values[self._spec.id], taken_ns)

    async def listed(self) -> Reading:
        return await self.read()


@dataclass(frozen=True, slots=True)
class Beside:
    """What a program has beside its figures: logs, what may be done to it, and what is wrong with it when."""

    logs: tuple[LogOrigin, ...] = ()
    operations: Mapping[str, Operation] = field(default_factory=dict)
    control: Control | None = None
    rules: tuple[FaultRule, ...] = ()


class HostApps:
    """Programs as Apps on the Component `component_id`. What cannot be seen stays as it was seen last."""

    def __init__(
        self,
        component_id: str,
        groups: Sequence[Programs],
        clock: Clock,
        *,
        interval_s: float,
        beside: Callable[[Program, Callable[[], None]], Beside] = lambda _program, _look_again: Beside(),
    ) -> None:
        """`beside` is given a program, and what to call when it may have changed."""
        self._component_id = component_id
        self._interval_s = interval_s
        self._watches = [Watch(programs, clock) for programs in groups]
        # Mutable: what was seen last of each program, whether to look at once, and what is offered.
        self._seen: dict[str, Look] = {}
        self._look_now = asyncio.Event()
        self._resources = {
            EntityRef(EntityKind.APP, program.app_id): _resources(program, watch, beside(program, self.look_again))
            for watch in self._watches
            for program in watch.programs.all
        }
        self._offer = self._offered()

    @property
    def offer(self) -> Offer:
        return self._offer

    async def start(self) -> None:
        """The first look: who runs now."""
        await self._look()

    async def run(self, changed: Changed) -> None:
        """Looks every `interval_s`, and when something was done to a program."""
        while self._watches:
            try:
                async with asyncio.timeout(self._interval_s):
                    await self._look_now.wait()
            except TimeoutError:
                pass
            self._look_now.clear()
            if await self._look():
                changed()

    async def close(self) -> None:
        """Looks that still run end by themselves and keep nothing alive."""

    def look_again(self) -> None:
        """Something may have changed: look now."""
        for watch in self._watches:
            watch.forget()
        self._look_now.set()

    async def _look(self) -> bool:
        """Whether the offer changed."""
        before = {app_id: (look.is_online, look.description) for app_id, look in self._seen.items()}
        for looks, _ in await asyncio.gather(*(watch.looks() for watch in self._watches)):
            for app_id, look in looks.items():
                if isinstance(look, Look):
                    self._note(app_id, look)
                    self._seen[app_id] = look
        after = {app_id: (look.is_online, look.description) for app_id, look in self._seen.items()}
        if after == before:
            return False
        self._offer = self._offered()
        return True

    def _note(self, app_id: str, look: Look) -> None:
        known = self._seen.get(app_id)
        if known is not None and known.is_online != look.is_online:
            _log.info("program runs" if look.is_online else "program stopped", app=app_id)

    def _offered(self) -> Offer:
        programs = [program for watch in self._watches for program in watch.programs.all]
        return Offer(GatewayTree(apps=tuple(self._app(program) for program in programs)), self._resources)

    def _app(self, program: Program) -> App:
        seen = self._seen.get(program.app_id)
        return App(
            id=program.app_id,
            name=program.name,
            description=seen.description if seen else None,
            component_id=self._component_id,
            is_online=seen is not None and seen.is_online,
            source="runtime",
            data=tuple(spec.id for spec in program.specs),
        )


def _resources(program: Program, watch: Watch, beside: Beside) -> EntityResources:
    return EntityResources(
        data={spec.id: ProgramItem(spec, program.app_id, watch) for spec in program.specs},
        operations=beside.operations,
        logs=beside.logs,
        control=beside.control,
        rules=beside.rules,
    )


_: type[Source] = HostApps
