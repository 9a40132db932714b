"""Starts a gateway and stops it: what runs, in which order, owned by one task. Exit codes: docs/configuration.md.

Up: state directory, own entities, peers (a bounded first look), HTTP, mDNS. Down: goodbye and drain, then peers, then
the state.
"""

import asyncio
import errno
import gc
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
import uvloop

from entities.identity import GatewayIdentity
from gateway.auth.caller import AuthService
from gateway.banner import api_url, banner
from gateway.composition import Gateway, compose
from gateway.config.problems import SettingsWarning
from gateway.config.reader import LoadedSettings
from gateway.current import CurrentSettings
from gateway.descriptors import files_for_connections
from gateway.file_watch import FileWatch
from gateway.http.listener import Listener
from gateway.local.manifest.load import LoadedManifest, load_manifest
from gateway.local.manifest.problem import problem_lines
from gateway.local.own import OwnEntities
from gateway.own_sources import MakeSource
from gateway.reloading import Reloading, Reread, Sources
from gateway.server_tls import CertificateRefusedError, ServerTls
from gateway.settings import Settings
from gateway.state_dir import StateDir, StateDirInUseError, take_identity
from gateway.stopping import StopSignals, drain, end_without_threads
from gateway.version import grove_version
from peers.view import Warned

log = structlog.get_logger("gateway")

YOUNG_OBJECTS: Final = 10_000
"""Objects made before the garbage collector looks at them; at Python's 700 it looks into every busy moment."""

OK: Final = 0
FAILED: Final = 1
BAD_CONFIGURATION: Final = 2
ADDRESS_IN_USE: Final = 3
STATE_DIR_IN_USE: Final = 4

_OTHER_PORT: Final = "-p server.port:=8081"
_OTHER_PORT_OF_A_PROGRAM: Final = "grove.run(..., port=8081), or GROVE_SERVER__PORT=8081 where the program gives none"


def run(
    loaded: LoadedSettings,
    reread: Reread,
    *,
    program: MakeSource | None = None,
    ready: Callable[[OwnEntities], None] | None = None,
    is_alone: bool = False,
) -> int:
    """Runs a gateway until SIGINT or SIGTERM; the exit code.

    `reread` gives the settings as they are later. `program`: what the program that embeds it offers. `ready` is given
    the own entities, on their event loop, before anything is served. `is_alone`: the process is there for nothing else,
    and may be ended when all is done.
    """
    settings = loaded.settings
    named, auth_files = settings.local.manifest, _auth_files(settings)
    watch = FileWatch((*loaded.files, *(() if named is None else (named,)), *auth_files), loaded.stamps)
    manifest = _manifest(settings)
    if isinstance(manifest, int):
        return manifest
    try:
        state = _state_dir(settings)
    except StateDirInUseError as error:
        sys.stderr.write(f"grove: {error}\n")
        return STATE_DIR_IN_USE
    try:
        tls = ServerTls(settings.server.tls, time.time) if settings.server.tls.enabled else None
        identity = take_identity(state, settings.name)
        standing = _standing(state, loaded.warnings)
        files = files_for_connections()
        current = CurrentSettings(settings, loaded.warnings)
        auth = _auth(settings, state)
        if isinstance(auth, int):
            return auth
        gateway = compose(
            current,
            identity,
            state,
            manifest=manifest,
            standing=standing,
            tls=tls,
            auth=auth,
            files=files,
            program=program,
        )
        reloading = Reloading(gateway, current, Sources(loaded.files, named, auth_files, reread, watch), files=files)
        return uvloop.run(
            _Run(gateway, settings, current, reloading, identity, state, loaded.files, ready, is_alone).serve()
        )
    except CertificateRefusedError as error:
        sys.stderr.write(f"grove: the API cannot be served over https: {error}\n")
        return BAD_CONFIGURATION
    finally:
        state.close()


def _manifest(settings: Settings) -> LoadedManifest | int | None:
    if settings.local.manifest is None:
        return None
    loaded = load_manifest(settings.local.manifest, strict=settings.discovery.manifest_strict_validation)
    if isinstance(loaded, LoadedManifest):
        return loaded
    sys.stderr.write("".join(f"{line}\n" for line in problem_lines(settings.local.manifest, loaded)))
    return BAD_CONFIGURATION


def _auth_files(settings: Settings) -> tuple[Path, ...]:
    if not settings.auth.enabled:
        return ()
    from gateway.auth.loading import files_of  # noqa: PLC0415 -- as below

    return files_of(settings.auth)


def _auth(settings: Settings, state: StateDir) -> AuthService | int | None:
    if not settings.auth.enabled:
        return None
    from gateway.auth.assembly import make_authority  # noqa: PLC0415 -- cryptography is loaded only where it is used
    from gateway.auth.loading import AuthMaterial, load_material  # noqa: PLC0415 -- as above

    material = load_material(settings.auth)
    if isinstance(material, AuthMaterial):
        return make_authority(settings.auth, material, state)
    # The settings were checked: a file is another one since.
    sys.stderr.write("".join(f"{one.keys[0]}: found {one.found}; allowed: {one.allowed}\n" for one in material))
    return BAD_CONFIGURATION


