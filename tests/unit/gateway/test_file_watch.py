"""Files that are another one than before, wherever their name leads."""

import asyncio
import os
from contextlib import aclosing
from pathlib import Path

from gateway.file_watch import FileWatch


async def looked(path: Path) -> FileWatch:
    return await asyncio.to_thread(FileWatch, [path])


async def changes_after(watch: FileWatch, change: str) -> None:
    """Waits until a change of the file is seen; `change` is a command of the shell."""
    async with aclosing(watch.changes()) as changes:
        begun = False
        async for _ in changes:
            if not begun:
                begun = True
                assert await asyncio.to_thread(os.system, change) == 0
            if await asyncio.to_thread(watch.look):
                return


async def test_a_file_that_is_written_replaced_made_or_removed_is_another_one(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    watch = await looked(file)
    assert not await asyncio.to_thread(watch.look)
    for change in (
        f"echo 1 > {file}",
        f"echo 22 > {file}",
        f"echo 333 > {file}.new && mv {file}.new {file}",
        f"rm {file}",
    ):
        await changes_after(watch, change)
        assert not await asyncio.to_thread(watch.look)


async def test_a_file_that_others_may_read_now_is_another_one(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a")
    file.chmod(0)
    watch = await looked(file)
    await changes_after(watch, f"chmod 644 {file}")


async def test_a_link_that_leads_elsewhere_is_another_file(tmp_path: Path) -> None:
    """As Kubernetes swaps what it mounts."""
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "a.yaml").write_text(version)
    (tmp_path / "data").symlink_to("one")
    (tmp_path / "a.yaml").symlink_to("data/a.yaml")
    watch = await looked(tmp_path / "a.yaml")
    await changes_after(watch, f"ln -s two {tmp_path}/new && mv -T {tmp_path}/new {tmp_path}/data")


async def test_files_beside_it_are_nobody_s_business(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a")
    watch = await looked(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").write_text("b")
    assert not await asyncio.to_thread(watch.look)


async def test_it_tells_which_of_them_are_others(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a", "b", "c")]
    watch = await asyncio.to_thread(FileWatch, files)
    files[0].write_text("a")
    files[2].write_text("c")
    assert await asyncio.to_thread(watch.look) == {files[0], files[2]}
    assert await asyncio.to_thread(watch.look) == frozenset()


async def test_nothing_to_watch_is_watched_in_peace() -> None:
    watch = FileWatch([])
    async with aclosing(watch.changes()) as changes:
        await anext(changes)
    assert not await asyncio.to_thread(watch.look)


async def test_who_looks_no_more_leaves_nothing_behind(tmp_path: Path) -> None:
    changes = (await looked(tmp_path / "a.yaml")).changes()
    (tmp_path / "a.yaml").write_text("a")
    await anext(changes)
    await changes.aclose()
    await asyncio.sleep(0)  # what was not closed would be closed by a task of nobody now
    assert asyncio.all_tasks() == {asyncio.current_task()}
