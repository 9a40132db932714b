"""Sessions in the state directory, written whole or not at all, many changes at a time."""

import asyncio
from collections.abc import Iterator
from typing import Final

import structlog

from entities.jsontext import InvalidJsonError
from gateway.auth.caller import SAVE_RETRY_S
from gateway.auth.sessions import Sessions
from gateway.state_dir import StateDir
from peers.view import Warned

log = structlog.get_logger("auth")

SESSIONS_FILE: Final = "tokens.json"


def restore_sessions(state: StateDir, sessions: Sessions, *, now: float) -> None:
    """Takes up the sessions of the last run. Where the file is unusable, nothing given out before counts any more."""
    try:
        body = state.read(SESSIONS_FILE)
        if body is not None:
            if sessions.restore(body, now=now):
                _save(state, sessions)
            return
        if not state.is_set_aside(SESSIONS_FILE):
            return
        why = "it was set aside, and none came in its place"
    except OSError as error:
        why = error.strerror or str(error)
    except InvalidJsonError as error:
        why = str(error)
    log.warning("sessions unusable, all tokens given out so far are void", file=SESSIONS_FILE, why=why)
    sessions.revoke_everything(now=now)
    state.set_aside(SESSIONS_FILE)
    _save(state, sessions)


def _save(state: StateDir, sessions: Sessions) -> None:
    try:
        state.save(SESSIONS_FILE, sessions.save())
    except OSError as error:  # the file that is there, or was set aside, tells the next start the same
        log.warning("tokens could not be saved", why=error.strerror)


class SessionFile:
    """Keeps sessions current on disk. Changes that come while a write is under way share the next one."""

    def __init__(self, state: StateDir, sessions: Sessions, *, retry_s: float = SAVE_RETRY_S) -> None:
        """`retry_s`: seconds until what could not be saved is tried again."""
        self._state = state
        self._sessions = sessions
        self._retry_s = retry_s
        # Mutable: how many changes were asked to be kept, tried and are, the writes under way, what is wrong.
        self._asked = 0
        self._tried = 0
        self._kept = 0
        self._one_at_a_time = asyncio.Lock()
        self._writes: set[asyncio.Task[bool]] = set()
        self._trouble: str | None = None
        self._failing = asyncio.Event()

    async def keep(self) -> bool:
        """Whether what the sessions are now is on disk. A failure is logged once, and `run` tries again.

        It is kept also if whoever waits for it is cancelled.
        """
        self._asked += 1
        write = asyncio.create_task(self._write(self._asked), name="save tokens")
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)
        return await asyncio.shield(write)

    async def run(self) -> None:
        """Tries again while something could not be saved, until cancelled."""
        while True:
            await self._failing.wait()
            await asyncio.sleep(self._retry_s)
            await self.keep()

    def warnings(self) -> Iterator[Warned]:
        """That sign-ins and revocations are not on disk."""
        if self._trouble is not None:
            yield Warned(
                "tokens_unsaved",
                f"sign-ins and revocations cannot be saved ({self._trouble}): they count, but a restart would forget "
                "them; make room in server.state_dir, or let it be written; it is tried again",
            )

    async def aclose(self) -> None:
        """Waits for what is under way."""
        if self._writes:
            await asyncio.wait(self._writes)

    async def _write(self, change: int) -> bool:
        async with self._one_at_a_time:
            if self._tried >= change:
                return self._kept >= change
            asked, body = self._asked, self._sessions.save()
            try:
                await asyncio.to_thread(self._state.save, SESSIONS_FILE, body)
            except OSError as error:
                self._tried = asked
                if self._trouble is None:
                    log.warning("tokens could not be saved", why=error.strerror)
                self._trouble = error.strerror or str(error)
                self._failing.set()
                return False
            self._tried = self._kept = asked
            if self._trouble is not None:
                log.info("tokens are saved again")
            self._trouble = None
            self._failing.clear()
            return True
