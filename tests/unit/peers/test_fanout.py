"""Asking several gateways at once: what counts as an answer, and what the health of a peer learns of it."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest

from entities.hops import Hops
from entities.jsontext import InvalidJsonError
from peers.client import PeerClient
from peers.errors import PeerError, PeerReason
from peers.fanout import MAX_ELAPSED_MS, Question, fan_out, parse_part
from tests.unit.entities.sketch import instance, letters, record, seen_from
from tests.unit.peers.wire_server import BRIEF_S, Script, Wire, client_to, serving, within

B, C, D = (instance(letter) for letter in "bcd")
CAP = 4096


def body(items: Any, answered: Any = (B,), missing: Any = ()) -> bytes:
    return json.dumps(
        {"items": items, "x-medkit": {"origins": {"answered": list(answered), "missing": list(missing)}}}
    ).encode()


def item(origin: Any, name: str = "x") -> dict[str, Any]:
    return {"id": name, "x-medkit": {"origin": origin}}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"", "truncated"),
        (b"[]", "a list `items`"),
        (b"{}", "a list `items`"),
        (b'{"items":null}', "a list `items`"),
        (b'{"items":{}}', "a list `items`"),
        (b'{"items":[]}', "x-medkit.origins"),
        (b'{"items":[],"x-medkit":[]}', "x-medkit.origins"),
        (b'{"items":[],"x-medkit":{"origins":[]}}', "x-medkit.origins"),
        (b'{"items":[],"x-medkit":{"origins":{}}}', "must be lists"),
        (b'{"items":[],"x-medkit":{"origins":{"answered":"b"}}}', "must be lists"),
        (b'{"items":[],"x-medkit":{"origins":{"answered":[],"missing":{}}}}', "must be lists"),
        (b'{"items":[\xff]}', "UTF-8"),
        (b" " * (CAP + 1), "at most 4096 allowed"),
    ],
)
def test_what_is_no_answer_to_origins_is_refused_with_the_reason(text: bytes, complaint: str) -> None:
    with pytest.raises(InvalidJsonError, match=complaint):
        parse_part(text, frozenset({B}), max_bytes=CAP)


@pytest.mark.parametrize(
    "stranger",
    [1, None, "x", [], {}, {"x-medkit": []}, {"x-medkit": {}}, item(1), item([B]), item({}), item(None), item(C)],
)
def test_an_item_that_is_not_of_an_origin_asked_for_is_dropped_and_counted(stranger: Any) -> None:
    part = parse_part(body([item(B), stranger]), frozenset({B}), max_bytes=CAP)
    assert (part.items, part.strangers, part.answered) == (((B, item(B)),), 1, frozenset({B}))


def test_only_origins_that_were_asked_for_have_answered_or_are_missing() -> None:
    text = body([], [C, 1, None, D], [{"id": C, "reason": "auth"}, {"id": B, "reason": "auth"}, 7, {}, {"id": [B]}])
    part = parse_part(text, frozenset({B, D}), max_bytes=CAP)
    assert (part.answered, [gap.instance for gap in part.missing]) == (frozenset({D}), [B])


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, ("destination_unavailable", None, 0, False)),
        ({"reason": "connection_timeout", "status": 504, "elapsed_ms": 12}, ("connection_timeout", 504, 12, True)),
        ({"reason": 5, "status": "504", "elapsed_ms": "12"}, ("destination_unavailable", None, 0, False)),
        ({"reason": "x" * 1000}, ("destination_unavailable", None, 0, False)),
        ({"reason": "a_new_word", "status": 99, "elapsed_ms": True}, ("a_new_word", None, 0, False)),
        ({"elapsed_ms": -5}, ("destination_unavailable", None, 0, False)),
        ({"elapsed_ms": 10**30}, ("destination_unavailable", None, MAX_ELAPSED_MS, False)),
        ({"tried": "abc"}, ("destination_unavailable", None, 0, False)),
        ({"tried": ["short", 7, None, {}]}, ("destination_unavailable", None, 0, False)),
    ],
)
def test_nothing_of_a_gap_is_believed_beyond_its_type(told: Mapping[str, Any], expected: tuple[Any, ...]) -> None:
    (gap,) = parse_part(body([], [], [{"id": B, **told}]), frozenset({B}), max_bytes=CAP).missing
    assert (gap.reason, gap.status, gap.elapsed_ms, gap.is_timeout) == expected
    assert (gap.label, gap.tried) == ("", ())


class Reached:
    """Peers by name, and what was reported of them."""

    def __init__(self) -> None:
        self.clients: dict[str, PeerClient] = {}
        self.reports: list[tuple[str, str | None]] = []

    def client(self, peer: str) -> PeerClient | None:
        return self.clients.get(peer)

    def report(self, peer: str, outcome: PeerError | None) -> None:
        self.reports.append((peer, None if outcome is None else outcome.reason.value))


def saying(status: int, text: bytes) -> Script:
    """A peer that answers everything with this."""

    async def script(wire: Wire) -> None:
        while True:
            await wire.request()
            await wire.send(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%s" % (status, len(text), text))

    return script


async def asked(
    peers: Mapping[str, Script], wanted: str, links: str = "b c", *, seconds: float | None = None
) -> tuple[Any, Reached, dict[str, list[bytes]]]:
    """(result, reports, requests by peer) of a fan-out from a; d stands behind b and c."""
    reach = Reached()
    topology = seen_from(record("a", links), record("b", "d"), record("c", "d"), record("d"))
    async with AsyncExitStack() as stack:
        servers = {}
        for name, script in peers.items():
            servers[name] = await stack.enter_async_context(serving(script))
            reach.clients[name] = await stack.enter_async_context(client_to(servers[name].url))
        result = await fan_out(
            reach,
            topology,
            Question("/api/v1/faults?status=all", "faults", headers=(("X-Request-Id", "r"),), body_cap=CAP),
            wanted={instance(letter): () for letter in wanted},
            hops=Hops(),
            deadline=within() if seconds is None else within(seconds),
        )
        return result, reach, {name: server.requests for name, server in servers.items()}


async def test_every_part_that_arrives_is_in_the_result() -> None:
    peers = {"b": saying(200, body([item(B, "1"), item(D, "2")], [B, D])), "c": saying(200, body([item(C, "3")], [C]))}
    result, reach, requests = await asked(peers, "bcd")
    assert [found["id"] for _, found in result.items] == ["1", "2", "3"]
    assert (letters(result.answered), result.gaps) == ("bdc", ())
    assert sorted(reach.reports) == [("b", None), ("c", None)]
    (sent,) = requests["b"]
    assert sent.startswith(b"GET /api/v1/faults?status=all HTTP/1.1\r\n")
    assert b"X-Medkit-Origins: %s,%s\r\n" % (B.encode(), D.encode()) in sent
    assert b"X-Request-Id: r\r\n" in sent


@pytest.mark.parametrize(
    ("status", "text", "reason", "report"),
    [
        (401, b"", PeerReason.AUTH, None),
        (403, b"", PeerReason.AUTH, None),
        (404, b"", PeerReason.HTTP_REQUEST_ERROR, None),
        (500, body([item(B)]), PeerReason.HTTP_REQUEST_ERROR, None),
        (421, b"", PeerReason.HTTP_REQUEST_DENIED, "http_request_denied"),
        (508, b"", PeerReason.LOOP_DETECTED, None),
        (204, b"", PeerReason.HTTP_REQUEST_ERROR, None),
        (200, b"<html>", PeerReason.INVALID_JSON, None),
        (200, b'{"items":[]}', PeerReason.INVALID_JSON, None),
        (200, b" " * (CAP + 1), PeerReason.HTTP_RESPONSE_BODY_SIZE, "http_response_body_size"),
    ],
)
async def test_an_answer_of_no_use_is_a_gap_with_its_reason(
    status: int, text: bytes, reason: PeerReason, report: str | None
) -> None:
    if status == 204:

        async def script(wire: Wire) -> None:
            await wire.request()
            await wire.send(b"HTTP/1.1 204 X\r\n\r\n")
            await wire.gone()
    else:
        script = saying(status, text)  # type: ignore[assignment]  # a Script either way
    result, reach, _ = await asked({"b": script}, "b", "b")
    assert [(gap.label, gap.reason) for gap in result.gaps] == [("b", reason.value)]
    assert (result.items, reach.reports) == ((), [("b", report)])


async def test_a_peer_that_is_none_any_more_is_a_gap() -> None:
    result, reach, _ = await asked({}, "b", "b")
    assert [gap.reason for gap in result.gaps] == ["destination_unavailable"]
    assert reach.reports == []


async def test_a_mute_peer_is_a_named_timeout_and_the_others_are_whole() -> None:
    async def mute(wire: Wire) -> None:
        await wire.request()
        await wire.gone()

    result, _, _ = await asked({"b": mute, "c": saying(200, body([item(C)], [C]))}, "bc", seconds=BRIEF_S)
    assert letters(result.answered) == "c"
    assert [(gap.label, gap.is_timeout) for gap in result.gaps] == [("b", True)]


async def test_what_one_peer_cannot_reach_is_asked_of_the_other() -> None:
    peers: dict[str, Script] = {
        "b": saying(200, body([], [], [{"id": D, "reason": "connection_refused", "tried": [B]}])),
        "c": saying(200, body([item(D)], [D])),
    }
    result, _, requests = await asked(peers, "d")
    assert (letters(result.answered), result.gaps, [len(sent) for sent in requests.values()]) == ("d", (), [1, 1])
    assert b"X-Medkit-Tried: %s\r\n" % B.encode() in requests["c"][0]


async def test_nobody_is_asked_after_the_deadline() -> None:
    result, _, requests = await asked({"b": saying(200, body([item(B)]))}, "b", "b", seconds=0)
    assert ([gap.is_timeout for gap in result.gaps], requests["b"]) == ([True], [])


@pytest.mark.parametrize("wanted", [()])
async def test_a_fan_out_to_nobody_is_whole_and_empty(wanted: Sequence[str]) -> None:
    result, _, _ = await asked({}, "".join(wanted))
    assert (result.items, result.answered, result.gaps) == ((), (), ())
