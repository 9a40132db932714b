"""The options that say how a gateway is configured, and the settings they amount to."""

import os
from pathlib import Path
from typing import Annotated

import typer

from gateway.config.reader import LoadedSettings, SettingsRefused, read_settings

ConfigFiles = Annotated[
    list[Path] | None,
    typer.Option("-c", "--config", "--params-file", metavar="FILE", help="YAML settings; repeatable, later wins."),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("-p", "--set", metavar="KEY:=VALUE", help="One setting, also as KEY=VALUE; repeatable."),
]
GatewayName = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Name of this gateway.")]
GatewayNamespace = Annotated[str | None, typer.Option("--namespace", metavar="NS", help="Namespace, such as /cell_1.")]


def load(
    files: list[Path] | None, assignments: list[str] | None, name: str | None, namespace: str | None
) -> LoadedSettings | SettingsRefused:
    """The settings that these options, together with the environment, amount to."""
    return read_settings(files or (), os.environ, assignments or (), name=name, namespace=namespace)
