"""A press on a line in a hall: App, Component of the same id, parent, Area and Function, with all they can have."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from gateway.local.manifest.load import load_manifest
from gateway.local.manifest_source import ManifestSource
from gateway.local.own import OwnEntities
from gateway.local.storage import Storage
from tests.unit.http.owning import owning
from tests.unit.http.serving import Client
from tests.unit.local.conftest import HandClock, accepted

MANIFEST: Final = """manifest_version: "1.0"
areas:
  - {id: hall}
components:
  - {id: line, area: hall}
  - id: press
    parent_component_id: line
    data: [{id: t, value: 20, unit: "°C"}]
    operations: [{id: stop, command: [echo, stopped]}]
    configurations: [{id: limit, value: 9}]
    faults: [{code: PRESS, severity: WARN}]
    logs: [{file: machine.log}]
apps:
  - id: press
    is_located_on: press
    data:
      - {id: p, name: Pressure, value: 4.0, unit: bar, writable: true, min: 0, max: 10}
      - {id: gone, file: gone}
      - {id: /with/slash, value: {a: [1]}}
    operations:
      - {id: home, command: [echo, home]}
      - {id: slow, name: Take your time, command: [sleep, "1000"], asynchronous: true, confirm: "Really?"}
      - {id: fail, command: ["false"]}
      - {id: move, command: [echo, "{to}"], arguments: [{name: to, type: int, max: 9, required: true}]}
    configurations:
      - {id: limit, value: 4, min: 0, max: 10, unit: bar}
      - {id: mode, value: auto, enum: [auto, manual]}
      - {id: serial, value: P-1, read_only: true}
      - {id: "press:port", value: 1}
      - {id: "local:port", value: 2}
    faults: [{code: HOT, severity: ERROR, snapshot: [p]}, {code: COLD, severity: INFO, status: PREFAILED}]
    logs: [{file: machine.log, name: machine}, {file: missing.log}]
  - {id: idle, is_located_on: press}
functions:
  - {id: pressing, hosted_by: [press]}
"""
ENTITIES: Final = ("apps/press", "apps/idle", "components/press", "components/line", "areas/hall", "functions/pressing")

OF_PRESS: Final = ("apps/press", "components/press", "components/line", "areas/hall", "functions/pressing")
"""Whatever the App's items are listed under."""


@asynccontextmanager
async def pressing(folder: Path) -> AsyncIterator[Client]:
    """A client of a gateway that owns all this and stores it in the folder."""
    path = folder / "manifest.yaml"
    path.write_text(MANIFEST)
    (folder / "machine.log").write_text("one\ntwo\n")
    (folder / "state").mkdir(exist_ok=True)
    manifest = accepted(await asyncio.to_thread(load_manifest, path, strict=True))
    clock = HandClock()
    own = OwnEntities([ManifestSource(manifest, clock)], clock=clock, storage=Storage(folder / "state", clock=clock))
    async with owning(own) as client:
        yield client


def id_of(entity: str, configuration: str) -> str:
    """The id under which a configuration of the App is listed: the Component has one of the same id."""
    is_taken = entity.startswith(("components/", "areas/")) and configuration == "limit"
    alone = "press:limit" if entity == "components/press" else "app__press:limit"
    return alone if is_taken else configuration
