"""Files that list peers: read, watched, and never believed when they are half written."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from discovery.admission import MAX_FOUND
from discovery.endpoint import FoundBy
from discovery.file import MAX_FILES, FileSettings, FileSource
from discovery.listing import MAX_FILE_BYTES, MAX_PEERS, Listing, look_again
from discovery.source import Found
from tests.federation.eventually import eventually
from tests.unit.discovery.readings import running

QUICK = FileSettings(poll_ms=1_000, settle_ms=20)

POLLED = FileSettings(poll_ms=100, settle_ms=20)


def listed(*names: str) -> str:
    return json.dumps([{"name": name, "url": f"http://{name}:8080"} for name in names])


async def test_a_file_is_read_as_yaml_or_json_by_its_name(tmp_path: Path) -> None:
    for name, text in (("a.yaml", "- {name: arm, url: http://arm:8080}\n"), ("a.json", listed("arm"))):
        path = tmp_path / name
        path.write_text(text)
        source = FileSource(path, QUICK)
        assert source.name == f"file:{path}"
        async with running(source) as readings:
            await readings.show("arm")
            assert readings.last.found == (Found("arm", "http://arm:8080", FoundBy.FILE),)


async def test_of_a_directory_every_list_is_read_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.yml", "a.yaml", "c.json", ".hidden.yaml", "notes.txt"):
        (tmp_path / name).write_text(listed(name[0].replace(".", "hidden")))
    (tmp_path / "folder.yaml").mkdir()
    async with running(FileSource(tmp_path, QUICK)) as readings:
        await readings.show("a", "b", "c")


async def test_an_atomic_rename_a_new_file_and_a_deleted_one_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(listed("one"))
    async with running(FileSource(path, QUICK)) as one, running(FileSource(tmp_path, QUICK)) as all_of_them:
        await one.show("one")
        await all_of_them.show("one")
        new = tmp_path / "new"
        new.write_text(listed("two"))
        new.replace(path)
        await one.show("two")
        (tmp_path / "b.json").write_text(listed("three"))
        await all_of_them.show("two", "three")
        (tmp_path / "b.json").unlink()
        await all_of_them.show("two")
        await one.show("two")


async def test_a_config_map_is_seen_at_every_swap(tmp_path: Path) -> None:
    """Kubernetes: the files are links into `..data`, which is a link that is renamed to the new directory."""

    def swap(version: str, *names: str) -> None:
        folder = tmp_path / f"..{version}"
        folder.mkdir()
        (folder / "peers.yaml").write_text(listed(*names))
        (tmp_path / "..new").symlink_to(folder.name)
        os.replace(tmp_path / "..new", tmp_path / "..data")  # noqa: PTH105 -- the very call that Kubernetes makes

    swap("1", "one")
    (tmp_path / "peers.yaml").symlink_to("..data/peers.yaml")
    one_file = FileSource(tmp_path / "peers.yaml", QUICK)
    async with running(FileSource(tmp_path, QUICK)) as all_of_them, running(one_file) as one:
        await all_of_them.show("one")
        await one.show("one")
        for version, name in (("2", "two"), ("3", "three")):
            swap(version, name)
            shutil.rmtree(tmp_path / f"..{int(version) - 1}")
            await all_of_them.show(name)
            await one.show(name)


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("", "is empty"),
        ("[", "is not YAML: line "),
        ("[]\n- {url: 'http://u:secret@a:1'", "is not YAML: line 2, column 1: "),
        ("{a: b}", "holds a mapping, allowed is a list of peers, each {name: NAME, url: URL}"),
        ("just words", "holds a text"),
        ("- words", "item 1: found a text, allowed is {name: NAME, url: URL}"),
        ("- {name: arm}", "item 1: the key 'url' is missing; write {name: NAME, url: URL}"),
        ("- {url: 'http://a:1'}", "item 1: the key 'name' is missing"),
        (
            "- {nam: arm, url: 'http://a:1'}",
            "item 1: found the key 'nam', allowed are name, url; did you mean 'name'?",
        ),
        (
            "- {name: arm, url: 'http://a:1', url: 'http://b:1'}",
            "is not YAML: line 1, column 3: a mapping has a key twice",
        ),
        ("- {name: arm, url: [7]}", "item 1: url holds a list, allowed is a text"),
        (
            "- {name: arm, url: 'http://a:1', token: secret}",
            "item 1: found the key 'token', allowed are name, url",
        ),
        ("- !!python/object:os.system {}", "item 1"),
        ("- 2024-99-99", "item 1"),
        ("!!bool foo", "holds a text"),
        ("!!timestamp foo", "holds a text"),
        ("!!int ''", "is empty"),
        ("1:" * 400 + "1.0", "holds a text"),
        ("- &a [*a]", "is not YAML"),
        ("- {[a]: b}", "is not YAML"),
        ("[" * 100_000, "nested deeper than 16"),
        ("- " * 500_000, "nested deeper than 16"),
        ("{a: " * 100_000, "nested deeper than 16"),
        ("? " * 100_000, "nested deeper than 16"),
        ("#" * (MAX_FILE_BYTES + 1), f"{MAX_FILE_BYTES} bytes"),
        (listed(*map(str, range(MAX_PEERS + 1))), f"{MAX_PEERS + 1} peers"),
    ],
)
async def test_a_file_that_is_no_list_keeps_what_it_said_and_the_others_go_on(
    tmp_path: Path, text: str, trouble: str
) -> None:
    bad, good = tmp_path / "bad.yaml", tmp_path / "good.json"
    bad.write_text(listed("kept"))
    good.write_text(listed("one"))
    async with running(FileSource(tmp_path, POLLED)) as readings:
        await readings.show("kept", "one")
        bad.write_text(text)
        good.write_text(listed("two"))
        await readings.show("kept", "two", trouble=trouble)
        assert str(bad) in (readings.last.trouble or "")
        assert "secret" not in (readings.last.trouble or "")
        bad.write_text("[]")
        await readings.show("two")


async def test_what_is_not_there_yet_is_told_and_read_when_it_comes(tmp_path: Path) -> None:
    folder = tmp_path / "later" / "peers"
    async with running(FileSource(folder, POLLED)) as readings:
        await readings.show(trouble="No such file")
        folder.mkdir(parents=True)
        (folder / "a.json").write_text(listed("one"))
        await readings.show("one")
        shutil.rmtree(tmp_path / "later")
        await readings.show("one", trouble="No such file")


async def test_another_directory_in_the_place_of_the_first_is_watched_too(tmp_path: Path) -> None:
    for number in ("1", "2"):
        (tmp_path / number).mkdir()
        (tmp_path / number / "a.json").write_text(listed(f"in_{number}"))
    (tmp_path / "current").symlink_to("1")
    async with running(FileSource(tmp_path / "current", POLLED)) as readings:
        await readings.show("in_1")
        (tmp_path / "next").symlink_to("2")
        (tmp_path / "next").replace(tmp_path / "current")
        await readings.show("in_2")
        (tmp_path / "2" / "a.json").write_text(listed("changed"))
        await readings.show("changed")


@pytest.mark.parametrize(
    "text",
    [
        '[{"name": "a", "name": "b", "url": "http://a:1"}]',
        '[{"name": "\\ud800", "url": "http://a:1"}]',
        "[" * 100_000,
        "[" + "9" * 5000,
    ],
)
async def test_json_that_python_cannot_take_or_show_is_trouble(tmp_path: Path, text: str) -> None:
    path = tmp_path / "peers.json"
    path.write_text(text)
    async with running(FileSource(path, POLLED)) as readings:
        await eventually(lambda: readings.all and readings.last.trouble)
        assert readings.last.found == ()


async def test_a_fifo_holds_up_neither_the_others_nor_the_end(tmp_path: Path) -> None:
    fifo = tmp_path / "peers.yaml"
    os.mkfifo(fifo)
    (tmp_path / "good.json").write_text(listed("one"))
    async with running(FileSource(fifo, POLLED)) as direct, running(FileSource(tmp_path, POLLED)) as all_of_them:
        await direct.show(trouble="allowed is a regular file")
        await all_of_them.show("one")


async def test_a_link_that_leads_nowhere_keeps_no_other_file_from_being_read(tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(listed("one"))
    (tmp_path / "bad.json").symlink_to("x" * 300)
    (tmp_path / "loop.json").symlink_to("loop.json")
    async with running(FileSource(tmp_path, POLLED)) as readings:
        await readings.show("one", trouble="bad.json: cannot be read: File name too long")


async def test_the_name_of_a_file_need_not_be_utf_8(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.json")).write_text("{")
    async with running(FileSource(tmp_path, POLLED)) as readings:
        await readings.show(trouble="\\udcff.json: is not JSON")
        assert str(readings.last.trouble).encode()


def test_what_did_not_change_is_not_parsed_again(tmp_path: Path) -> None:
    path = tmp_path / "peers.json"
    path.write_text(listed("one"))
    first = look_again(path, Listing())
    assert look_again(path, first) is first
    # As long and as old as the one before: only the content tells.
    stamp = path.stat()
    path.write_text(listed("two"))
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert [one.name for one in look_again(path, first).found] == ["two"]


def test_a_yaml_file_with_too_much_in_it_is_refused_before_anything_is_made_of_it(tmp_path: Path) -> None:
    path = tmp_path / "peers.yaml"
    path.write_text("[" + "[]," * 100_000 + "[]]")
    assert "allowed are 1024 peers" in (look_again(path, Listing()).trouble or "")
    path.write_text("".join(f"- {{name: p{at}, url: 'http://p{at}:8080'}}\n" for at in range(MAX_PEERS)))
    assert len(look_again(path, Listing()).found) == MAX_PEERS


async def test_of_a_directory_with_too_much_in_it_a_part_is_read_and_the_rest_is_told(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 2):
        (tmp_path / f"{number:04}.json").write_text(listed(*(f"p{number}-{at}" for at in range(5))))
    async with running(FileSource(tmp_path, QUICK)) as readings:
        await eventually(lambda: bool(readings.all))
        assert len(readings.last.found) == MAX_FOUND
        left_out = readings.last.left_out or ""
        assert f"its files list {5 * MAX_FILES} peers, allowed are {MAX_FOUND}" in left_out
        assert "2 files more" in left_out
        assert readings.last.trouble is None, "what is read is what there is to be read"


async def test_where_too_many_are_listed_those_that_are_peers_keep_their_places(tmp_path: Path) -> None:
    peers: set[str] = set()
    (tmp_path / "z.json").write_text(
        '[{"name": "old", "url": "HTTP://Old:8080/"}, {"name": "new", "url": "http://n:1"}]'
    )
    async with running(FileSource(tmp_path, POLLED, peers=lambda: peers)) as readings:
        await readings.show("old", "new")
        peers.add("http://old:8080")
        (tmp_path / "a.json").write_text(listed(*(f"p{at}" for at in range(MAX_FOUND))))
        await eventually(lambda: readings.last.left_out)
        assert len(readings.last.found) == MAX_FOUND
        assert readings.names[:2] == ["old", "p0"]
        shutil.rmtree(tmp_path)
        await eventually(lambda: readings.last.trouble)
        assert (len(readings.last.found), readings.names[0]) == (MAX_FOUND, "old")


async def test_a_watch_that_ends_is_closed_by_who_began_it(tmp_path: Path) -> None:
    """Else its end would be a task of nobody's, whenever it is collected."""
    for number in ("1", "2"):
        (tmp_path / number).mkdir()
        (tmp_path / number / "a.json").write_text(listed(f"in_{number}"))
    (tmp_path / "current").symlink_to("1")
    left: list[str] = []
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=hooks.firstiter, finalizer=lambda one: left.append(repr(one)))
    try:
        async with running(FileSource(tmp_path / "current", POLLED)) as readings:
            await readings.show("in_1")
            (tmp_path / "next").symlink_to("2")
            (tmp_path / "next").replace(tmp_path / "current")
            await readings.show("in_2")
    finally:
        sys.set_asyncgen_hooks(*hooks)
    assert left == []
