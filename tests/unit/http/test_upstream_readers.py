"""Upstream gateways as readers: how they are known, what they are shown, what they are warned of."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import pytest
from aiohttp.test_utils import make_mocked_request

from entities.hops import Hops
from entities.model import App, Area, Component, EntityKind, Function
from entities.origin_tags import origin_tag
from entities.records import Record
from gateway.http.documents import LONG_LIST
from gateway.http.readers import FORGOTTEN_S, MAX_VIEWS, UpstreamReaders, is_upstream
from peers.foreign_health import UpstreamHealth
from peers.horizon import Hidden, tree_without
from peers.mutual import MutualPeers
from peers.peer import Peer as LivePeer
from peers.settings import ForeignSettings
from peers.view import FederatedView
from tests.unit.http.views import Peer, instance, record, view_of

AS_UPSTREAM = {"User-Agent": "cpp-httplib/0.14.3", "Connection": "close", "Accept": "*/*", "Host": "grove:8080"}

OURS = record(
    "ours",
    Area("plant", name="Plant"),
    Component("robot", area="plant", tags=("base",)),
    Component("arm", area="plant"),
    App("cam", component_id="robot"),
    Function("navigation", hosts=("cam",)),
)
THEIRS = record(
    "theirs",
    Area("plant"),
    Area("hall", parent_area_id="plant"),
    Component("robot", tags=("theirs",)),
    Component("wheel", parent_component_id="robot"),
    Component("arm"),
    App("cam", component_id="wheel"),
    Function("navigation", hosts=("cam",)),
    Function("charging"),
)


class Seconds:
    """A clock that tests move."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def readers(clock: Seconds | None = None) -> UpstreamReaders:
    clock = clock or Seconds()
    return UpstreamReaders(MutualPeers([], ForeignSettings(), new_token=lambda: "t", clock=clock), clock)


def asked(headers: Mapping[str, str] = AS_UPSTREAM, address: str = "10.0.0.7") -> Any:
    transport = type("T", (), {"get_extra_info": lambda _self, _key, default=None: (address, 1), "is_closing": bool})()
    return make_mocked_request("GET", "/api/v1/areas", headers=headers, transport=transport)


def shared() -> FederatedView:
    return view_of(OURS, Peer("b", THEIRS))


@pytest.mark.parametrize(
    ("headers", "hops", "expected"),
    [
        (AS_UPSTREAM, Hops(), True),
        ({**AS_UPSTREAM, "X-Medkit-No-Fan-Out": "1"}, Hops(no_fan_out=True), True),
        ({**AS_UPSTREAM, "User-Agent": "curl/8"}, Hops(), False),
        ({**AS_UPSTREAM, "Connection": "keep-alive"}, Hops(), False),
        ({"User-Agent": "cpp-httplib/0.14.3"}, Hops(), False),
        (AS_UPSTREAM, Hops(via=("V" * 22,)), False),
        (AS_UPSTREAM, Hops(target="T" * 22), False),
        (AS_UPSTREAM, Hops(origins=()), False),
    ],
)
def test_an_upstream_gateway_is_known_by_its_client_and_the_lack_of_our_headers(
    headers: Mapping[str, str], hops: Hops, expected: bool
) -> None:
    assert is_upstream(asked(headers), hops) is expected


async def test_only_upstream_readers_are_told_the_origins() -> None:
    documents = await readers().documents("10.0.0.7", shared())
    robot = documents.detail(EntityKind.COMPONENT, "robot")
    app = documents.detail(EntityKind.APP, "b__cam")
    assert robot is not None
    assert app is not None
    for name in ("ours", "theirs"):
        assert origin_tag(instance(name), "robot").encode() in robot.body
    assert origin_tag(instance("theirs"), "cam").encode() in app.body
    assert f'"answered_by":"{instance("ours")}"'.encode() in robot.body
    plain = view_documents(shared())
    assert b"origin=" not in plain
    assert b"answered_by" not in plain


def view_documents(view: FederatedView) -> bytes:
    from gateway.http.documents import Documents

    documents = Documents(view)
    details = [documents.detail(kind, one.id) for kind in EntityKind for one in view.merged.tree.of(kind).values()]
    return b"".join(one.body for one in details if one is not None)


def test_a_reader_is_not_shown_what_is_its_own() -> None:
    view = shared()
    tree = tree_without(view, Hidden(proved=frozenset({instance("theirs")}))).tree
    shown = {kind.value: [*tree.of(kind)] for kind in EntityKind}
    assert shown == {"areas": ["plant"], "components": ["robot"], "apps": ["cam"], "functions": ["navigation"]}
    assert tree.components["robot"].entity.tags == ("base",)
    assert getattr(tree.functions["navigation"].entity, "hosts", ()) == ("cam",)


