"""What a running gateway answers, and how commands read it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from gateway.commands.failure import CommandFailed

PREFIX: Final = "/api/v1"


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


async def get_ok(api: Api, path: str) -> Mapping[str, Any]:
    """The object at `path`; any status but 200 fails with the gateway's own message."""
    answer = await api.get(path)
    if answer.status != 200:
        raise CommandFailed(f"{api.base}{PREFIX}{path} answers {answer.status}: {message_of(answer.body)}")
    if not isinstance(answer.body, dict):
        raise CommandFailed(f"{api.base}{PREFIX}{path} answers no JSON object: is it a gateway?")
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


def message_of(body: Any) -> str:
    """What an error says."""
    message = body.get("message") if isinstance(body, dict) else None
    return message if isinstance(message, str) else "no reason given"
