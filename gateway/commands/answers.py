"""What a running gateway answers, and how commands read it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from gateway.commands.failure import CommandFailed

PREFIX: Final = "/api/v1"
NOT_FOUND: Final = 404
NO_TOKEN: Final = (401, 403)


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
    return body_of(api, path, await api.get(path))


def body_of(api: Api, path: str, answer: Answer) -> Mapping[str, Any]:
    """The object that was answered at `path`; fails as `get_ok` does."""
    if answer.status != 200:
        raise refused(api, path, answer)
    if not isinstance(answer.body, dict):
        raise CommandFailed(f"{api.base}{PREFIX}{path} answers no JSON object: is it a gateway?")
    return answer.body


def refused(api: Api, path: str, answer: Answer) -> CommandFailed:
    """What to raise for an answer that is none: the gateway's own message, and which option shows a token."""
    remedy = "; --token-file shows a token, see grove token new" if answer.status in NO_TOKEN else ""
    return CommandFailed(f"{api.base}{PREFIX}{path} answers {answer.status}: {message_of(answer.body)}{remedy}")


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
    message = body.get("message", body.get("error_description")) if isinstance(body, dict) else None
    return message if isinstance(message, str) else "no reason given"
