"""Sessions in the state directory, written whole or not at all, many changes at a time."""

import asyncio
from collections.abc import Collection
from typing import Final

import structlog

from entities.jsontext import InvalidJsonError
from gateway.auth.sessions import Sessions
from gateway.state_dir import StateDir

log = structlog.get_logger("auth")

SESSIONS_FILE: Final = "tokens.json"


def restore_sessions(state: StateDir, sessions: Sessions, *, clients: Collection[str], now: float) -> None:
    """Takes up the sessions of the last run. Where the file is unusable, nothing given out before counts any more."""
    body = state.load(SESSIONS_FILE)
    if body is None:
        return
    try:
        sessions.restore(body, clients=clients)
    except InvalidJsonError as error:
        log.warning("sessions unusable, all tokens given out so far are void", file=SESSIONS_FILE, why=str(error))
        state.set_aside(SESSIONS_FILE)
        sessions.revoke_everything(now=now)


class SessionFile:
    """Keeps sessions current on disk. Changes that come while a write is under way share the next one."""

    def __init__(self, state: StateDir, sessions: Sessions) -> None:
        self._state = state
        self._sessions = sessions
        # Mutable: how many changes were asked to be kept and how many are, the writes under way, the last one's end.
        self._asked = 0
        self._kept = 0
        self._one_at_a_time = asyncio.Lock()
        self._writes: set[asyncio.Task[None]] = set()
        self._failed = False

    async def keep(self) -> None:
        """Returns when what the sessions are now is on disk; a failure is logged once, and the next change tries again.

        It is kept also if whoever waits for it is cancelled.
        """
        self._asked += 1
        write = asyncio.create_task(self._write(self._asked), name="save tokens")
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)
        await asyncio.shield(write)

    async def aclose(self) -> None:
        """Waits for what is under way."""
        if self._writes:
            await asyncio.wait(self._writes)

    async def _write(self, change: int) -> None:
        async with self._one_at_a_time:
            if self._kept >= change:
                return
            asked, body = self._asked, self._sessions.save()
            try:
                await asyncio.to_thread(self._state.save, SESSIONS_FILE, body)
            except OSError as error:
                if not self._failed:
                    log.warning("tokens could not be saved", why=error.strerror)
                self._failed = True
            else:
                self._failed = False
            self._kept = asked
