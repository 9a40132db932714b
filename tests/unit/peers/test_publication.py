"""Our own tree document: what is rendered, how often, and by whom, while views change under it."""

import asyncio
import json
import threading

import pytest

from entities.model import App
from peers.publication import Publication, Published
from peers.view import FederatedView
from tests.unit.http.views import instance, record, view_of

BOOT = instance("boot")


def view(generation: int, *apps: str) -> FederatedView:
    return view_of(record("here", *(App(one) for one in apps)), generation=generation)


OLD, NEW = view(1, "cam"), view(2, "cam", "gps")
STATE = f"{BOOT}:1"


class Watched(Publication):
    """Notes in which threads it renders; each waits until it may go on."""

    def __init__(self) -> None:
        super().__init__(BOOT, long_tree=1)
        self.threads: list[threading.Thread] = []
        self.may_go_on = threading.Event()

    def _render(self, view: FederatedView) -> Published:
        self.threads.append(threading.current_thread())
        assert self.may_go_on.wait(10)
        return super()._render(view)


async def test_a_long_document_is_rendered_once_in_a_thread_for_all_who_ask() -> None:
    publication = Watched()
    asking = [asyncio.create_task(publication.full(OLD)) for _ in range(5)]
    await asyncio.sleep(0)
    publication.may_go_on.set()
    first, *others = await asyncio.gather(*asking)
    assert all(one is first for one in others)
    assert await publication.full(OLD) is first
    assert len(publication.threads) == 1
    assert publication.threads[0] is not threading.main_thread()


async def test_a_short_document_is_rendered_at_once() -> None:
    publication = Publication(BOOT)
    published = publication.full_at_once(OLD)
    assert await publication.full(OLD) is published
    assert not published.is_long


@pytest.mark.parametrize("long_tree", [1, 5000])
async def test_a_diff_leads_from_the_state_asked_for_to_the_document_it_is_given_with(long_tree: int) -> None:
    publication = Publication(BOOT, long_tree=long_tree)
    await publication.full(OLD)
    full = await publication.full(NEW)
    first, again = await asyncio.gather(publication.since(full, STATE), publication.since(full, STATE))
    assert first is not None
    assert first == again == await publication.since(full, STATE) == publication.since_at_once(full, STATE)
    assert (json.loads(first)["since"], json.loads(first)["generation"]) == (STATE, 2)


@pytest.mark.parametrize("state", [f"{BOOT}:7", f"{BOOT}:", f"{BOOT}:-1", f"{instance('other')}:1", "", f"{BOOT}:²"])
async def test_a_state_that_is_not_held_has_no_diff(state: str) -> None:
    publication = Publication(BOOT, long_tree=1)
    assert await publication.since(await publication.full(OLD), state) is None


async def test_a_document_that_is_late_does_not_replace_a_newer_one() -> None:
    publication = Watched()
    late = asyncio.create_task(publication.full(OLD))
    await asyncio.sleep(0)
    publication.may_go_on.set()
    newest = publication.full_at_once(NEW)  # a request of the newer view, answered before the thread is heard
    assert (await late).document.generation == 1
    assert await publication.full(NEW) is newest
    assert await publication.since(newest, STATE) is None  # never kept, so nobody is led from it


async def test_no_diff_leads_beyond_the_document_whose_etag_goes_with_it() -> None:
    publication = Publication(BOOT)
    old = publication.full_at_once(OLD)
    publication.full_at_once(NEW)
    assert publication.since_at_once(old, f"{BOOT}:2") is None
    same = publication.since_at_once(old, STATE)
    assert same is not None
    assert json.loads(same)["generation"] == 1
