"""Answers that are good HTTP and no good answers: faults 17 to 21, 25, 26, 29 and 36."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.faults.bad_peer import BadPeer, running, then_reset
from tests.faults.hub import Hub, hub_of
from tests.federation.eventually import eventually
from tests.federation.garbage import HEALTH, TREE, as_json, http
from tests.federation.gateways import Cluster
from tests.federation.plant import assert_gaps

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1024 * 1024
RSS_BYTES = 300 * MIB
"""What a gateway may take, whatever its peers say."""

HELD_UP_S = 6.0
"""Longer than the slowest machine needs to read such an answer; a request that waited for the peer would take 15 s."""

NESTED = b"[" * 100_000 + b"]" * 100_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(shared_cluster: Cluster) -> AsyncIterator[Hub]:
    names = ("f017", "f018", "f019", "f020", "f021", "f025", "f026", "f029", "f036")
    async with hub_of(shared_cluster, *map(BadPeer, names)) as hub:
        yield hub


def part_around(peer: BadPeer, value: bytes) -> bytes:
    """A good answer to a fan-out, with this as the value of its item."""
    good = json.dumps(peer.own_item(value="HERE")).encode().replace(b'"HERE"', value)
    whole = peer.part("ITEM").partition(b"\r\n\r\n")[2]
    return http(whole.replace(b'"ITEM"', good))


async def unreadable(hub: Hub, peer: BadPeer, tree: bytes, reason: str = "invalid_json") -> None:
    """A tree document of this is not read; the last one stays, and a warning says why."""
    peer.answers[TREE] = tree
    peer.tree.change({})

    async def is_told() -> bool:
        return reason in (await hub.warnings(peer)).get("peer_tree_unreadable", "")

    await eventually(is_told)
    await hub.lists(peer)
    await hub.is_online(peer)
    del peer.answers[TREE]

    async def is_forgiven() -> bool:
        return "peer_tree_unreadable" not in await hub.warnings(peer)

    await eventually(is_forgiven)


@pytest.mark.parametrize("atom", [b"{}", b"0", b"[]", b'"a"'])
async def test_fault_017_ten_megabytes_of_tiny_values_hold_nobody_up(hub: Hub, atom: bytes) -> None:
    """Answers of this size are read in a thread; a scan before that is not wanted (faults.md, head)."""
    peer = hub["f017"]
    values = b",".join([atom] * (9 * MIB // (len(atom) + 1)))
    peer.misbehave(http(b'{"items": [' + values + b"]}"))
    bombed = asyncio.create_task(hub.fanned_out(peer))
    longest = 0.0
    while not bombed.done():
        started = time.monotonic()
        assert (await hub.gateway.get("/apps/own_app/data/whose")).json["data"] == "own"
        longest = max(longest, time.monotonic() - started)
    assert longest < HELD_UP_S
    assert_gaps(bombed.result(), {"f017"})
    assert hub.gateway.rss_bytes() < RSS_BYTES
    await hub.others_are_well()
    await hub.recovers(peer)


async def test_fault_018_deep_nesting_is_invalid_json(hub: Hub) -> None:
    """That no log has a RecursionError is what every test of a gateway checks in the end."""
    peer = hub["f018"]
    for deep in (NESTED, b'{"a":' * 100_000 + b"1" + b"}" * 100_000):
        peer.answers[peer.line] = part_around(peer, deep)
        await hub.names(peer, "invalid_json")
    await unreadable(hub, peer, http(b'{"format": ' + NESTED + b"}"))
    await hub.others_are_well()
    await hub.recovers(peer)


@pytest.mark.parametrize(
    "value",
    [
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"9" * 5000,
        b'"\\ud800"',
        b'"\xff\xfe"',
        b'"\xed\xa0\x80"',
        b'"\xc0\xaf"',
        b'"a\nb"',
    ],
)
async def test_fault_019_what_strict_json_has_not_is_never_given_on(hub: Hub, value: bytes) -> None:
    peer = hub["f019"]
    peer.answers[peer.line] = part_around(peer, value)
    await hub.names(peer, "invalid_json")
    await hub.others_are_well()
    await hub.recovers(peer)


@pytest.mark.parametrize("spelled", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig"])
async def test_fault_019_json_is_utf_8_without_a_mark(hub: Hub, spelled: str) -> None:
    peer = hub["f019"]
    good = peer.part(peer.own_item()).partition(b"\r\n\r\n")[2]
    peer.answers[peer.line] = http(good.decode().encode(spelled))
    await hub.names(peer, "invalid_json")
    await unreadable(hub, peer, http(peer.tree.body.decode().encode(spelled)))
    await hub.recovers(peer)


async def test_fault_020_a_page_is_no_answer_and_acts_in_nobodys_name(hub: Hub) -> None:
    """Forwarded it is the owner's own business, verbatim (design 2), but no browser runs it or takes it for more."""
    peer = hub["f020"]
    page = http(b"<html><script>steal()</script></html>", content_type="text/html")
    peer.misbehave(page)
    await hub.names(peer, "invalid_json")
    forwarded = await hub.forwarded(peer)
    assert forwarded.headers["Content-Type"] == "text/html"
    assert forwarded.headers["X-Content-Type-Options"] == "nosniff"
    assert forwarded.headers["Content-Security-Policy"] == "sandbox"
    await unreadable(hub, peer, page)
    peer.answers[HEALTH] = page
    await hub.becomes(peer, "down")
    assert (await hub.told(peer))["reason"] == "invalid_json"
    await hub.others_are_well()
    await hub.recovers(peer)


