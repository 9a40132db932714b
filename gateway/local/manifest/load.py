"""Loads a manifest: reads, checks, and gives either what it declares or everything that is wrong with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from entities.model import GatewayTree
from gateway.local.answers import EntityRef
from gateway.local.bindings import Resources
from gateway.local.manifest.declarations import Declarations
from gateway.local.manifest.document import read_document
from gateway.local.manifest.fields import Fields
from gateway.local.manifest.problem import ManifestProblem, Report, Rule
from gateway.local.manifest.reader import EntityReader
from gateway.local.manifest.rules import check_rules

MANIFEST_VERSION: Final = "1.0"
UNMANIFESTED_POLICIES: Final = ("ignore", "warn", "error", "include_as_orphan")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Metadata:
    """Who wrote the manifest, for people."""

    name: str | None = None
    description: str | None = None
    version: str | None = None
    created_at: str | None = None


@dataclass(frozen=True, slots=True)
class ManifestConfig:
    """The `config` section. It steers the linking to ROS nodes, and is without effect where there are none."""

    unmanifested_nodes: str = "warn"
    inherit_runtime_resources: bool = True
    allow_manifest_override: bool = True


@dataclass(frozen=True, slots=True)
class LoadedManifest:
    """A manifest that may be served. `warnings` is empty in strict mode."""

    path: Path
    tree: GatewayTree
    resources: Mapping[EntityRef, Resources]
    metadata: Metadata
    config: ManifestConfig
    warnings: Sequence[ManifestProblem] = ()
    ignored_keys: Sequence[str] = ()
    misspelt_keys: Sequence[str] = ()


def load_manifest(path: Path | str, *, strict: bool) -> LoadedManifest | list[ManifestProblem]:
    """What the file declares, or all of its problems in the order of the file.

    Errors refuse the manifest, in strict mode warnings (R008, R009, R013) do too. Ignored keys and the warnings
    that remain are logged once. Blocks on the file: call it before the event loop runs, or in a thread.
    """
    path = Path(path)
    report = Report()
    root = read_document(path, report)
    if root is None:
        return list(report.problems)
    manifest = _read(path, Fields(root, "", report), report, strict=strict)
    if manifest is None:
        return report.to_mend
    if manifest.ignored_keys:
        _log.info("manifest keys ignored", path=str(path), keys=list(manifest.ignored_keys))
    for warning in manifest.warnings:
        _log.warning("manifest warning", path=str(path), line=warning.line, problem=str(warning))
    return manifest


def _read(path: Path, root: Fields, report: Report, *, strict: bool) -> LoadedManifest | None:
    _check_version(root)
    metadata = _read_metadata(root)
    config = _read_config(root)
    found = EntityReader(path.parent).read(root)
    check_rules(found, report)
    root.ignore_unread()
    if found.scripts:
        report.ignore(root.place_of("scripts"))
    if report.refuses(strict=strict):
        return None
    return LoadedManifest(
        path=path,
        tree=_tree(found),
        resources=found.resources,
        metadata=metadata,
        config=config,
        warnings=report.problems,
        ignored_keys=report.ignored_keys,
        misspelt_keys=report.misspelt_keys,
    )


def _check_version(root: Fields) -> None:
    example = f"'manifest_version: \"{MANIFEST_VERSION}\"'"
    version = root.text("manifest_version")
    if version is None:
        root.problem(Rule.R001, "manifest_version", f"manifest_version is missing; begin the file with {example}")
    elif version != MANIFEST_VERSION:
        message = f"found {version!r}, allowed is {MANIFEST_VERSION!r}; write {example}"
        root.problem(Rule.R001, "manifest_version", message)


def _read_metadata(root: Fields) -> Metadata:
    fields = root.mapping("metadata")
    if fields is None:
        return Metadata()
    metadata = Metadata(
        name=fields.text("name"),
        description=fields.text("description", multiline=True),
        version=fields.text("version"),
        created_at=fields.text("created_at"),
    )
    fields.ignore_unread()
    return metadata


def _read_config(root: Fields) -> ManifestConfig:
    """`config`, or `discovery`, its name in older files."""
    older = root.mapping("discovery")
    fields = root.mapping("config") or older
    if fields is None:
        return ManifestConfig()
    default = ManifestConfig()
    inherit = fields.flag("inherit_runtime_resources")
    override = fields.flag("allow_manifest_override")
    config = ManifestConfig(
        unmanifested_nodes=fields.choice("unmanifested_nodes", UNMANIFESTED_POLICIES) or default.unmanifested_nodes,
        inherit_runtime_resources=default.inherit_runtime_resources if inherit is None else inherit,
        allow_manifest_override=default.allow_manifest_override if override is None else override,
    )
    fields.ignore_unread()
    return config


def _tree(found: Declarations) -> GatewayTree:
    return GatewayTree(
        areas=tuple(found.areas),
        components=tuple(found.components),
        apps=tuple(found.apps),
        functions=tuple(found.functions),
    )
