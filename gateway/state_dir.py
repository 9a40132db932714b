"""The state directory: locked for one process, files whole or not at all, and the identity kept in it.

Everything here blocks; it is used before the loop starts or in threads.
"""

import contextlib
import fcntl
import os
import tempfile
import time
import uuid
from pathlib import Path
from typing import Final, Self

import msgspec
import structlog

from entities.codec import MAX_VERSION
from entities.identity import GatewayIdentity, instance_id_of, is_instance_id
from entities.jsontext import InvalidJsonError, parse_json_as, render_json

log = structlog.get_logger("state")

IDENTITY_FILE: Final = "identity.json"
LOCK_FILE: Final = "lock"
MAX_IDENTITY_BYTES: Final = 4096
_UNUSABLE: Final = ".unusable"


class StateDirInUseError(Exception):
    """Another process holds the directory; the message says which and what to do."""


class _Kept(msgspec.Struct, frozen=True):
    instance_id: str
    epoch: int


class StateDir:
    """A directory that is ours while the object lives. `ephemeral`: a temporary one, gone with us."""

    def __init__(self, path: Path, *, ephemeral: bool, why: str | None = None) -> None:
        """Use `open` or `temporary`."""
        self.path = path
        self.ephemeral = ephemeral
        self.why = why
        """Why it is temporary, for the warning `ephemeral_identity`."""
        # Mutable: the lock's file descriptor.
        self._lock: int | None = None

    @classmethod
    def open(cls, path: Path) -> Self:
        """The directory at `path`, made if missing and locked. Raises StateDirInUseError.

        Where it cannot be written, a temporary one takes its place.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = cls(path, ephemeral=False)
            found._acquire()
        except OSError as error:
            return cls.temporary(f"{path} cannot be written: {error.strerror}")
        return found

    @classmethod
    def temporary(cls, why: str) -> Self:
        """A new directory that is removed by `close`."""
        found = cls(Path(tempfile.mkdtemp(prefix="grove-")), ephemeral=True, why=why)
        found._acquire()
        return found

    def _acquire(self) -> None:
        descriptor = os.open(self.path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise StateDirInUseError(
                f"the state directory {self.path} is in use by process {holder or 'unknown'}; "
                "stop that one, or set server.state_dir to another directory"
            ) from None
        except OSError:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._lock = descriptor

    def load(self, name: str) -> bytes | None:
        """The bytes last saved under `name`, or None, also where they cannot be read."""
        try:
            return self.read(name)
        except OSError as error:
            log.warning("state file unreadable", file=name, why=error.strerror)
            return None

    def read(self, name: str) -> bytes | None:
        """The bytes last saved under `name`; None if nothing was. Raises OSError where they cannot be read."""
        file = self.path / name
        try:
            return file.read_bytes()
        except FileNotFoundError as error:
            if os.path.lexists(file):  # something was there, once
                raise OSError(error.errno, "it is a link that leads nowhere") from None
            return None

    def save(self, name: str, body: bytes) -> None:
        """Replaces the file `name`: written beside, synced, renamed. Raises OSError and leaves the old one whole."""
        beside = self.path / f".{name}.new"
        try:
            with beside.open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path / name)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
        with contextlib.suppress(OSError):  # the file is in place; only its survival of a power cut is not certain
            self._sync_directory()

    def remove(self, name: str) -> None:
        """Deletes the file `name`, if there is one. Raises OSError."""
        (self.path / name).unlink(missing_ok=True)

    def _sync_directory(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def is_set_aside(self, name: str) -> bool:
        """Whether there was such a file, and it was unusable."""
        return os.path.lexists(self.path / f"{name}{_UNUSABLE}")

    def set_aside(self, name: str) -> None:
        """Renames an unusable file, so that it can be looked at."""
        with contextlib.suppress(OSError):
            (self.path / name).replace(self.path / f"{name}{_UNUSABLE}")

    def close(self) -> None:
        """Gives the lock back; a temporary directory is removed."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if self.ephemeral:
            for file in self.path.iterdir():
                file.unlink(missing_ok=True)
            self.path.rmdir()


def take_identity(state: StateDir, name: str) -> GatewayIdentity:
    """Who we are in this start: the kept instance id (or a new one), a new boot id, an epoch above the last."""
    kept = _kept(state)
    instance_id = instance_id_of(uuid.uuid4()) if kept is None else kept.instance_id
    epoch = max(0 if kept is None else kept.epoch + 1, int(time.time()))
    try:
        state.save(IDENTITY_FILE, render_json(_Kept(instance_id, epoch)))
    except OSError as error:
        log.warning("identity could not be saved", why=error.strerror)
    return GatewayIdentity(instance_id, instance_id_of(uuid.uuid4()), name, epoch)


def _kept(state: StateDir) -> _Kept | None:
    body = state.load(IDENTITY_FILE)
    if body is None:
        return None
    try:
        kept = parse_json_as(body, _Kept, max_bytes=MAX_IDENTITY_BYTES)
    except InvalidJsonError as error:
        kept = None
        why = str(error)
    else:
        why = "not an instance id, or an epoch out of range"
    if kept is None or not is_instance_id(kept.instance_id) or not 0 <= kept.epoch < MAX_VERSION:
        log.warning("identity unusable, a new one is made", file=IDENTITY_FILE, why=why)
        state.set_aside(IDENTITY_FILE)
        return None
    return kept
