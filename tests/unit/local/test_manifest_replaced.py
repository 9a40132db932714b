"""A manifest that takes the place of another: what is declared as before is the same object."""

import asyncio
import threading
from dataclasses import fields
from pathlib import Path
from typing import Any

from gateway.local.manifest.load import LoadedManifest, load_manifest
from gateway.local.manifest_source import ManifestSource
from gateway.local.own import OwnEntities
from tests.federation.eventually import eventually

ARM = """
manifest_version: "1.0"
apps:
  - id: arm
    name: Arm
    data:
      - {id: mark, value: "a", writable: true}
      - {id: speed, value: 1}
"""


async def loaded(folder: Path, text: str) -> LoadedManifest:
    (folder / "m.yaml").write_text(text)
    manifest = await asyncio.to_thread(load_manifest, folder / "m.yaml", strict=True)
    assert isinstance(manifest, LoadedManifest), manifest
    return manifest


async def test_what_stays_is_the_same_what_changed_is_new_and_what_went_is_gone(tmp_path: Path) -> None:
    source = ManifestSource(await loaded(tmp_path, ARM), lambda: 1)
    (ref,) = source.offer.resources
    before = source.offer.resources[ref].data
    await source.replace(await loaded(tmp_path, ARM.replace("value: 1", "value: 2") + "  - {id: leg, name: Leg}\n"))
    after = source.offer.resources[ref].data
    assert after["mark"] is before["mark"]
    assert after["speed"] is not before["speed"]
    assert sorted(app.id for app in source.offer.tree.apps) == ["arm", "leg"]
    await source.replace(await loaded(tmp_path, ARM))
    assert [app.id for app in source.offer.tree.apps] == ["arm"]
    assert source.offer.resources[ref].data["speed"] is not before["speed"]  # it was another one meanwhile
    await source.close()


async def test_true_takes_the_place_of_one(tmp_path: Path) -> None:
    """Python calls them equal; whoever is sent them does not."""
    operation = "    operations: [{id: on, http: {url: 'http://localhost/x', body: {on: %s}}}]\n"
    source = ManifestSource(await loaded(tmp_path, ARM + operation % "1"), lambda: 1)
    (before,) = source.offer.resources.values()
    assert await source.replace(await loaded(tmp_path, ARM + operation % "true"))
    (after,) = source.offer.resources.values()
    assert after.operations["on"] is not before.operations["on"]
    assert after.data["mark"] is before.data["mark"]
    await source.close()


async def test_another_manifest_is_put_together_beside_the_loop(tmp_path: Path) -> None:
    """Of thousands of entities that takes long."""
    makers: set[int] = set()

    class Noting(ManifestSource):
        def _offer_of(self, *given: Any) -> Any:
            makers.add(threading.get_ident())
            return super()._offer_of(*given)

    source = Noting(await loaded(tmp_path, ARM), lambda: 1)
    makers.clear()
    assert await source.replace(await loaded(tmp_path, ARM + "  - {id: leg, name: Leg}\n"))
    assert makers.isdisjoint({threading.get_ident()})
    assert len(makers) == 1
    await source.close()


async def test_whoever_serves_them_is_told(tmp_path: Path) -> None:
    source = ManifestSource(await loaded(tmp_path, ARM), lambda: 1)
    own = OwnEntities([source], clock=lambda: 1)
    told: list[int] = []
    own.subscribe(lambda: told.append(len(own.tree.apps)))
    await own.start()
    running = asyncio.create_task(own.run())
    await source.replace(await loaded(tmp_path, ARM + "  - {id: leg, name: Leg}\n"))
    await eventually(lambda: told == [2])
    running.cancel()
    await asyncio.wait([running])
    await own.close()


async def test_everything_that_is_declared_is_offered_with_the_first_manifest_and_with_another(tmp_path: Path) -> None:
    entity = """
    operations: [{id: stop, command: [stop]}]
    configurations: [{id: limit, value: 1}]
    faults: [{code: LOST, severity: WARN}]
    logs: [{file: arm.log}]
    rules: [{code: FAST, item: speed, above: 3}]
"""
    manifest = await loaded(tmp_path, ARM + entity)
    (declared,) = manifest.resources.values()
    source = ManifestSource(manifest, lambda: 1)
    for _ in range(2):
        (offered,) = source.offer.resources.values()
        for kind in fields(declared):
            assert len(getattr(offered, kind.name)) == len(getattr(declared, kind.name)) > 0, kind.name
        await source.replace(manifest)
    await source.close()
