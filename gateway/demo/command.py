"""`grove demo`: three chained gateways on this machine."""

import os
import sys

import typer

from gateway.commands.check import BAD_CONFIGURATION
from gateway.log import LogOptions, parse_log_options, set_up_logging


def demo() -> None:
    """Run three chained gateways on this machine, on ports 8080 to 8082, until Ctrl-C."""
    options = parse_log_options(os.environ, terminal=sys.stderr.isatty())
    if not isinstance(options, LogOptions):
        typer.echo("\n".join(map(str, options)), err=True)
        raise typer.Exit(BAD_CONFIGURATION)
    set_up_logging(options, sys.stderr)
    from gateway.demo.run import run_demo  # noqa: PLC0415 -- the server's imports are not for the other commands

    raise typer.Exit(run_demo())
