"""The command `grove`. Exit codes: 0 ok, 1 failure, 2 usage or bad configuration, 3 address in use,
4 state directory in use.
"""

import platform
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Annotated, Final

import typer

from gateway.arguments import UsageMistake, translate
from gateway.commands.failure import CommandFailed
from gateway.config.problems import printable
from gateway.version import grove_version

FAILURE = 1
USAGE = 2

COMMANDS: Final = {
    "run": "gateway.commands.run",
    "check": "gateway.commands.check",
    "demo": "gateway.demo.command",
    "discover": "gateway.commands.discover",
    "peers": "gateway.commands.peers",
    "tree": "gateway.commands.tree",
    "health": "gateway.commands.health",
    "route": "gateway.commands.route",
    "token": "gateway.commands.token",
}
"""In which module the function of this name is, or the group of commands, in the order of the help."""


def command_line(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """`grove` with these of its commands; loading one of them takes longer than it may have to do."""
    app = typer.Typer(
        name="grove",
        help="A federated gateway: one HTTP API over the entity trees of many gateways.",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(grove)
    for name in names:
        found = getattr(import_module(COMMANDS[name]), name)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command()(found)
    app.command()(version)
    return app


def version() -> None:
    """Print the version."""
    typer.echo(f"grove {grove_version()} (Python {platform.python_version()})")


def _wanted(first: str) -> Iterable[str]:
    """The commands that a command line beginning with this word needs; one that names none may be told of all."""
    if first in COMMANDS:
        return (first,)
    return () if first in {"version", "--version"} else COMMANDS


def _print_version(asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


def grove(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A federated gateway: one HTTP API over the entity trees of many gateways."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `grove` with `arguments` (default: those of the process); ends with SystemExit."""
    try:
        words = translate(sys.argv[1:] if arguments is None else arguments)
        command_line(_wanted(words[0]))(words, prog_name="grove")
    except UsageMistake as mistake:
        typer.echo(f"grove: {printable(str(mistake))}", err=True)
        sys.exit(USAGE)
    except CommandFailed as failure:
        typer.echo(f"grove: {printable(str(failure))}", err=True)
        sys.exit(FAILURE)
