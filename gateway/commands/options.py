"""The options that several commands share, and the settings they amount to."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.config.reader import LoadedSettings, SettingsRefused, read_settings

DEFAULT_URL = "http://127.0.0.1:8080"


class Output(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    JSON = "json"


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
Url = Annotated[str, typer.Argument(metavar="[URL]", help="Where the gateway answers.")]
OutputOption = Annotated[Output, typer.Option("-o", "--output", help="As a table or as JSON.")]


def load(
    files: list[Path] | None, assignments: list[str] | None, name: str | None, namespace: str | None
) -> LoadedSettings | SettingsRefused:
    """The settings that these options, together with the environment, amount to."""
    return read_settings(files or (), os.environ, assignments or (), name=name, namespace=namespace)
