"""Files that are read again: one reading at a time, and no change between two readings is lost."""

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from gateway.composition import compose
from gateway.config.reader import LoadedSettings, SettingsRefused, read_settings
from gateway.current import CurrentSettings
from gateway.file_watch import FileWatch
from gateway.reloading import Reloading, Reread, Sources
from gateway.settings import Settings
from gateway.state_dir import StateDir, take_identity
from tests.federation.eventually import eventually

FILES = 100


@pytest.fixture
def state() -> Iterator[StateDir]:
    made = StateDir.temporary("a test")
    yield made
    made.close()


def reloading(
    state: StateDir, current: CurrentSettings, watch: FileWatch, files: list[Path], reread: Reread
) -> Reloading:
    """Of a gateway that is not started."""
    gateway = compose(current, take_identity(state, "a"), state, manifest=None, standing=(), files=FILES)
    return Reloading(gateway, current, Sources(files, None, reread, watch), files=FILES)


async def test_asked_for_while_it_is_under_way_a_reading_waits(state: StateDir) -> None:
    begun: list[int] = []
    let = threading.Event()

    def reread() -> SettingsRefused:
        begun.append(1)
        assert let.wait(60)
        return SettingsRefused(())

    current = CurrentSettings(Settings(), ())
    watch = await asyncio.to_thread(FileWatch, ())
    kept = await asyncio.to_thread(reloading, state, current, watch, [], reread)
    tasks = [asyncio.create_task(kept.read_again(everything=True)) for _ in range(2)]
    await eventually(lambda: bool(begun))
    await asyncio.sleep(0.1)
    assert len(begun) == 1
    let.set()
    await asyncio.gather(*tasks)
    assert len(begun) == 2


async def test_a_file_that_changed_after_it_was_read_and_before_it_was_watched_is_read_again(
    tmp_path: Path, state: StateDir
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("cors.allowed_origins: ['http://one']")
    loaded = await asyncio.to_thread(read_settings, [file])
    assert isinstance(loaded, LoadedSettings)
    file.write_text("cors.allowed_origins: ['http://another']")
    watch = await asyncio.to_thread(FileWatch, loaded.files, loaded.stamps)
    current = CurrentSettings(loaded.settings, ())
    kept = await asyncio.to_thread(reloading, state, current, watch, [file], partial(read_settings, [file]))
    await kept.read_again(everything=False)
    assert current.settings.cors.allowed_origins == ("http://another",)
