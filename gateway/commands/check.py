"""`grove check`: whether `grove run` would start with these settings."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.options import Assignments, ConfigFiles, GatewayName, GatewayNamespace, load
from gateway.config.reader import LoadedSettings, SettingsRefused
from gateway.config.summary import differences

BAD_CONFIGURATION = 2


def check(
    more: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", help="Further files.")] = None,
    config: ConfigFiles = None,
    assignments: Assignments = None,
    name: GatewayName = None,
    namespace: GatewayNamespace = None,
) -> None:
    """Tell all mistakes of a configuration at once, or "ok" and what differs from the defaults."""
    loaded = load([*(config or ()), *(more or ())], assignments, name, namespace)
    match loaded:
        case SettingsRefused():
            typer.echo("\n".join(mistake_lines(loaded)))
            raise typer.Exit(BAD_CONFIGURATION)
        case LoadedSettings():
            typer.echo("\n".join(summary_lines(loaded)))


def mistake_lines(refused: SettingsRefused) -> list[str]:
    """Every mistake on its line, then how many there are."""
    count = len(refused.problems)
    return [*map(str, refused.problems), f"{count} mistake{'' if count == 1 else 's'} in the configuration"]


def summary_lines(loaded: LoadedSettings) -> list[str]:
    """`ok`, what differs from the defaults, what has no effect, what to beware of."""
    lines = ["ok", *(f"  {difference}" for difference in differences(loaded))]
    if loaded.inside_ros:
        lines.append(f"without meaning outside ROS: {', '.join(loaded.inside_ros)}")
    if loaded.not_built:
        lines.append(f"not built yet: {', '.join(loaded.not_built)}")
    lines.extend(f"warning {warning.code}: {warning.message}" for warning in loaded.warnings)
    return lines
