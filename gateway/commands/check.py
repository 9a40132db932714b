"""`grove check`: whether `grove run` would start with these settings."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.configuration import Assignments, ConfigFiles, GatewayName, GatewayNamespace, load
from gateway.config.reader import LoadedSettings, SettingsRefused
from gateway.config.summary import differences
from gateway.local.manifest.load import LoadedManifest, load_manifest
from gateway.local.manifest.problem import problem_lines
from gateway.local.manifest_schema.document import manifest_schema_text
from gateway.log import LogOptions, set_up_logging
from gateway.settings import Settings

BAD_CONFIGURATION = 2


def check(
    more: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", help="Further files.")] = None,
    config: ConfigFiles = None,
    assignments: Assignments = None,
    name: GatewayName = None,
    namespace: GatewayNamespace = None,
    *,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of manifests, for editors.")] = False,
) -> None:
    """Tell all mistakes of a configuration and its manifest, or "ok" and what differs from the defaults."""
    if schema:
        typer.echo(manifest_schema_text(), nl=False)
        return
    set_up_logging(LogOptions("console", "info"), sys.stderr)  # what loading a manifest has to say
    loaded = load([*(config or ()), *(more or ())], assignments, name, namespace)
    match loaded:
        case SettingsRefused():
            typer.echo("\n".join(mistake_lines(loaded)))
            raise typer.Exit(BAD_CONFIGURATION)
        case LoadedSettings():
            manifest = _manifest(loaded.settings)
            if isinstance(manifest, list):
                typer.echo("\n".join(manifest))
                raise typer.Exit(BAD_CONFIGURATION)
            misspelt = () if manifest is None else manifest.misspelt_keys
            typer.echo("\n".join([*summary_lines(loaded), *(f"  manifest {key}" for key in misspelt)]))


def _manifest(settings: Settings) -> LoadedManifest | list[str] | None:
    """The manifest, if there is one; what is wrong with it, if it is refused."""
    path = settings.local.manifest
    if path is None:
        return None
    loaded = load_manifest(path, strict=settings.discovery.manifest_strict_validation)
    return problem_lines(path, loaded) if isinstance(loaded, list) else loaded


def mistake_lines(refused: SettingsRefused) -> list[str]:
    """Every mistake on its line, then how many there are."""
    count = len(refused.problems)
    return [*map(str, refused.problems), f"{count} mistake{'' if count == 1 else 's'} in the configuration"]


def summary_lines(loaded: LoadedSettings) -> list[str]:
    """`ok`, what differs from the defaults, what has no effect, what is not there yet, what to beware of."""
    lines = ["ok", *(f"  {difference}" for difference in differences(loaded))]
    if loaded.inside_ros:
        lines.append(f"without meaning outside ROS: {', '.join(loaded.inside_ros)}")
    if loaded.not_built:
        lines.append(f"not built yet: {', '.join(loaded.not_built)}")
    lines.extend(
        f"note: aggregation.peer_files: {path} is not there; its peers come when it is"
        for path in loaded.settings.aggregation.peer_files
        if not path.exists()
    )
    lines.extend(f"warning {warning.code}: {warning.message}" for warning in loaded.warnings)
    return lines
