"""Manifests from text, a clock that is set by hand, and the own entities made of both."""

import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from entities.model import EntityKind
from gateway.local.answers import EntityRef
from gateway.local.manifest.load import LoadedManifest, load_manifest
from gateway.local.manifest.problem import ManifestProblem
from gateway.local.manifest_source import ManifestSource
from gateway.local.own import OwnEntities

START_NS = 1_786_538_500_000_000_000
"""2026-08-12T12:41:40Z."""

Load = Callable[[str], LoadedManifest | list[ManifestProblem]]
MakeOwn = Callable[[str], OwnEntities]


class HandClock:
    """Stands still until `advance` is called; ns since 1970."""

    def __init__(self) -> None:
        self.now_ns = START_NS

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1_000_000_000)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads the text below `manifest_version`, strictly; its first line is line 2."""

    def load(text: str) -> LoadedManifest | list[ManifestProblem]:
        path = tmp_path / "manifest.yaml"
        path.write_text('manifest_version: "1.0"\n' + textwrap.dedent(text).lstrip("\n"))
        with ThreadPoolExecutor(1) as pool:  # a manifest is never read on the event loop, where many tests run
            return pool.submit(load_manifest, path, strict=True).result()

    return load


@pytest.fixture
def make_own(load: Load, clock: HandClock) -> MakeOwn:
    """Own entities of a manifest without mistakes, without a host."""

    def make_own(text: str) -> OwnEntities:
        return OwnEntities([ManifestSource(accepted(load(text)), clock)], clock=clock)

    return make_own


def accepted(result: LoadedManifest | list[ManifestProblem]) -> LoadedManifest:
    """The manifest; fails with its problems if it has any."""
    assert isinstance(result, LoadedManifest), [str(problem) for problem in result]
    return result


def refused(result: LoadedManifest | list[ManifestProblem]) -> list[ManifestProblem]:
    """The problems; fails if there are none."""
    assert isinstance(result, list)
    assert result
    return result


def app(app_id: str) -> EntityRef:
    return EntityRef(EntityKind.APP, app_id)


def component(component_id: str) -> EntityRef:
    return EntityRef(EntityKind.COMPONENT, component_id)
