"""`grove run`: read the settings, set up the log, hand over to the gateway."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import structlog
import typer

from gateway.commands.check import BAD_CONFIGURATION, mistake_lines
from gateway.commands.configuration import Assignments, ConfigFiles, GatewayName, GatewayNamespace, load
from gateway.config.reader import LoadedSettings, SettingsRefused
from gateway.log import LogOptions, parse_log_options, set_up_logging


def run(
    config: ConfigFiles = None,
    assignments: Assignments = None,
    name: GatewayName = None,
    namespace: GatewayNamespace = None,
) -> None:
    """Run a gateway. Also takes --ros-args as ROS 2 users write them."""
    log_options = parse_log_options(os.environ, terminal=sys.stderr.isatty())
    loaded = load(config, assignments, name, namespace)
    log_mistakes = [] if isinstance(log_options, LogOptions) else [*map(str, log_options)]
    if isinstance(loaded, SettingsRefused):
        _refuse([*log_mistakes, *mistake_lines(loaded)])
    if not isinstance(log_options, LogOptions):
        _refuse(log_mistakes)
    set_up_logging(log_options, sys.stderr)
    log_without_effect(loaded)
    from gateway import lifecycle  # noqa: PLC0415 -- the server's imports are not for those who only check

    raise typer.Exit(lifecycle.run(loaded, lambda: load(config, assignments, name, namespace), is_alone=True))


def log_without_effect(loaded: LoadedSettings) -> None:
    """One line for all keys that only make sense inside ROS, one for all features not built yet."""
    log = structlog.get_logger()
    if loaded.inside_ros:
        log.info("settings without meaning outside ros ignored", keys=list(loaded.inside_ros))
    if loaded.not_built:
        log.warning("settings of features not built yet ignored", keys=list(loaded.not_built))


def _refuse(lines: Sequence[str]) -> NoReturn:
    typer.echo("\n".join(lines), err=True)
    raise typer.Exit(BAD_CONFIGURATION)
