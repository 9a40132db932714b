"""`discovery.*` and `local.*` say the same in two vocabularies; here they are made one."""

import dataclasses
from collections.abc import Collection, Iterator
from typing import Final, Literal

from gateway.config.findings import Finding
from gateway.settings import Settings

_RUNTIME: Final = "runtime_only"
_MODES: Final = "runtime_only (this machine), manifest_only or hybrid (both)"


def contradictions(settings: Settings, given: Collection[str]) -> Iterator[Finding]:
    """Where the two vocabularies disagree, or one of them with itself. `given`: keys that were written."""
    mode, path = settings.discovery.mode, settings.discovery.manifest_path
    local = settings.local
    if path and mode == _RUNTIME:
        yield Finding(
            ("discovery.manifest_path", "discovery.mode"),
            f"'{path}' while discovery.mode is {mode}, which reads no manifest",
            "a manifest with manifest_only or hybrid",
            "set discovery.mode, or local.manifest alone",
        )
    if mode != _RUNTIME and not path and not local.manifest:
        yield Finding(
            ("discovery.manifest_path", "discovery.mode"),
            f"nothing while discovery.mode is {mode}",
            "the path of a manifest",
        )
    if {"local.host", "discovery.mode"} <= set(given) and local.host != (mode != "manifest_only"):
        yield _contradiction("local.host", str(local.host).lower(), "discovery.mode", mode)
    if local.manifest and "discovery.mode" in given and mode == _RUNTIME:
        yield _contradiction("local.manifest", f"'{local.manifest}'", "discovery.mode", mode)
    if local.manifest and path and local.manifest != path:
        yield _contradiction("local.manifest", f"'{local.manifest}'", "discovery.manifest_path", f"'{path}'")


def agreed(settings: Settings, given: Collection[str]) -> Settings:
    """`settings` with both groups saying what is in force; they do not contradict each other."""
    mode = settings.discovery.mode
    host = settings.local.host if "local.host" in given else mode != "manifest_only"
    manifest = settings.local.manifest or settings.discovery.manifest_path
    return dataclasses.replace(
        settings,
        local=dataclasses.replace(settings.local, host=host, manifest=manifest),
        discovery=dataclasses.replace(
            settings.discovery, mode=_mode(host=host, manifest=manifest is not None), manifest_path=manifest
        ),
    )


def _mode(*, host: bool, manifest: bool) -> Literal["runtime_only", "manifest_only", "hybrid"]:
    if not host:
        return "manifest_only"
    return "hybrid" if manifest else "runtime_only"


def _contradiction(key: str, value: str, other: str, other_value: str) -> Finding:
    return Finding(
        (key, other),
        f"{value} while {other} is {other_value}",
        "what agrees with it",
        f"use one of the two: local.* alone, or discovery.mode {_MODES}",
    )
