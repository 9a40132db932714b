"""The command `grove`. Exit codes: 0 ok, 1 failure, 2 usage or bad configuration, 3 address in use,
4 state directory in use.
"""

import platform
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from gateway.arguments import UsageMistake, translate
from gateway.commands.check import check
from gateway.commands.discover import discover
from gateway.commands.failure import CommandFailed
from gateway.commands.health import health
from gateway.commands.peers import peers
from gateway.commands.route import route
from gateway.commands.run import run
from gateway.commands.tree import tree
from gateway.config.problems import printable
from gateway.demo.command import demo
from gateway.version import grove_version

FAILURE = 1
USAGE = 2

app = typer.Typer(
    name="grove",
    help="A federated gateway: one HTTP API over the entity trees of many gateways.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (run, check, demo, discover, peers, tree, health, route):
    app.command()(command)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"grove {grove_version()} (Python {platform.python_version()})")


def _print_version(asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


@app.callback()
def grove(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A federated gateway: one HTTP API over the entity trees of many gateways."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `grove` with `arguments` (default: those of the process); ends with SystemExit."""
    try:
        app(translate(sys.argv[1:] if arguments is None else arguments), prog_name="grove")
    except UsageMistake as mistake:
        typer.echo(f"grove: {printable(str(mistake))}", err=True)
        sys.exit(USAGE)
    except CommandFailed as failure:
        typer.echo(f"grove: {printable(str(failure))}", err=True)
        sys.exit(FAILURE)
