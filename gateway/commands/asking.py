"""Asking a running gateway: where it is, and how a command's question is put to it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from discovery.static import URL_RULE, BadUrl, normalise_url
from gateway.commands.answers import PREFIX, Api
from gateway.commands.failure import CommandFailed
from gateway.config.problems import shown

T = TypeVar("T")


def ask(url: str, question: Callable[[Api], Awaitable[T]]) -> T:
    """Put `question` to the gateway at `url` (with or without http:// and /api/v1). Raises CommandFailed."""
    from gateway.commands.api import open_api  # noqa: PLC0415 -- aiohttp takes 0.1 s that --help need not pay

    async def asked() -> T:
        async with open_api(base_url(url)) as api:
            return await question(api)

    return asyncio.run(asked())


def base_url(text: str) -> str:
    """What a user typed as scheme://host:port."""
    url = normalise_url((text if "://" in text else f"http://{text}").rstrip("/").removesuffix(PREFIX))
    if isinstance(url, BadUrl):
        raise CommandFailed(f"found {shown(text)}, {url.reason}; allowed: {URL_RULE}")
    return url