def test_on_a_suspicion_only_its_own_part_of_what_is_shared_is_hidden() -> None:
    view = shared()
    tree = tree_without(view, Hidden(suspected=frozenset({instance("theirs")}))).tree
    shown = {kind.value: [*tree.of(kind)] for kind in EntityKind}
    assert shown == {"areas": ["plant"], "components": ["robot", "arm"], "apps": ["cam"], "functions": ["navigation"]}
    assert all(one.instances == (instance("ours"),) for kind in EntityKind for one in tree.of(kind).values())


async def test_documents_are_made_once_per_view() -> None:
    known, view = readers(), shared()
    first = await known.documents("10.0.0.7", view)
    assert await known.documents("10.0.0.8", view) is first
    assert await known.documents("10.0.0.7", shared()) is not first


async def test_documents_of_an_older_view_do_not_replace_those_of_a_newer() -> None:
    known, older, newer = readers(), shared(), view_of(OURS, generation=2)
    first = await known.documents("10.0.0.7", newer)
    assert (await known.documents("10.0.0.8", older)).view is older
    assert await known.documents("10.0.0.7", newer) is first


class Mutual:
    """A gateway that we read, and that reads us from 10.0.0.7."""

    instance = instance("theirs")
    upstream = UpstreamHealth()
    reads_us_from = frozenset({"10.0.0.7"})
    may_read_us = False


async def test_documents_that_take_long_are_made_once_for_all_who_ask_meanwhile() -> None:
    mutual = MutualPeers([cast("LivePeer", Mutual())], ForeignSettings(), new_token=lambda: "t", clock=lambda: 0.0)
    known, view = UpstreamReaders(mutual, Seconds()), view_of(many("apps", LONG_LIST), Peer("b", THEIRS))
    made = await asyncio.gather(*(known.documents("10.0.0.7", view) for _ in range(4)))
    assert made[0].shown.find(EntityKind.APP, "b__cam") is None
    assert all(one is made[0] for one in made)
    assert await known.documents("10.0.0.7", view) is made[0]


def many(kind: str, count: int) -> Record:
    entity = {"apps": App, "components": Component}[kind]
    return record("ours", *(entity(f"x{number}") for number in range(count)))


def test_a_warning_comes_with_the_first_reader_and_goes_with_the_last() -> None:
    clock = Seconds()
    known, view = readers(clock), view_of(many("apps", 1001))
    assert known.warnings(view) == ()
    assert known.recognise(asked(), Hops()) == "10.0.0.7"
    (warned,) = known.warnings(view)
    assert warned.code == "upstream_reader_limit"
    assert "1001 Apps" in warned.message
    assert "10.0.0.7" in warned.message
    clock.now += FORGOTTEN_S + 1
    assert known.warnings(view) == ()


def test_as_many_as_it_takes_are_no_matter() -> None:
    known = readers()
    known.recognise(asked(), Hops())
    assert known.warnings(view_of(many("components", 1000))) == ()


def test_children_do_not_count_into_a_collection() -> None:
    known = readers()
    known.recognise(asked(), Hops())
    entities = [Component("top"), *(Component(f"x{number}", parent_component_id="top") for number in range(1500))]
    assert known.warnings(view_of(record("ours", *entities))) == ()


def test_what_was_listed_is_found_again_when_it_is_gone() -> None:
    known, before = readers(), shared()
    known.recognise(asked(), Hops())
    known.note_listed("10.0.0.7", EntityKind.FUNCTION, before)
    lately = known.last_listed("10.0.0.7", EntityKind.FUNCTION)
    assert lately is not None
    assert lately.detail(EntityKind.FUNCTION, "charging") is not None
    assert known.last_listed("10.0.0.8", EntityKind.FUNCTION) is None
    assert known.last_listed("10.0.0.7", EntityKind.APP) is None


async def test_no_more_generations_are_held_for_readers_than_allowed_the_newest_ones() -> None:
    known = readers()
    for number in range(MAX_VIEWS + 3):
        address = f"10.0.0.{number}"
        known.recognise(asked(address=address), Hops())
        known.note_listed(address, EntityKind.APP, view_of(OURS, generation=number))
    held = [known.last_listed(f"10.0.0.{number}", EntityKind.APP) for number in range(MAX_VIEWS + 3)]
    assert [one.view.generation for one in held if one is not None] == list(range(3, MAX_VIEWS + 3))


async def test_what_is_held_for_a_reader_goes_with_him_when_another_one_asks() -> None:
    clock = Seconds()
    known = readers(clock)
    known.recognise(asked(), Hops())
    known.note_listed("10.0.0.7", EntityKind.APP, shared())
    clock.now += FORGOTTEN_S + 1
    known.recognise(asked(address="10.0.0.8"), Hops())
    assert known.last_listed("10.0.0.7", EntityKind.APP) is None
