"""`grove route`: which gateway answers for an entity, over which hops."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gateway.commands.answers import NOT_FOUND, Api, body_of, extension, items_of
from gateway.commands.asking import ask
from gateway.commands.display import print_json, print_table
from gateway.commands.failure import CommandFailed
from gateway.commands.options import DEFAULT_URL, Output, OutputOption, TokenFile, Url

_COLUMNS = ("ID", "TYPE", "OWNER", "REACHABLE", "PATH", "SOURCE", "CONTRIBUTORS", "INSTANCE", "HREF")


def route(
    entity_id: Annotated[str, typer.Argument(metavar="ID", help="Id of an area, component, app or function.")],
    url: Url = DEFAULT_URL,
    output: OutputOption = Output.TABLE,
    token_file: TokenFile = None,
) -> None:
    """Tell which gateway answers for an entity, over which hops; one row per kind."""

    async def question(api: Api) -> list[Mapping[str, Any]]:
        return await fetch_routes(api, entity_id)

    found = ask(url, question, token_file)
    if output is Output.JSON:
        print_json(found)
    else:
        print_table(_COLUMNS, (_row(item) for item in found))


async def fetch_routes(api: Api, entity_id: str) -> list[Mapping[str, Any]]:
    """The routes of `entity_id`, one for each kind that has it; none is a failure."""
    path = f"/x-medkit-route/{quote(entity_id, safe='')}"
    answer = await api.get(path)
    code = answer.body.get("error_code") if isinstance(answer.body, dict) else None
    is_unknown = answer.status == NOT_FOUND and code == "entity-not-found"
    found = [] if is_unknown else list(items_of(body_of(api, path, answer)))
    if not found:
        raise CommandFailed(f"{api.base} knows no entity with the id {entity_id!r}; grove tree lists all")
    return found


def _row(item: Mapping[str, Any]) -> list[Any]:
    return [
        *(item.get(key) for key in ("id", "type", "owner", "reachable")),
        path_text(item.get("path")),
        item.get("source", extension(item).get("source")),
        *(item.get(key) for key in ("contributors", "instance", "href")),
    ]


def path_text(path: Any) -> str | None:
    """The hops of a path by name (or instance), from us to the owner; None without any."""
    hops = [hop for hop in path if isinstance(hop, dict)] if isinstance(path, list) else []
    return " > ".join(str(hop.get("name") or hop.get("instance")) for hop in hops) or None
