"""Reading a Grove peer: what makes an answer of /health one, and when a tree document is taken."""

import json
from typing import Any

import pytest

from entities.codec import OtherFormat, render_document
from entities.model import App
from entities.records import TreeDocument
from peers.errors import PeerError, PeerReason
from peers.native import HeldTree, Probed, Unchanged, probe, read_tree
from peers.settings import THREAD_BYTES
from tests.unit.entities.sketch import instance, record
from tests.unit.peers.wire_server import Wire, WireServer, client_to, serving, within

B, BOOT = instance("b"), instance("y")
GROVE = {"instance_id": B, "boot_id": BOOT, "generation": 4, "capabilities": ["tree", "events"]}
CAP = 4 * 1024 * 1024

Read = HeldTree | Unchanged | OtherFormat | PeerError


def answer(status: int, body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(b"%s\r\n" % header for header in headers)
    framing = b"" if status == 304 else b"content-length: %d\r\n" % len(body)
    return b"HTTP/1.1 %d X\r\n%s%s\r\n%s" % (status, framing, lines, body)


async def probed(reply: bytes) -> Probed | PeerError:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(reply)
        await wire.gone()

    async with serving(script) as server, client_to(server.url) as client:
        found = await probe(client, deadline=within())
    assert server.requests[0].startswith(b"GET /api/v1/health HTTP/1.1\r\n")
    return found


def health(medkit: Any) -> bytes:
    return answer(200, json.dumps({"status": "healthy", "x-medkit": medkit}).encode())


async def test_a_grove_peer_says_who_it_is_and_what_it_has() -> None:
    found = await probed(health(GROVE))
    assert isinstance(found, Probed)
    assert (found.instance_id, found.boot_id, found.generation, found.has_events) == (B, BOOT, 4, True)


@pytest.mark.parametrize("generation", ["4", None, 4.5, True, [4]])
async def test_a_generation_that_is_no_number_counts_as_none(generation: Any) -> None:
    found = await probed(health({**GROVE, "generation": generation, "capabilities": ["tree"]}))
    assert isinstance(found, Probed)
    assert (found.instance_id, found.generation, found.has_events) == (B, None, False)


@pytest.mark.parametrize(
    "medkit",
    [
        None,
        [],
        {},
        {**GROVE, "instance_id": None},
        {**GROVE, "instance_id": "x" * 23},
        {**GROVE, "instance_id": B + "\n"},
        {**GROVE, "boot_id": 7},
        {**GROVE, "capabilities": ["events"]},
        {**GROVE, "capabilities": "tree"},
        {**GROVE, "capabilities": {"tree": True}},
        {**GROVE, "capabilities": [["tree"], {}]},
    ],
)
async def test_who_is_healthy_but_not_wholly_a_grove_has_no_ids(medkit: Any) -> None:
    found = await probed(health(medkit))
    assert isinstance(found, Probed)
    assert (found.instance_id, found.boot_id, found.generation, found.has_events) == (None, None, None, False)


@pytest.mark.parametrize(
    ("reply", "reason", "status"),
    [
        (answer(503, b"{}"), PeerReason.HTTP_REQUEST_ERROR, 503),
        (answer(204, b""), PeerReason.HTTP_REQUEST_ERROR, 204),
        (answer(301, b"", b"location: /"), PeerReason.HTTP_REQUEST_ERROR, 301),
        (answer(401, b"{}"), PeerReason.AUTH, 401),
        (answer(403, b"{}"), PeerReason.AUTH, 403),
        (answer(200, b"<html>"), PeerReason.INVALID_JSON, 200),
        (answer(200, b'{"x-medkit":NaN}'), PeerReason.INVALID_JSON, 200),
        (answer(200, b"[" * 100_000), PeerReason.INVALID_JSON, 200),
        (answer(200, b" " * (1024 * 1024 + 1)), PeerReason.HTTP_RESPONSE_BODY_SIZE, None),
    ],
)
async def test_any_other_answer_is_a_failure(reply: bytes, reason: PeerReason, status: int | None) -> None:
    found = await probed(reply)
    assert isinstance(found, PeerError)
    assert (found.reason, found.status) == (reason, status)


def document(generation: int = 4, *apps: App, since: str | None = None, boot: str = BOOT) -> TreeDocument:
    return TreeDocument(1, B, boot, generation, (record("b", "", *apps),), since=since)


HELD = HeldTree(document(), '"etag4"')
NEXT = document(5, App("cam"))
DIFF = document(5, App("cam"), since=f"{BOOT}:4")


async def read(held: HeldTree | None, reply: bytes, *, entities: int = 100) -> tuple[Read, bytes]:
    """(what it came to, the request)."""

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(reply)
        await wire.gone()

    server: WireServer
    async with serving(script) as server, client_to(server.url) as client:
        found = await read_tree(client, held, deadline=within(), max_bytes=CAP, max_entities=entities)
    return found, server.requests[0]


async def test_the_first_read_asks_for_everything() -> None:
    found, request = await read(None, answer(200, render_document(NEXT), b'etag: "etag5"'))
    assert found == HeldTree(NEXT, '"etag5"')
    assert request.startswith(b"GET /api/v1/x-medkit-tree HTTP/1.1\r\n")
    assert b"If-None-Match" not in request


async def test_a_later_read_asks_for_what_changed_and_applies_it() -> None:
    found, request = await read(HELD, answer(200, render_document(DIFF), b'etag: "etag5"'))
    assert found == HeldTree(NEXT, '"etag5"')
    assert request.startswith(b"GET /api/v1/x-medkit-tree?since=%s:4 HTTP/1.1\r\n" % BOOT.encode())
    assert b'If-None-Match: "etag4"\r\n' in request


async def test_a_tree_kept_from_the_last_run_has_no_etag_to_ask_with() -> None:
    found, request = await read(HeldTree(document(), None), answer(200, render_document(DIFF)))
    assert found == HeldTree(NEXT, None)
    assert b"If-None-Match" not in request


async def test_what_is_held_is_current() -> None:
    found, _ = await read(HELD, answer(304, b""))
    assert found == Unchanged()


async def test_a_whole_document_replaces_what_is_held() -> None:
    restarted = document(1, App("arm"), boot=instance("x"))
    found, _ = await read(HELD, answer(200, render_document(restarted)))
    assert found == HeldTree(restarted, None)


@pytest.mark.parametrize(
    ("held", "change"),
    [
        pytest.param(None, DIFF, id="nothing is held"),
        pytest.param(HELD, document(5, since=f"{BOOT}:3"), id="another generation"),
        pytest.param(HELD, document(5, since=f"{instance('x')}:4"), id="another boot"),
        pytest.param(HELD, TreeDocument(1, instance("c"), BOOT, 5, (), since=f"{BOOT}:4"), id="another gateway"),
    ],
)
async def test_a_diff_of_another_state_is_never_applied(held: HeldTree | None, change: TreeDocument) -> None:
    found, _ = await read(held, answer(200, render_document(change)))
    assert isinstance(found, PeerError)
    assert (found.reason, found.status) == (PeerReason.INVALID_JSON, 200)


@pytest.mark.parametrize(
    "reply", [answer(404, b""), answer(501, b""), answer(200, b'{"format":2}'), answer(200, b'{"items":[]}')]
)
async def test_a_peer_without_such_a_document_has_another_format(reply: bytes) -> None:
    found, _ = await read(None, reply)
    assert isinstance(found, OtherFormat)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (answer(304, b""), PeerReason.HTTP_REQUEST_ERROR),
        (answer(500, b""), PeerReason.HTTP_REQUEST_ERROR),
        (answer(401, b""), PeerReason.AUTH),
        (answer(200, b"{"), PeerReason.INVALID_JSON),
        (answer(200, render_document(document(5, App("x"), App("y")))), PeerReason.PEER_LIMIT_EXCEEDED),
    ],
    ids=["304 to nothing", "500", "401", "no JSON", "too many entities"],
)
async def test_any_other_tree_answer_is_a_failure(reply: bytes, reason: PeerReason) -> None:
    found, _ = await read(None, reply, entities=1)
    assert isinstance(found, PeerError)
    assert found.reason is reason


async def test_a_large_document_is_read_as_a_small_one_is() -> None:
    large = document(4, *(App(f"app{number}", "x" * 900) for number in range(400)))
    body = render_document(large)
    assert len(body) > THREAD_BYTES
    found, _ = await read(None, answer(200, body), entities=400)
    assert found == HeldTree(large, None)
    broken, _ = await read(None, answer(200, body[:-1]), entities=400)
    assert isinstance(broken, PeerError)
    assert broken.reason is PeerReason.INVALID_JSON


async def test_entities_left_out_for_their_ids_stay_counted_while_they_are_left_out() -> None:
    found, _ = await read(None, answer(200, render_document(document(4, App("bad id"), App("cam")))))
    assert isinstance(found, HeldTree)
    assert ([app.id for app in found.document.records[0].apps], found.dropped) == (["cam"], 1)
    # The next diff may not tell of that record: only the whole document can say that nothing is left out any more.
    _, request = await read(found, answer(304, b""))
    assert request.startswith(b"GET /api/v1/x-medkit-tree HTTP/1.1\r\n")
