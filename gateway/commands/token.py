"""`grove token new` and `grove token inspect`: tokens for people and programs, made, fetched, and looked into."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gateway.auth.roles import ROLE_WORDS, Role
from gateway.commands.check import BAD_CONFIGURATION, mistake_lines
from gateway.commands.configuration import Assignments, ConfigFiles, load
from gateway.commands.display import print_json, print_line, print_pairs
from gateway.commands.failure import CommandFailed
from gateway.commands.options import Output, OutputOption
from gateway.commands.token_parts import TokenParts, read_parts, times
from gateway.config.reader import SettingsRefused
from gateway.settings import Settings

if TYPE_CHECKING:  # cryptography is loaded only where it is used
    from gateway.auth.keys import VerifyingKeys
    from gateway.auth.loading import AuthMaterial

MAX_SECRET_BYTES: Final = 4096
"""Longest secret or token that is read."""

STDIN: Final = "-"

token = typer.Typer(help="Make, fetch and look into tokens.", no_args_is_help=True)


@token.command()
def new(
    *,
    client: Annotated[str, typer.Option("--client", metavar="ID", help="The client whose token it is to be.")],
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="Sign in at this gateway instead of making a token.")
    ] = None,
    secret_file: Annotated[
        str | None, typer.Option("--secret-file", metavar="FILE", help="With --url: the client's secret; - is stdin.")
    ] = None,
    role: Annotated[
        str | None, typer.Option("--role", metavar="ROLE", help="No more than the client has; by default all of it.")
    ] = None,
    expires: Annotated[
        int | None, typer.Option("--expires", metavar="SECONDS", help="By default auth.token_expiry_seconds.")
    ] = None,
    config: ConfigFiles = None,
    assignments: Assignments = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Print an access token: made with the secret or key of the settings, or fetched by signing in at a gateway."""
    if url is not None:
        _print_fetched(url, client, secret_file, output, offline=role is not None or expires is not None)
        return
    if secret_file is not None:
        raise CommandFailed("--secret-file is for --url; the key of the settings needs no secret of a client")
    made = _minted(_settings(config, assignments), client, role, expires)
    if output is Output.JSON:
        print_json({"access_token": made})
    else:
        print(made)  # noqa: T201 -- the token alone, for a file or a variable


def _print_fetched(url: str, client: str, secret_file: str | None, output: Output, *, offline: bool) -> None:
    if offline:
        raise CommandFailed("--role and --expires are for tokens made here; a gateway decides by itself")
    if secret_file is None:
        raise CommandFailed("--url needs --secret-file with the client's secret (- is standard input)")
    from gateway.commands.asking import fetch_grant  # noqa: PLC0415 -- aiohttp takes 0.1 s that --help need not pay

    grant = fetch_grant(url, client, _read_text(secret_file))
    if output is Output.JSON:
        print_json(grant)
    else:
        print(grant["access_token"])  # noqa: T201 -- as above


def _minted(settings: Settings, client: str, role: str | None, expires: int | None) -> str:
    from gateway.auth.assembly import new_id, token_rules  # noqa: PLC0415 -- cryptography takes as long
    from gateway.auth.tokens import MAX_LIFETIME_S, Mint  # noqa: PLC0415 -- as above

    material = _material(settings)
    if material.signing is None:
        raise CommandFailed(f"tokens for this gateway are given out by {settings.auth.issuer} (auth.jwks_url)")
    known = next((one for one in material.clients if one.id == client), None)
    if known is None:
        names = ", ".join(one.id for one in material.clients)
        raise CommandFailed(f"found the client {client!r}; allowed: one of auth.clients: {names}")
    wanted = known.role if role is None else Role.parse(role)
    if wanted is None or wanted > known.role:
        roles = ", ".join(ROLE_WORDS[: known.role])
        raise CommandFailed(f"found the role {role!r}; allowed for {client}: {roles}")
    life = settings.auth.token_expiry_seconds if expires is None else expires
    if not 0 < life <= MAX_LIFETIME_S:
        raise CommandFailed(f"found {life} seconds; allowed: 1 to {MAX_LIFETIME_S}")
    now = int(time.time())
    mint = Mint(material.signing, token_rules(settings.auth), new_id=new_id)
    return mint.access(client, wanted, issued=now, expires=now + life)


