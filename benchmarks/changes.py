"""How long something takes until a client sees it: asked again and again on one connection."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import aiohttp

ASK_AGAIN_S = 0.002
"""The resolution of these figures."""

GIVE_UP_S = 30.0


class NeverSeenError(Exception):
    """What was waited for did not happen."""


class Client:
    """Somebody who watches."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def change(self, url: str) -> str:
        """Gives a stand-in one more App; its id."""
        async with self._session.post(f"{url}/change") as answer:
            told: dict[str, str] = await answer.json()
            return told["id"]

    async def kill(self, url: str) -> None:
        """Ends a stand-in as if its process had been killed."""
        try:
            async with self._session.post(f"{url}/die"):
                pass
        except aiohttp.ClientError:
            return  # it died before it could answer, as it must

    async def status(self, url: str) -> int:
        """Of a GET."""
        async with self._session.get(url) as answer:
            await answer.read()
            return answer.status

    async def text(self, url: str) -> str:
        """The body of a GET."""
        async with self._session.get(url) as answer:
            return await answer.text()


async def ms_until(check: Callable[[], Awaitable[bool]]) -> float:
    """Milliseconds from now until `check` says yes. Raises NeverSeenError."""
    began = time.perf_counter()
    while not await check():
        if time.perf_counter() - began > GIVE_UP_S:
            raise NeverSeenError(f"nothing of it after {GIVE_UP_S:.0f} s")
        await asyncio.sleep(ASK_AGAIN_S)
    return (time.perf_counter() - began) * 1000


def p99(values: list[float]) -> float:
    """The value that 99 of 100 do not exceed; of fewer than 100 the largest."""
    return sorted(values)[max(0, -(-len(values) * 99 // 100) - 1)]
