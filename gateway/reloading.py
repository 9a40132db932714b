"""Reads settings, manifest, clients and keys again, on SIGHUP and whenever their files change.

They are put into effect. What is wrong is told and changes nothing. Source: docs/configuration.md, "Reading again".
"""

import asyncio
import dataclasses
import functools
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from gateway.composition import Gateway, protection_of
from gateway.config.keys import KEYS, value_at
from gateway.config.peer_rules import peer_mistakes
from gateway.config.protection import protection_mistakes
from gateway.config.reader import LoadedSettings, SettingsRefused
from gateway.current import CurrentSettings
from gateway.descriptors import connection_limits
from gateway.file_reading import READ_S, FileReading
from gateway.file_watch import FileWatch
from gateway.local.manifest.load import LoadedManifest, load_manifest
from gateway.local.manifest.problem import problem_lines
from gateway.settings import AuthSettings, Settings

if TYPE_CHECKING:
    from gateway.auth.loading import AuthMaterial

LIVE_GROUPS: Final = ("cors.", "rate_limiting.")
"""Groups of settings of which everything counts as soon as it is read."""

LIVE_KEYS: Final = frozenset(
    {
        "aggregation.peers",
        "aggregation.peer_urls",
        "aggregation.peer_names",
        "auth.clients",
        "server.allowed_hosts",
        "server.body_bytes_per_s",
        "server.body_grace_ms",
        "server.client_address_header",
        "server.drain_ms",
        "server.header_timeout_ms",
        "server.keep_alive_ms",
        "server.lame_duck_ms",
        "server.max_connections",
        "server.max_header_bytes",
        "server.trusted_proxies",
        "sse.max_clients",
    }
)
"""Further settings that do; all others need a restart."""

SETTINGS: Final = "configuration"
MANIFEST: Final = "manifest"
AUTH: Final = "clients and keys"
FILES: Final = "configuration, with all that it names,"

Reread = Callable[[], LoadedSettings | SettingsRefused]

log = structlog.get_logger("gateway")


