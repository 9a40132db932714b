"""What became of a change that goes to several members: a result each, as upstream's clients read them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from entities.jsontext import InvalidJsonError, parse_json

MULTI_STATUS: Final = 207

WHY_LIMIT: Final = 1024
"""Characters of what another gateway says of an error that are told on."""

Result = dict[str, Any]
"""`{app_id, node, success, status?, error?, details?}`."""


@dataclass(frozen=True, slots=True)
class Told:
    """What another gateway answered to a change.

    `results`: of a 207 that says what became of each member. `why`: what an error says, if it says anything.
    """

    status: int
    results: tuple[Result, ...] = ()
    why: str = ""


def read_results(body: bytes, names: Mapping[str, str]) -> tuple[Result, ...]:
    """The results in the body of a 207, with its Apps as they are called here; empty if it has none."""
    try:
        told = parse_json(body, max_bytes=len(body))
    except InvalidJsonError:
        return ()
    listed = told.get("results") if isinstance(told, dict) else None
    if not isinstance(listed, list):
        return ()
    return tuple(
        {**one, "node": one.get("node", ""), "app_id": names.get(one["app_id"], one["app_id"])}
        for one in listed
        if isinstance(one, dict) and isinstance(one.get("app_id"), str) and isinstance(one.get("success"), bool)
    )


def read_why(body: bytes) -> str:
    """The message of an error; empty if it has none."""
    try:
        told = parse_json(body, max_bytes=len(body))
    except InvalidJsonError:
        return ""
    message = told.get("message") if isinstance(told, dict) else None
    return message[:WHY_LIMIT] if isinstance(message, str) else ""


def results_body(entity_id: str, results: Sequence[Result], *, counted: bool) -> dict[str, Any]:
    """The body of a 207. `counted`: with how many succeeded and failed, which older clients look for after a reset."""
    body: dict[str, Any] = {"entity_id": entity_id, "results": list(results)}
    if counted:
        done = sum(result["success"] for result in results)
        body |= {"reset_count": done, "failed_count": len(results) - done}
    return body