def _state_dir(settings: Settings) -> StateDir:
    if settings.server.state_dir is not None:
        return StateDir.open(settings.server.state_dir)
    if settings.server.port == 0:
        return StateDir.temporary("server.port is 0 and server.state_dir is not set")
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return StateDir.open(Path(home).expanduser() / "grove" / f"{settings.name}-{settings.server.port}")


def _standing(state: StateDir, warnings: Sequence[SettingsWarning]) -> tuple[Warned, ...]:
    for warning in warnings:
        log.warning(warning.message, code=warning.code)
    found = []
    if state.ephemeral:
        why = f"the identity of this gateway is new at every start: {state.why}; set server.state_dir to keep it"
        found.append(Warned("ephemeral_identity", why))
    for warned in found:
        log.warning(warned.message, code=warned.code)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of a gateway: its parts and what it was started with."""

    gateway: Gateway
    settings: Settings
    current: CurrentSettings
    reloading: Reloading
    identity: GatewayIdentity
    state: StateDir
    files: Sequence[Path]
    ready: Callable[[OwnEntities], None] | None
    is_alone: bool

    async def serve(self) -> int:
        """Everything that runs, until a signal; the exit code. An error in any loop ends all of them."""
        stop = StopSignals()
        stop.listen()
        self.reloading.listen()
        code = FAILED
        try:
            await self.gateway.own.start()
            if self.ready is not None:  # what was stored is there by now
                self.ready(self.gateway.own)
            async with asyncio.TaskGroup() as group:
                peers = group.create_task(self.gateway.federation.run(), name="federation")
                finders = group.create_task(self.gateway.finders.run(), name="discovery")
                own = group.create_task(self.gateway.own.run(), name="own entities")
                aside = [
                    group.create_task(self.reloading.run(), name="reloading"),
                    group.create_task(self.gateway.loop_watch.run(), name="loop watch"),
                ]
                beside = [
                    group.create_task(part.run(), name=name)
                    for name, part in (("certificate", self.gateway.tls), ("tokens", self.gateway.auth))
                    if part is not None
                ]
                code = await self._listen_until(stop, group)
                for task in beside:
                    task.cancel()
                for task in aside:
                    task.cancel()
                own.cancel()
                finders.cancel()
                peers.cancel()
        except* Exception as failures:
            code = FAILED
            for failure in failures.exceptions:
                log.exception("a loop of the gateway died", exc_info=failure)
        finally:
            await self.gateway.own.close()
        if self.is_alone:
            end_without_threads(code)
        return code

    async def _listen_until(self, stop: StopSignals, group: asyncio.TaskGroup) -> int:
        """Serves until it is asked to stop, then drains; the goodbye by mDNS is said in `group` meanwhile."""
        await self.gateway.federation.wait_for_first_look()
        server = self.settings.server
        try:
            listener = await Listener.start(
                self.gateway.api,
                server.host,
                server.port,
                connections=self.gateway.connections,
                ssl_context=None if self.gateway.tls is None else self.gateway.tls.context,
            )
        except OSError as error:
            sys.stderr.write(f"grove: {_cannot_listen(self.settings, error, of_program=self.ready is not None)}\n")
            return ADDRESS_IN_USE if error.errno == errno.EADDRINUSE else FAILED
        self.gateway.finders.listening(listener.port)
        announcing = group.create_task(self.gateway.mdns.announce(listener.port), name="announce")
        try:
            await asyncio.to_thread(_note_port, self.state, listener.port)
            _spare_collections()
            print(self._banner(listener.port), flush=True)  # noqa: T201 -- the banner is for the terminal, not for the log
            log.info("gateway ready", name=self.settings.name, api=api_url(self.settings, listener.port))
            await stop.asked.wait()
            log.info("gateway stopping")
        finally:
            # Also when a loop died: nobody shall take a gateway that is closing for a healthy one.
            self.gateway.drain.is_set = True
            announcing.cancel()
            self.gateway.federation.broadcast.say_farewell()
            self.gateway.streams.end()
            await drain(listener, self.gateway.writes, self.current.settings.server, stop)
        log.info("gateway stopped")
        return OK

    def _banner(self, port: int) -> str:
        return banner(
            self.settings,
            port=port,
            version=grove_version(),
            files=self.files,
            state_dir=self.state.path,
            instance_id=self.identity.instance_id,
            ephemeral=self.state.ephemeral,
        )


def _spare_collections() -> None:
    """What is there when the gateway is ready stays; from now on only what requests leave behind is collected."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def _note_port(state: StateDir, port: int) -> None:
    """The real port, for programs that start a gateway with port 0."""
    with suppress(OSError):
        state.save("port", f"{port}\n".encode())


def _cannot_listen(settings: Settings, error: OSError, *, of_program: bool) -> str:
    server = settings.server
    where = f"{server.host}:{server.port}"
    if error.errno == errno.EADDRINUSE:
        return (
            f"the address {where} is in use by another process; stop that one, or choose another port with "
            f"{_OTHER_PORT_OF_A_PROGRAM if of_program else _OTHER_PORT} (0 takes any free one)"
        )
    return f"cannot listen on {where}: {error.strerror or error}; set server.host to an address of this machine"
