"""`grove health`: whether a running gateway is well. Also the image's health check."""

import contextlib
from collections.abc import Mapping
from typing import Any

import typer

from gateway.commands.answers import NO_TOKEN, PREFIX, Answer, Api, extension
from gateway.commands.asking import ask
from gateway.commands.display import print_json, print_line, print_pairs
from gateway.commands.failure import CommandFailed
from gateway.commands.options import DEFAULT_URL, Output, OutputOption, TokenFile, Url


def health(url: Url = DEFAULT_URL, output: OutputOption = Output.TABLE, token_file: TokenFile = None) -> None:
    """Tell how a gateway is; exit code 1 unless it answers 200."""

    async def question(api: Api) -> tuple[Answer, bool]:
        answer = await fetch_health(api)
        return answer, output is Output.TABLE and await hides_peers(api, answer)

    answer, hidden = ask(url, question, token_file)
    if output is Output.JSON:
        print_json(answer.body)
    else:
        print_pairs(summary(answer.body) | ({"peers": "shown only with --token-file"} if hidden else {}))
        for line in warning_lines(answer.body):
            print_line(line)
    if answer.status != 200:
        raise typer.Exit(1)


async def fetch_health(api: Api) -> Answer:
    """`/health` with whatever status; a body that is no object fails."""
    answer = await api.get("/health")
    if not isinstance(answer.body, dict) or "status" not in answer.body:
        raise CommandFailed(f"{api.base}{PREFIX}/health does not tell its status: is it a gateway?")
    return answer


async def hides_peers(api: Api, answer: Answer) -> bool:
    """Whether `/health` lacks the peers because no good token was shown, not because there are none."""
    if answer.status != 200 or "peers" in answer.body:
        return False
    with contextlib.suppress(CommandFailed):  # a gateway that is well stays so
        return (await api.get("/x-medkit-peers")).status in NO_TOKEN
    return False


def summary(body: Mapping[str, Any]) -> dict[str, Any]:
    """What matters of `/health`, label by label."""
    about = extension(body)
    pairs: dict[str, Any] = {"status": body["status"]}
    pairs |= {label: about[key] for label, key in (("name", "name"), ("instance", "instance_id")) if key in about}
    if isinstance(entities := body.get("x-medkit-entity-cache"), dict):
        pairs["entities"] = [
            f"{entities[kind]} {kind}" for kind in ("areas", "components", "apps", "functions") if kind in entities
        ]
    if isinstance(peers := body.get("peers"), list):
        online = sum(isinstance(peer, dict) and peer.get("status") == "online" for peer in peers)
        pairs["peers"] = f"{online} of {len(peers)} online"
    if isinstance(silent := about.get("failed_peers"), list):
        pairs["silent"] = [label for label in silent if isinstance(label, str)]
    return pairs


def warning_lines(body: Mapping[str, Any]) -> list[str]:
    """Every warning as `warning CODE: message`."""
    warnings = body.get("warnings")
    return [
        f"warning {warning.get('code')}: {warning.get('message')}"
        for warning in (warnings if isinstance(warnings, list) else [])
        if isinstance(warning, dict)
    ]
