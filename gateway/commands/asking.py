"""Asking a running gateway: where it is, and how a command's question is put to it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from discovery.static import URL_RULE, BadUrl, normalise_url
from gateway.commands.answers import PREFIX, Answer, Api, message_of
from gateway.commands.failure import CommandFailed
from gateway.config.problems import shown

T = TypeVar("T")


def ask(url: str, question: Callable[[Api], Awaitable[T]], token_file: Path | None = None) -> T:
    """Put `question` to the gateway at `url` (with or without http:// and /api/v1). Raises CommandFailed."""
    from gateway.commands.api import open_api  # noqa: PLC0415 -- aiohttp takes 0.1 s that --help need not pay

    token = None if token_file is None else _token_in(token_file)

    async def asked() -> T:
        async with open_api(base_url(url), token) as api:
            return await question(api)

    return asyncio.run(asked())


def fetch_grant(url: str, client: str, secret: str) -> Mapping[str, Any]:
    """What a gateway gives a client that signs in there. Raises CommandFailed, which quotes no secret."""
    from gateway.commands.api import open_api  # noqa: PLC0415 -- as above

    async def asked() -> Answer:
        body = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
        async with open_api(base_url(url)) as api:
            return await api.post("/auth/authorize", body)

    answer = asyncio.run(asked())
    if answer.status != 200:
        raise CommandFailed(f"{url} gives no token to {client} ({answer.status}): {message_of(answer.body)}")
    if not isinstance(answer.body, dict) or not isinstance(answer.body.get("access_token"), str):
        raise CommandFailed(f"{url} answers without a token: is it a gateway?")
    return answer.body


def _token_in(path: Path) -> str:
    from peers.credential import parse_token  # noqa: PLC0415 -- for those who show a token only

    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"--token-file: {path} cannot be read") from error
    token = parse_token(text)
    if token is None:
        raise CommandFailed(f"--token-file: what stands in {path} is no token")
    return token.reveal()


def base_url(text: str) -> str:
    """What a user typed as scheme://host:port."""
    url = normalise_url((text if "://" in text else f"http://{text}").rstrip("/").removesuffix(PREFIX))
    if isinstance(url, BadUrl):
        raise CommandFailed(f"found {shown(text)}, {url.reason}; allowed: {URL_RULE}")
    return url
