"""`grove peers`: the peers of a running gateway."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from gateway.commands.answers import Api, extension, get_ok
from gateway.commands.asking import ask
from gateway.commands.display import print_json, print_line, print_table
from gateway.commands.options import DEFAULT_URL, Output, OutputOption, Url

_TIMES: Final = frozenset({"since", "last_ok"})
_DETAILS: Final = ("state", "since", "last_ok", "rtt_ms", "entities", "found_by", "instance_id", "reason")
_LATEST: Final = 253_402_000_000
"""Unix seconds of the last time that can be shown (year 9999); what answers may send any number."""


def peers(url: Url = DEFAULT_URL, output: OutputOption = Output.TABLE) -> None:
    """List the peers of a gateway and how they are."""
    found = ask(url, fetch_peers)
    if output is Output.JSON:
        print_json(found or [])
    elif found is None:
        print_line("aggregation is off there: this gateway has no peers")
    elif not found:
        print_line("no peers")
    else:
        show_peers(found)


def show_peers(found: Iterable[Mapping[str, Any]]) -> None:
    """Prints one row per peer."""
    columns = ("NAME", "URL", "STATUS", *(detail.replace("_", " ").upper() for detail in _DETAILS))
    print_table(columns, (_row(peer) for peer in found))


async def fetch_peers(api: Api) -> list[Mapping[str, Any]] | None:
    """The peers of `/health`; None when aggregation is off."""
    answer = await get_ok(api, "/health")
    found = answer.get("peers")
    return [peer for peer in found if isinstance(peer, dict)] if isinstance(found, list) else None


def _row(peer: Mapping[str, Any]) -> list[Any]:
    details = extension(peer)
    return [
        *(peer.get(key) for key in ("name", "url", "status")),
        *(_readable(detail, details.get(detail)) for detail in _DETAILS),
    ]


def _readable(detail: str, value: Any) -> Any:
    """Times as this machine's clock shows them; everything else as it is."""
    if detail in _TIMES and isinstance(value, int | float) and 0 <= value < _LATEST:
        return datetime.fromtimestamp(value).astimezone().isoformat(" ", "seconds")[:19]
    return value
