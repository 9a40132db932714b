"""Files that are read again: one reading at a time, no change between two is lost, and mistakes change nothing."""

import asyncio
import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.auth.assembly import AuthParts, make_authority
from gateway.auth.caller import Denied, Grant
from gateway.auth.loading import AuthMaterial, files_of, load_material
from gateway.composition import compose
from gateway.config.reader import LoadedSettings, SettingsRefused, read_settings
from gateway.current import CurrentSettings
from gateway.file_reading import READ_S
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
    state: StateDir,
    current: CurrentSettings,
    watch: FileWatch,
    files: list[Path],
    reread: Reread,
    *,
    patience_s: float = READ_S,
) -> Reloading:
    """Of a gateway that is not started."""
    gateway = compose(current, take_identity(state, "a"), state, manifest=None, standing=(), files=FILES)
    sources = Sources(files, None, (), reread, watch)
    return Reloading(gateway, current, sources, files=FILES, patience_s=patience_s)


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


async def test_a_reading_that_hangs_is_told_and_counts_once_it_ends(state: StateDir) -> None:
    begun: list[int] = []
    let = threading.Event()

    def reread() -> LoadedSettings | SettingsRefused:
        begun.append(1)
        assert let.wait(60)
        return read_settings(assignments=["cors.allowed_origins:=['http://one']"])

    current = CurrentSettings(Settings(), ())
    watch = await asyncio.to_thread(FileWatch, ())
    kept = await asyncio.to_thread(reloading, state, current, watch, [], reread, patience_s=0.01)
    for _ in range(3):
        await kept.read_again(everything=True)
        (warned,) = current.warnings()
        assert (warned.code, "do not answer within 0.01 s" in warned.message) == ("reload_refused", True)
    assert len(begun) == 1  # one that hangs is enough
    let.set()

    async def is_read() -> bool:
        await kept.read_again(everything=False)
        return not [*current.warnings()]

    await eventually(is_read)
    assert current.settings.cors.allowed_origins == ("http://one",)


async def test_what_fails_in_a_way_that_nobody_thought_of_leaves_all_as_it_was(state: StateDir) -> None:
    wrong = [LookupError("a curve"), LookupError("a curve")]

    def reread() -> LoadedSettings | SettingsRefused:
        if wrong:
            raise wrong.pop()
        return read_settings(assignments=["cors.allowed_origins:=['http://one']"])

    current = CurrentSettings(Settings(), ())
    watch = await asyncio.to_thread(FileWatch, ())
    kept = await asyncio.to_thread(reloading, state, current, watch, [], reread)
    await kept.read_again(everything=True)
    (warned,) = current.warnings()
    assert (warned.code, "an unexpected LookupError" in warned.message) == ("reload_refused", True)
    await kept.read_again(everything=False)
    assert [*current.warnings()] == [warned]
    await kept.read_again(everything=False)
    assert [*current.warnings()] == []
    assert current.settings.cors.allowed_origins == ("http://one",)


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


class Guarded:
    """A gateway whose clients and key stand in files."""

    def __init__(self, folder: Path, state: StateDir) -> None:
        self.file, self.clients, self.key = folder / "a.yaml", folder / "clients", folder / "key"
        self.clients.write_text("ci:of ci:operator\n")
        self.key.write_text("a secret of at least 32 bytes here")
        self.settings = f"auth: {{enabled: true, jwt_secret_file: {self.key}, clients_file: {self.clients}"
        self.file.write_text(self.settings + "}")
        loaded = read_settings([self.file])
        assert isinstance(loaded, LoadedSettings)
        self.current = CurrentSettings(loaded.settings, ())
        auth = loaded.settings.auth
        watch = FileWatch([self.file, *files_of(auth)])
        material = load_material(auth)
        assert isinstance(material, AuthMaterial)
        self.parts: AuthParts = make_authority(auth, material, state)
        identity = take_identity(state, "a")
        gateway = compose(self.current, identity, state, manifest=None, standing=(), files=FILES, auth=self.parts)
        sources = Sources([self.file], None, files_of(auth), partial(read_settings, [self.file]), watch)
        self.reloading = Reloading(gateway, self.current, sources, files=FILES)

    async def lets_in(self, client: str) -> bool:
        outcome = await self.parts.authority.authorize(client, f"of {client}", "127.0.0.1")
        assert isinstance(outcome, Grant | Denied)
        return isinstance(outcome, Grant)


