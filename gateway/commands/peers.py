"""`grove peers`: the peers of a running gateway."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from gateway.commands.answers import NOT_FOUND, Api, extension, get_ok, refused
from gateway.commands.asking import ask
from gateway.commands.display import print_json, print_line, print_table
from gateway.commands.options import DEFAULT_URL, Output, OutputOption, TokenFile, Url

_TIMES: Final = frozenset({"since", "last_ok"})
_DETAILS: Final = (
    *("state", "since", "last_ok", "rtt_ms", "entities", "version", "source", "instance_id", "reason", "why"),
)
_LATEST: Final = 253_402_000_000
"""Unix seconds of the last time that can be shown (year 9999); what answers may send any number."""


def peers(url: Url = DEFAULT_URL, output: OutputOption = Output.TABLE, token_file: TokenFile = None) -> None:
    """List the peers of a gateway, those that it found and does not use, and how they all are."""
    found, troubles = ask(url, fetch_page, token_file)
    if output is Output.JSON:
        print_json(found or [])
        return
    if found is None:
        print_line("aggregation is off there: this gateway has no peers")
    elif not found:
        print_line("no peers")
    else:
        show_peers(found)
    for source, trouble in troubles.items():
        print_line(f"in trouble: {source}: {trouble}")


def show_peers(found: Iterable[Mapping[str, Any]]) -> None:
    """Prints one row per peer."""
    columns = ("NAME", "URL", "STATUS", *(detail.replace("_", " ").upper() for detail in _DETAILS))
    print_table(columns, (_row(peer) for peer in found))


async def fetch_peers(api: Api) -> list[Mapping[str, Any]] | None:
    """The peers of `/health`; None when aggregation is off."""
    answer = await get_ok(api, "/health")
    found = answer.get("peers")
    return [peer for peer in found if isinstance(peer, dict)] if isinstance(found, list) else None


async def fetch_page(api: Api) -> tuple[list[Mapping[str, Any]] | None, Mapping[str, str]]:
    """Every endpoint that a gateway knows, and its sources that are in trouble; of others the peers of `/health`.

    Raises CommandFailed where a token is needed: `/health` names nobody there.
    """
    answer = await api.get("/x-medkit-peers")
    if answer.status not in (200, NOT_FOUND):
        raise refused(api, "/x-medkit-peers", answer)
    body = answer.body if answer.status == 200 and isinstance(answer.body, dict) else {}
    items = body.get("items")
    found: list[Mapping[str, Any]] = [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []
    sources = extension(body).get("sources")
    told = [source for source in sources if isinstance(source, dict)] if isinstance(sources, list) else []
    troubles = {str(source.get("name")): str(source["trouble"]) for source in told if source.get("trouble")}
    return found or await fetch_peers(api), troubles


def _row(peer: Mapping[str, Any]) -> list[Any]:
    details = extension(peer)
    return [
        *(peer.get(key) for key in ("name", "url", "status")),
        *(_readable(detail, details.get(detail)) for detail in _DETAILS[:6]),
        details.get("source", details.get("found_by")),
        *(details.get(detail) for detail in _DETAILS[7:]),
    ]


def _readable(detail: str, value: Any) -> Any:
    """Times as this machine's clock shows them; everything else as it is."""
    if detail in _TIMES and isinstance(value, int | float) and 0 <= value < _LATEST:
        return datetime.fromtimestamp(value).astimezone().isoformat(" ", "seconds")[:19]
    return value