NO_PARTS: dict[str, Any] = {
    "no items": {},
    "items are null": {"items": None},
    "items are an object": {"items": {"a": {}}},
    "items are text": {"items": "all"},
    "an item is null": {"items": [None]},
    "a list": [],
    "null": None,
}


@pytest.mark.parametrize("body", NO_PARTS.values(), ids=NO_PARTS)
async def test_fault_021_a_200_without_items_is_a_failure_and_no_empty_success(hub: Hub, body: Any) -> None:
    peer = hub["f021"]
    origins = {"origins": {"answered": [peer.tree.instance_id], "missing": []}}
    peer.answers[peer.line] = as_json({**body, "x-medkit": origins} if isinstance(body, dict) else body)
    await hub.names(peer, "invalid_json")
    await hub.others_are_well()
    await hub.recovers(peer)


@pytest.mark.parametrize("status", [302, 308])
async def test_fault_025_a_redirect_is_never_followed_and_its_aim_never_told(hub: Hub, status: int) -> None:
    peer, trap = hub["f025"], BadPeer("trap")
    async with running(trap):
        aims = (f"{trap.url}/x", f"//127.0.0.1:{trap.port}/x", "http://169.254.169.254/", "file:///etc/passwd")
        for aim in aims:
            redirect = http(b"{}", f"{status} Elsewhere", location=aim)
            peer.misbehave(redirect)
            answer = await hub.forwarded(peer)
            assert (answer.status, answer.medkit["reason"]) == (502, "http_request_error")
            assert "Location" not in answer.headers
            await hub.names(peer, "http_request_error")
        await unreadable(hub, peer, http(b"{}", f"{status} Elsewhere", location=f"{trap.url}/x"), "http_request_error")
        assert trap.accepted == 0
    await hub.others_are_well()
    await hub.recovers(peer)


HOSTILE = {
    "set_cookie": "session=1",
    "strict_transport_security": "max-age=1",
    "access_control_allow_origin": "*",
    "x_powered_by": "peer",
    "server": "peer",
    "proxy_authenticate": "Basic",
    "keep_alive": "timeout=5",
    "link": "<http://evil.example/>; rel=next",
    "refresh": "0; url=http://evil.example/",
    "clear_site_data": '"*"',
}


ASTRAY = (
    "http://evil.example/x",
    "//evil.example/x",
    "javascript:alert(1)",
    "http://[",
    "/api/v1/../../x",
    "/api/v1/%2e%2e/%2e%2e/x",
    "/api/v1/..\\..\\x",
)
"""Places that are not on the API, or cannot be read at all."""