async def test_clients_of_a_file_count_as_soon_as_it_changes_and_a_mistake_changes_nothing(
    tmp_path: Path, state: StateDir
) -> None:
    guarded = await asyncio.to_thread(Guarded, tmp_path, state)
    guarded.clients.write_text("boss:of boss:admin\n")
    await guarded.reloading.read_again(everything=False)
    assert (await guarded.lets_in("ci"), await guarded.lets_in("boss")) == (False, True)
    guarded.clients.write_text("ci:of ci:operator\nnonsense\n")
    await guarded.reloading.read_again(everything=False)
    (warned,) = guarded.current.warnings()
    assert (warned.code, "in line 2 a client of another form" in warned.message) == ("reload_refused", True)
    assert (await guarded.lets_in("ci"), await guarded.lets_in("boss")) == (False, True)
    await guarded.reloading.read_again(everything=True)
    assert {warned.code for warned in guarded.current.warnings()} == {"reload_refused"}
    guarded.clients.write_text("ci:of ci:operator\n")
    await guarded.reloading.read_again(everything=False)
    assert [*guarded.current.warnings()] == []
    assert (await guarded.lets_in("ci"), await guarded.lets_in("boss")) == (True, False)


async def test_every_reload_that_was_asked_for_has_its_verdict_in_the_log(tmp_path: Path, state: StateDir) -> None:
    guarded = await asyncio.to_thread(Guarded, tmp_path, state)

    async def told() -> list[tuple[str, object]]:
        with capture_logs() as logs:
            await guarded.reloading.reload()
        return [(entry["event"], entry.get("mistakes")) for entry in logs if "configuration" in entry["event"]]

    assert await told() == [("configuration unchanged", None)]
    guarded.file.write_text(guarded.settings + "}\nrolle: 1\nrol: 2")
    refused = ("configuration refused, the one before counts on", 2)
    assert (await told())[-1] == refused
    assert await told() == [refused]
    guarded.clients.write_text("nonsense\n")
    assert await told() == [("configuration refused, the one before counts on", 3)]
    guarded.clients.write_text("boss:of boss:admin\n")
    assert await told() == [refused]
    guarded.file.write_text(guarded.settings + "}")
    assert await told() == [("configuration unchanged", None)]
    guarded.clients.write_text("ci:of ci:operator\n")
    assert await told() == [("configuration in effect", None)]
    guarded.file.write_text(guarded.settings + "}\ncors: {allowed_origins: ['http://one']}")
    assert await told() == [("configuration in effect", None)]


async def test_the_mending_of_a_mistake_is_in_the_log(tmp_path: Path, state: StateDir) -> None:
    guarded = await asyncio.to_thread(Guarded, tmp_path, state)
    guarded.file.write_text(guarded.settings + ", rolle: 1}")
    await guarded.reloading.read_again(everything=False)
    guarded.file.write_text(guarded.settings + "}")
    with capture_logs() as logs:
        await guarded.reloading.read_again(everything=False)
        await guarded.reloading.read_again(everything=True)
    assert [(entry["event"], entry.get("what")) for entry in logs] == [("mistakes mended", "configuration")]


async def test_what_is_no_regular_file_is_refused_and_holds_up_nothing(tmp_path: Path, state: StateDir) -> None:
    guarded = await asyncio.to_thread(Guarded, tmp_path, state)
    for file in (guarded.clients, guarded.key):
        good = file.read_text()
        file.unlink()
        os.mkfifo(file)
        await guarded.reloading.read_again(everything=False)
        (warned,) = guarded.current.warnings()
        assert (warned.code, "not a regular file" in warned.message) == ("reload_refused", True)
        file.unlink()
        file.write_text(good)
        await guarded.reloading.read_again(everything=False)
        assert [*guarded.current.warnings()] == []
    assert await guarded.lets_in("ci")


async def test_clients_of_the_settings_count_as_soon_as_these_change(tmp_path: Path, state: StateDir) -> None:
    guarded = await asyncio.to_thread(Guarded, tmp_path, state)
    guarded.file.write_text(guarded.settings + ", clients: ['boss:of boss:admin']}")
    await guarded.reloading.read_again(everything=False)
    assert (await guarded.lets_in("ci"), await guarded.lets_in("boss")) == (True, True)
    guarded.file.write_text(guarded.settings + "}")
    await guarded.reloading.read_again(everything=False)
    assert (await guarded.lets_in("ci"), await guarded.lets_in("boss")) == (True, False)
    assert [*guarded.current.warnings()] == []


async def test_a_key_of_a_file_counts_as_soon_as_it_changes(tmp_path: Path, state: StateDir) -> None:
    guarded = await asyncio.to_thread(Guarded, tmp_path, state)
    before = await guarded.parts.authority.authorize("ci", "of ci", "127.0.0.1")
    assert isinstance(before, Grant)
    guarded.key.write_text("another secret of at least 32 bytes")
    await guarded.reloading.read_again(everything=False)
    assert isinstance(await guarded.parts.authority.renew(before.refresh), Denied)
    assert await guarded.lets_in("ci")