@dataclasses.dataclass(frozen=True, slots=True)
class Sources:
    """Where the settings come from, and what they name. `reread` blocks."""

    files: Sequence[Path]
    manifest: Path | None
    auth: Sequence[Path]
    reread: Reread
    watch: FileWatch
    """Of all of them, from before they were read."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Judged:
    """Settings that were read: what counts `now`, which keys of it are `live`, which wait, what is wrong with that."""

    loaded: LoadedSettings
    now: Settings
    live: Sequence[str]
    waiting: tuple[str, ...]
    mistakes: Sequence[str]


@dataclasses.dataclass(frozen=True, slots=True)
class _Read:
    """What was found: each None where it is as before, a list of mistakes where it cannot be used."""

    settings: _Judged | Sequence[str] | None
    manifest: LoadedManifest | Sequence[str] | None
    auth: "AuthMaterial | list[str] | None"


class Reloading:
    """Keeps one gateway as its files say."""

    def __init__(
        self,
        gateway: Gateway,
        current: CurrentSettings,
        sources: Sources,
        *,
        files: int,
        patience_s: float = READ_S,
    ) -> None:
        """`files`: how many connections may take; `patience_s`: seconds that are waited for files that hang."""
        self._gateway = gateway
        self._current = current
        self._sources = sources
        self._files = files
        self._one_at_a_time = asyncio.Lock()
        self._reading: FileReading[_Read | str] = FileReading(patience_s)
        # Mutable: whether everything is to be read, changed or not: now, as somebody asked, and with the next reading.
        self._asked = asyncio.Event()
        self._is_all_due = False

    def listen(self) -> None:
        """From now on SIGHUP asks for it."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._asked.set)

    async def run(self) -> None:
        """Reads again whenever there is reason to, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read_when_changed(), name="watch configuration")
            group.create_task(self._read_when_asked(), name="read configuration when asked")

    async def _read_when_changed(self) -> None:
        async with aclosing(self._sources.watch.changes()) as changes:
            async for _ in changes:
                await self.read_again(everything=False)

    async def _read_when_asked(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            log.info("asked to read the configuration again")
            await self.reload()

    async def reload(self) -> None:
        """Reads everything again, and says in the log what became of it."""
        self._tell_verdict(changed=await self.read_again(everything=True))

    async def read_again(self, *, everything: bool) -> bool:
        """Reads what changed, or `everything`, and puts it into effect as far as it can be used; one after another.

        Whether anything counts now that did not before.
        """
        async with self._one_at_a_time:
            found = await self._found(everything=everything)
            if found is None:
                return False
            is_new = await self._take(found)
            return await self._take_auth(found.auth) or is_new

    async def _found(self, *, everything: bool) -> _Read | None:
        """What was read; None where that fails or hangs, which is told, and soon tried again with everything."""
        self._is_all_due |= everything
        try:
            found = await self._reading.read(functools.partial(self._read_or_tell, self._is_all_due))
        except TimeoutError:
            found = f"its files do not answer within {self._reading.patience_s:g} s; look at what they are on"
        if isinstance(found, _Read):
            self._is_all_due = FILES in self._current.refused  # then it may have begun before everything was asked for
            self._accept(FILES)
            return found
        self._is_all_due = True
        self._refuse(FILES, [found])
        return None

    def _tell_verdict(self, *, changed: bool) -> None:
        refused = self._current.refused
        if refused:
            told = {mistake for mistakes in refused.values() for mistake in mistakes}
            # The settings tell a mistake of a file of clients, too, with the line that names the file before it.
            mistakes = sum(not any(one != other and other.endswith(one) for other in told) for one in told)
            log.warning("configuration refused, the one before counts on", what=[*refused], mistakes=mistakes)
        else:
            waits = {"need_a_restart": list(self._current.waiting)} if self._current.waiting else {}
            log.info("configuration in effect" if changed else "configuration unchanged", **waits)

    async def _take(self, found: _Read) -> bool:
        is_new = False
        match found.settings:
            case None:
                pass
            case _Judged():
                is_new = self._take_settings(found.settings)
            case mistakes:
                self._refuse(SETTINGS, mistakes)
        match found.manifest:
            case None:
                pass
            case LoadedManifest():
                self._accept(MANIFEST)
                if self._gateway.manifest is not None and await self._gateway.manifest.replace(found.manifest):
                    log.info("manifest read again", file=str(found.manifest.path))
                    is_new = True
            case mistakes:
                self._refuse(MANIFEST, mistakes)
        return is_new

    async def _take_auth(self, found: "AuthMaterial | list[str] | None") -> bool:
        if found is None or self._gateway.auth is None:
            return False
        if isinstance(found, list):
            self._refuse(AUTH, found)
            return False
        self._accept(AUTH)
        return await self._gateway.auth.take(found)

    def _read_or_tell(self, everything: bool) -> _Read | str:
        """What is read, or how that failed in a way that nobody thought of: what counts so far goes on."""
        try:
            return self._read(everything)
        except Exception as error:
            if FILES not in self._current.refused:
                log.exception("changed files cannot be read")
            return f"an unexpected {type(error).__name__}; undo what was changed last, the log says where it was met"

    def _read(self, everything: bool) -> _Read:
        changed = self._sources.watch.look()
        is_refused = SETTINGS in self._current.refused  # perhaps for what stands in a file that they name
        due = changed if is_refused else changed.intersection(self._sources.files)
        settings = self._read_settings() if everything or due else None
        manifest = self._read_manifest() if everything or self._sources.manifest in changed else None
        now = settings.now if isinstance(settings, _Judged) and not settings.mistakes else self._current.settings
        is_new = now.auth != self._current.settings.auth or not changed.isdisjoint(self._sources.auth)
        return _Read(settings, manifest, _read_auth(now.auth) if everything or is_new else None)

    def _read_settings(self) -> _Judged | Sequence[str]:
        empty = [f"{file}: found an empty file; allowed: settings" for file in self._sources.files if _is_empty(file)]
        if empty:
            return empty  # most likely somebody writes it just now; it is read again then
        outcome = self._sources.reread()
        if not isinstance(outcome, LoadedSettings):
            return [str(problem) for problem in outcome.problems]
        before, found = self._current.settings, outcome.settings
        changed = [path for path in KEYS if value_at(found, path) != value_at(before, path)]
        live = [path for path in changed if is_live(path)]
        now = functools.reduce(lambda so_far, path: _with(so_far, path, value_at(found, path)), live, before)
        waiting = tuple(path for path in changed if not is_live(path))
        return _Judged(outcome, now, live, waiting, [*mistakes_of(now)] if live else [])

    def _read_manifest(self) -> LoadedManifest | Sequence[str] | None:
        path = self._sources.manifest
        if path is None:
            return None
        loaded = load_manifest(path, strict=self._current.settings.discovery.manifest_strict_validation)
        if isinstance(loaded, LoadedManifest):
            return loaded
        *lines, _number = problem_lines(path, loaded)
        return lines

    def _refuse(self, what: str, mistakes: Sequence[str]) -> None:
        if self._current.refused.get(what) != mistakes:
            log.warning("changed files refused, those before count on", what=what, mistakes=list(mistakes))
        self._current.refused[what] = mistakes

    def _accept(self, what: str) -> None:
        if self._current.refused.pop(what, None) is not None:
            log.info("mistakes mended", what=what)

    def _take_settings(self, judged: _Judged) -> bool:
        before, waiting = self._current.settings, judged.waiting
        self._current.cautions = judged.loaded.warnings
        if waiting and waiting != self._current.waiting:
            log.warning("changed settings need a restart", keys=list(waiting))
        self._current.waiting = waiting
        if judged.mistakes:
            self._refuse(SETTINGS, judged.mistakes)
            return False
        self._accept(SETTINGS)
        if judged.live:
            self._current.settings = judged.now
            put_into_effect(self._gateway, before, judged.now, files=self._files)
            log.info("changed settings in effect", keys=list(judged.live))
        return bool(judged.live)


def _read_auth(auth: AuthSettings) -> "AuthMaterial | list[str] | None":
    if not auth.enabled:
        return None
    from gateway.auth.loading import AuthMaterial, load_material  # noqa: PLC0415 -- cryptography is loaded only where it is used

    found = load_material(auth)
    if isinstance(found, AuthMaterial):
        return found
    return [f"{one.keys[0]}: found {one.found}; allowed: {one.allowed}" for one in found]


def is_live(path: str) -> bool:
    """Whether the setting of this dotted path counts as soon as it is read."""
    return path in LIVE_KEYS or path.startswith(LIVE_GROUPS)


def mistakes_of(now: Settings) -> Iterator[str]:
    """What is wrong with settings of which a part counts at once and a part only after a restart."""
    for finding in (*peer_mistakes(now.aggregation), *protection_mistakes(now)):
        yield f"{finding.keys[0]}: found {finding.found}; allowed: {finding.allowed}; a restart takes all that changed"


def put_into_effect(gateway: Gateway, before: Settings, now: Settings, *, files: int) -> None:
    """Everything that can change while the gateway runs, from `before` to `now`."""
    gateway.api.protect(protection_of(now))
    gateway.connections.limits = connection_limits(now, files)
    gateway.streams.limit = now.sse.max_clients
    if _peers(before) != _peers(now):
        gateway.terms.take(now.aggregation)
        gateway.finders.configured(now)


def _peers(settings: Settings) -> tuple[Any, ...]:
    aggregation = settings.aggregation
    return aggregation.peers, aggregation.peer_urls, aggregation.peer_names


def _with(settings: Any, path: str, value: Any) -> Any:
    """`settings` with another value at this dotted path."""
    head, _, rest = path.partition(".")
    return dataclasses.replace(settings, **{head: _with(getattr(settings, head), rest, value) if rest else value})


def _is_empty(file: Path) -> bool:
    try:
        return file.stat().st_size == 0
    except OSError:
        return False