async def test_fault_026_only_headers_a_client_needs_come_back_and_no_location_leads_elsewhere(hub: Hub) -> None:
    peer = hub["f026"]
    run = f"/api/v1/apps/{peer.app}/operations/run/executions"
    good = {"c": f"{run}/1", "d": f"http://evil.example{run}/1"}
    aims = {**dict(zip("abefghi", ASTRAY, strict=True)), **good}
    for name, aim in aims.items():
        peer.answers[run + name] = http(b"{}", "201 Created", location=aim, etag='"1"', **HOSTILE)
    answers = {name: await hub.gateway.request("POST", run + name) for name in aims}
    for name, answer in answers.items():
        assert (answer.status, answer.headers["ETag"]) == (201, '"1"')
        assert {each.replace("_", "-") for each in HOSTILE} & {each.lower() for each in answer.headers} <= {"server"}
        assert answer.headers.get("Server") != "peer"
        assert answer.headers.get("Location") == (f"{run}/1" if name in good else None)
    peer.answers[peer.item] = http(b"{}", location=f"{run}/1")
    assert "Location" not in (await hub.forwarded(peer)).headers  # nothing was made
    await hub.recovers(peer)


async def test_fault_026_of_two_content_types_the_client_gets_the_one_that_counted_here(hub: Hub) -> None:
    """Otherwise a browser could take for a page what was let through as data."""
    peer = hub["f026"]
    both = "content-type: application/json\r\ncontent-type: text/html"
    peer.answers[peer.item] = http(b"<script>").replace(b"content-type: application/json", both.encode())
    answer = await hub.forwarded(peer)
    assert answer.headers.getall("Content-Type") == ["text/html"]
    assert answer.headers["Content-Security-Policy"] == "sandbox"
    peer.answers[peer.item] = http(b"{}").replace(b"content-type", b"content-type: text/html\r\ncontent-type")
    assert (await hub.forwarded(peer)).headers.getall("Content-Type") == ["application/json"]
    await hub.recovers(peer)


async def test_fault_026_no_cookie_of_a_peer_is_ever_sent_back(hub: Hub) -> None:
    peer = hub["f026"]
    peer.answers[peer.item] = http(b'{"id": "x"}', set_cookie="session=1")
    for _ in range(5):
        assert (await hub.forwarded(peer)).status == 200
    assert peer.times_asked(peer.item) >= 5
    assert not [head for head in peer.heads if "cookie" in head.lower()]
    await hub.recovers(peer)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_fault_029_a_peers_own_error_passes_unchanged_and_is_a_named_gap_but_no_illness(
    hub: Hub, status: int
) -> None:
    peer = hub["f029"]
    error = {"error_code": "busy", "message": "later"}
    peer.misbehave(http(json.dumps(error).encode(), f"{status} Odd", retry_after="7"))
    for _ in range(5):
        answer = await hub.forwarded(peer)
        assert (answer.status, answer.json, answer.headers["Retry-After"]) == (status, error, "7")
        fanned = await hub.fanned_out(peer)
        assert_gaps(fanned, {"f029"})
        (gap,) = fanned.medkit["peer_errors"]
        assert (gap["reason"], gap["status"]) == ("http_request_error", status)
    assert "down" not in hub.states(peer)
    await hub.others_are_well()
    await hub.recovers(peer)


async def test_fault_029_a_health_that_asks_for_patience_is_no_illness(hub: Hub) -> None:
    """A refresh that gets it keeps the last tree: fault 33."""
    peer = hub["f029"]
    peer.answers[HEALTH] = http(b"{}", "429 Too Many Requests", retry_after="1")
    asked = peer.times_asked(HEALTH)
    await eventually(lambda: peer.times_asked(HEALTH) > asked + 5)
    assert await hub.is_well(peer)
    assert "down" not in hub.states(peer)
    await hub.recovers(peer)


async def test_fault_036_a_peer_that_dies_behind_its_answer_has_answered(hub: Hub) -> None:
    """And one that dies amid it has not: all of its part counts, or nothing."""
    peer = hub["f036"]
    good = peer.answers[peer.line]
    assert isinstance(good, bytes)
    peer.answers[peer.line] = then_reset(good)
    fanned = await hub.fanned_out(peer)
    await peer.stop()
    assert_gaps(fanned)
    assert sorted(fanned.ids) == ["f036_x", "whose"]
    await hub.becomes(peer, "down")
    await hub.names(peer, "connection_refused")
    await peer.start()
    await hub.recovers(peer)
    peer.answers[peer.line] = then_reset(good[:-1])
    await hub.names(peer, "connection_terminated")
    await hub.others_are_well()
    await hub.recovers(peer)
