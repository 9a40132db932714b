"""Asking a running gateway: what commands need of it, and how they run."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from discovery.static import URL_RULE, BadUrl, normalise_url
from gateway.commands.failure import CommandFailed
from gateway.config.problems import shown

_PREFIX = "/api/v1"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and JSON body."""

    status: int
    body: Any


class Api(Protocol):
    """The API of one gateway. `get` takes a path below `/api/v1`, percent-encoded; raises CommandFailed
    when there is no JSON answer.
    """

    base: str

    async def get(self, path: str) -> Answer: ...


def ask(url: str, question: Callable[[Api], Awaitable[T]]) -> T:
    """Put `question` to the gateway at `url` (with or without http:// and /api/v1). Raises CommandFailed."""
    from gateway.commands.api import open_api  # noqa: PLC0415 -- aiohttp takes 0.1 s that --help need not pay

    async def asked() -> T:
        async with open_api(base_url(url)) as api:
            return await question(api)

    return asyncio.run(asked())


def base_url(text: str) -> str:
    """What a user typed as scheme://host:port."""
    url = normalise_url((text if "://" in text else f"http://{text}").rstrip("/").removesuffix(_PREFIX))
    if isinstance(url, BadUrl):
        raise CommandFailed(f"found {shown(text)}, {url.reason}; allowed: {URL_RULE}")
    return url


async def get_ok(api: Api, path: str) -> Mapping[str, Any]:
    """The object at `path`; any status but 200 fails with the gateway's own message."""
    answer = await api.get(path)
    if answer.status != 200:
        raise CommandFailed(f"{api.base}{_PREFIX}{path} answers {answer.status}: {_message(answer.body)}")
    if not isinstance(answer.body, dict):
        raise CommandFailed(f"{api.base}{_PREFIX}{path} answers no JSON object: is it a gateway?")
    return answer.body


def items_of(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The well-formed items of a collection: objects with an id."""
    items = body.get("items")
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict) and isinstance(item.get("id"), str):
            yield item


def extension(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The `x-medkit` object of a body or an item; empty when it has none."""
    found = body.get("x-medkit")
    return found if isinstance(found, dict) else {}


def _message(body: Any) -> str:
    message = body.get("message") if isinstance(body, dict) else None
    return message if isinstance(message, str) else "no reason given"