@token.command()
def inspect(
    text: Annotated[str, typer.Argument(metavar="TOKEN", help="The token; - is stdin.")],
    config: ConfigFiles = None,
    assignments: Assignments = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what a token says, without believing it, and whether a gateway of these settings would (exit code 1 if not).

    Whether it was revoked only the running gateway knows.
    """
    parts = read_parts(_read_text(text) if text == STDIN else text.strip())
    settings = _settings(config, assignments)
    verdict = _verdict(parts, settings) if settings.auth.enabled else None
    if output is Output.JSON:
        print_json({"header": parts.header, "claims": parts.claims, "verdict": verdict})
    else:
        _show(parts, verdict)
    if verdict not in (None, GOOD):
        raise typer.Exit(1)


GOOD: Final = "it counts"


def _show(parts: TokenParts, verdict: str | None) -> None:
    pairs: dict[str, Any] = {f"header {name}": value for name, value in parts.header.items()}
    pairs |= {name: value for name, value in parts.claims.items() if name not in ("iat", "nbf", "exp")}
    pairs |= times(parts.claims, time.time())
    print_pairs(pairs)
    if verdict is None:
        print_line("not verified: these settings have no auth.enabled")
    else:
        print_line(f"verified: {verdict}")


def _verdict(parts: TokenParts, settings: Settings) -> str:
    from gateway.auth.assembly import token_rules  # noqa: PLC0415 -- cryptography takes a while to load
    from gateway.auth.tokens import BadToken, TokenKind, verify  # noqa: PLC0415 -- as above

    material = _material(settings)
    keys = material.verifying or _published(settings)
    found = verify(parts.text, keys, token_rules(settings.auth), now=time.time())
    if isinstance(found, BadToken):
        return found.value
    client = next((one for one in material.clients if one.id == found.subject), None)
    if client is None and not settings.auth.jwks_url:
        return f"its client {found.subject} is not among auth.clients"
    if found.kind is TokenKind.REFRESH:
        return "a refresh token, which is good for /auth/token only"
    return GOOD


def _published(settings: Settings) -> "VerifyingKeys":
    import asyncio  # noqa: PLC0415 -- only where keys are fetched

    from gateway.auth.jwks import PublishedKeys  # noqa: PLC0415 -- as above

    keys = PublishedKeys(settings.auth.jwks_url, settings.auth.jwt_algorithm, clock=time.monotonic)
    asyncio.run(keys.fetch_once())
    found = keys.current()
    if found is None:
        raise CommandFailed(f"the keys at auth.jwks_url cannot be fetched: {keys.trouble}")
    return found


def _material(settings: Settings) -> "AuthMaterial":
    from gateway.auth.loading import AuthMaterial, load_material  # noqa: PLC0415 -- as above

    if not settings.auth.enabled:
        raise CommandFailed("these settings have no auth.enabled; name the gateway's with -c FILE, or use --url")
    material = load_material(settings.auth)
    if not isinstance(material, AuthMaterial):
        raise CommandFailed("; ".join(f"{one.keys[0]}: found {one.found}" for one in material))
    return material


def _settings(config: list[Path] | None, assignments: list[str] | None) -> Settings:
    loaded = load(config, assignments, None, None)
    if isinstance(loaded, SettingsRefused):
        typer.echo("\n".join(mistake_lines(loaded)), err=True)
        raise typer.Exit(BAD_CONFIGURATION)
    return loaded.settings


def _read_text(path: str) -> str:
    """What stands in a file, or comes by standard input; without the line's end."""
    try:
        if path == STDIN:
            body = sys.stdin.buffer.read(MAX_SECRET_BYTES * 2 + 1)
        else:
            with Path(path).open("rb") as file:
                body = file.read(MAX_SECRET_BYTES * 2 + 1)
        text = body.decode("utf-8").strip()
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise CommandFailed(f"{path} is not UTF-8") from error
    if not text or len(body) > MAX_SECRET_BYTES * 2:
        raise CommandFailed(f"{path} is empty, or longer than {MAX_SECRET_BYTES * 2} bytes")
    return text
