"""`grove health`: whether a running gateway is well. Also the image's health check."""

import contextlib
from collections.abc import Mapping
from typing import Any

import typer

from gateway.commands.answers import NO_TOKEN, PREFIX, Answer, Api, extension, get_ok
from gateway.commands.asking import ask
from gateway.commands.display import print_json, print_line, print_pairs
from gateway.commands.failure import CommandFailed
from gateway.commands.options import DEFAULT_URL, Output, OutputOption, TokenFile, Url


def health(url: Url = DEFAULT_URL, output: OutputOption = Output.TABLE, token_file: TokenFile = None) -> None:
    """Tell how a gateway is, and whom it misses (`silent`); exit code 1 unless it answers 200, whoever is missing."""

    async def question(api: Api) -> tuple[Answer, bool, Mapping[str, str]]:
        answer = await fetch_health(api)
        if output is not Output.TABLE:
            return answer, False, {}
        return answer, await hides_peers(api, answer), await fetch_reasons(api, answer)

    answer, hidden, reasons = ask(url, question, token_file)
    if output is Output.JSON:
        print_json(answer.body)
    else:
        print_pairs(summary(answer.body, reasons) | ({"peers": "shown only with --token-file"} if hidden else {}))
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


async def fetch_reasons(api: Api, answer: Answer) -> Mapping[str, str]:
    """Why gateways behind the peers are silent, as far as lists say so; nothing where none is."""
    if "failed_peers" not in extension(answer.body):
        return {}
    with contextlib.suppress(CommandFailed):
        errors = extension(await get_ok(api, "/areas")).get("peer_errors")
        told = [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
        return {str(one.get("peer")): str(one["reason"]) for one in told if one.get("reason")}
    return {}


def _silent(label: str, body: Mapping[str, Any], reasons: Mapping[str, str]) -> str:
    """Who is silent, why, and how many entities are missing, as far as is known."""
    peers = body.get("peers")
    listed = [one for one in peers if isinstance(one, dict)] if isinstance(peers, list) else []
    about: Mapping[str, Any] = next((extension(one) for one in listed if one.get("name") == label), {})
    entities = about.get("entities")
    known = [about.get("reason") or reasons.get(label), None if entities is None else f"{entities} entities missing"]
    more = ", ".join(str(one) for one in known if one)
    return f"{label} ({more})" if more else label


def summary(body: Mapping[str, Any], reasons: Mapping[str, str]) -> dict[str, Any]:
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
        pairs["silent"] = [_silent(label, body, reasons) for label in silent if isinstance(label, str)]
    return pairs


def warning_lines(body: Mapping[str, Any]) -> list[str]:
    """Every warning as `warning CODE: message`."""
    warnings = body.get("warnings")
    return [
        f"warning {warning.get('code')}: {warning.get('message')}"
        for warning in (warnings if isinstance(warnings, list) else [])
        if isinstance(warning, dict)
    ]
