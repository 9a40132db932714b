"""The open line to a peer: opened while it is wanted, told of generations, and of its end."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from peers.eventlink import EventLink, EventLinkSettings
from peers.eventtext import MAX_EVENT_BYTES
from peers.fault_exchange import FaultExchange, NewsLost
from peers.fault_news import FaultNews, render_news
from peers.grove_line import GroveLine
from peers.line_allowance import LineAllowance, LineRule
from tests.unit.peers.wire_server import OK, Script, Wire, WireServer, client_to, eventually, serving

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
HELLO = b'event: hello\ndata: {"generation":3}\n\n'
OURS, STRANGER = "O" * 22, "S" * 22
QUICK = EventLinkSettings(open_timeout_ms=2_000, idle_ms=2_000, retry_ms=1)
PATIENT = EventLinkSettings(open_timeout_ms=2_000, idle_ms=2_000, retry_ms=60_000)


def chunk(text: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(text), text)


@dataclass
class Line:
    """A link that runs, its peer, and what it told."""

    server: WireServer
    link: EventLink = field(init=False)
    told: list[int] = field(default_factory=list)
    lost: int = 0
    abuses: list[str | None] = field(default_factory=list)
    faults: FaultExchange = field(
        default_factory=lambda: FaultExchange(OURS, 100, label_of=lambda one: one[0], silent=lambda: ())
    )

    def lose(self) -> None:
        self.lost += 1


@asynccontextmanager
async def line_to(script: Script, settings: EventLinkSettings = PATIENT, *, wanted: bool = True) -> AsyncIterator[Line]:
    async with serving(script) as server, client_to(server.url) as client:
        line = Line(server)
        heard = GroveLine(
            "b", told=line.told.append, lost=line.lose, faults=line.faults, may_tell=lambda origin: origin != STRANGER
        )
        line.link = EventLink("b", lambda: client, settings, heard, jitter=random.Random(1), abused=line.abuses.append)
        line.link.want(wanted)
        running = asyncio.create_task(line.link.run())
        try:
            yield line
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            assert not line.link.is_open


def streaming(*pieces: bytes, ends: bool = True) -> Script:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(HEAD)
        for piece in pieces:
            await wire.send(chunk(piece))
        if not ends:
            await wire.gone()
        await wire.send(chunk(b""))

    return script


def breaking_once(before: bytes) -> Script:
    """The first connection is reset after these bytes of its answer, the next ones say hello and stay."""
    broken = False

    async def script(wire: Wire) -> None:
        nonlocal broken
        await wire.request()
        if not broken and before:
            await wire.send(before)
            await asyncio.sleep(0.05)  # a reset may overtake what was sent
        if not broken:
            broken = True
            wire.reset()
            return
        await wire.send(HEAD + chunk(HELLO))
        await wire.gone()

    return script


def ending_once(said: bytes) -> Script:
    """The first line says this and ends, the next ones stay."""
    ended = False

    async def script(wire: Wire) -> None:
        nonlocal ended
        await wire.request()
        await wire.send(HEAD)
        if not ended:
            ended = True
            await wire.send(chunk(said) + chunk(b""))
            return
        await wire.gone()

    return script


async def test_generations_are_told_as_they_come_and_the_end_of_the_line_once() -> None:
    async with line_to(streaming(HELLO, b'event: tree\ndata: {"generation":4}\n\n')) as line:
        await eventually(lambda: line.lost == 1)
        assert line.told == [3, 4]
    assert line.server.requests[0].startswith(b"GET /api/v1/x-medkit-events HTTP/1.1\r\n")


async def test_the_line_is_open_while_the_peer_says_something() -> None:
    async with line_to(streaming(HELLO, ends=False)) as line:
        await eventually(lambda: line.told == [3])
        assert line.link.is_open
        assert line.lost == 0


@pytest.mark.parametrize(
    "text",
    [
        b'event: peer\ndata: {"generation":9}\n\n',
        b'data: {"generation":9}\n\n',
        b"event: tree\ndata: {\n\n",
        b"event: tree\ndata: 9\n\n",
        b"event: tree\ndata: []\n\n",
        b"event: tree\ndata: {}\n\n",
        b'event: tree\ndata: {"generation":"9"}\n\n',
        b'event: tree\ndata: {"generation":9.5}\n\n',
        b'event: tree\ndata: {"generation":true}\n\n',
        b'event: tree\ndata: {"generation":null}\n\n',
        b"event: tree\ndata: " + b"[" * 20_000 + b"\n\n",
        b"event: tree\ndata: \xff\n\n",
        b"event: nonsense\x00\ndata: x\n\n",
    ],
)
async def test_what_is_no_generation_is_passed_by_and_the_line_stays_open(text: bytes) -> None:
    async with line_to(streaming(text, HELLO, ends=False)) as line:
        await eventually(lambda: line.told != [])
        assert line.told == [3]
        assert line.link.is_open


async def test_an_event_without_end_closes_the_line() -> None:
    async with line_to(streaming(HELLO, b"data: " + b"x" * (2 * MAX_EVENT_BYTES), ends=False)) as line:
        await eventually(lambda: line.lost == 1)
        assert not line.link.is_open
        assert line.abuses == ["peer_limit_exceeded: an event of more than 65536 bytes"]


STRICT = EventLinkSettings(2_000, 2_000, 1, abused_ms=50, allowed=LineRule(lines=1_000, lines_per_s=500))
TOO_MUCH = f"peer_limit_exceeded: its event line says more than {STRICT.allowed}"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (chunk(b":\n\n" * 2_000), TOO_MUCH),
        (chunk(b"x\n" * 3_000), TOO_MUCH),
        (chunk(b"event: zz\ndata: {}\n\n" * 2_000), TOO_MUCH),
        (chunk(b'event: tree\ndata: {"x":1}\n\n' * 2_000), TOO_MUCH),
        (chunk(b":") * 20_000, "http_protocol_error: the framing of its chunks"),
    ],
    ids=["comments", "unknown lines", "unknown events", "empty events", "tiny chunks"],
)
async def test_a_line_that_says_too_much_is_broken_off_named_and_tried_again_later(said: bytes, why: str) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        if line.server.accepted == 1:
            await wire.send(HEAD + chunk(HELLO) + said)
            await wire.gone()
        await wire.send(HEAD + chunk(HELLO))
        while True:
            await wire.drip(chunk(b":\n"))

    with capture_logs() as logs:
        async with line_to(script, STRICT, wanted=False) as line:
            line.link.want(True)
            await eventually(lambda: len(line.abuses) == 2)
            assert line.link.is_open
    assert (line.abuses[0] or "").startswith(why)
    assert line.abuses[1] is None
    told = [(one["event"], one["log_level"]) for one in logs if one["log_level"] != "debug"]
    assert told == [("event line of a peer broken off", "warning"), ("event line of a peer well again", "info")]


async def test_what_came_while_the_line_was_broken_may_all_be_told_at_once() -> None:
    async with line_to(streaming(*(news(seq) for seq in range(1, 1001)), ends=False)) as line:
        await eventually(lambda: len(line.faults.ring.after(line.faults.first - 1, 2_000)[0]) >= 100)
        await eventually(lambda: line.faults.ring.newest - line.faults.first + 1 >= 1_000)
        assert line.abuses == []


def test_opening_a_line_again_allows_no_more_than_time_does() -> None:
    allowance = LineAllowance(LineRule(lines=10, lines_per_s=5, size_bytes=100, bytes_per_s=50), 0.0)
    assert allowance.take(b"\n" * 10, 0.0)
    assert not allowance.take(b"\n", 0.0)
    assert allowance.take(b"\n" * 5, 1.0)
    assert not allowance.take(b"x" * 101, 60.0)
    assert allowance.take(b"x" * 100, 120.0)


async def test_a_line_that_breaks_is_lost_and_opened_again() -> None:
    async with line_to(breaking_once(HEAD + chunk(HELLO)), QUICK) as line:
        await eventually(lambda: line.told == [3, 3])
        assert (line.lost, line.link.is_open) == (1, True)


async def test_a_line_on_which_nothing_comes_is_lost() -> None:
    settings = EventLinkSettings(open_timeout_ms=2_000, idle_ms=50, retry_ms=60_000)
    async with line_to(streaming(HELLO, ends=False), settings) as line:
        await eventually(lambda: line.lost == 1)
        assert line.told == [3]


@pytest.mark.parametrize("status", [b"404 X", b"503 X", b"204 X", b"401 X"])
async def test_a_peer_without_events_was_never_open_so_nothing_is_lost(status: bytes) -> None:
    async def script(wire: Wire) -> None:
        length = b"" if status.startswith(b"204") else b"content-length: 0\r\n"
        while True:
            await wire.request()
            await wire.send(b"HTTP/1.1 " + status + b"\r\n" + length + b"\r\n")

    async with line_to(script, QUICK) as line:
        await eventually(lambda: len(line.server.requests) >= 2)
        assert (line.lost, line.told) == (0, [])


async def test_a_peer_that_refuses_is_tried_again_and_nothing_is_lost() -> None:
    async with line_to(breaking_once(b""), QUICK) as line:
        await eventually(lambda: line.told == [3])
        assert (line.lost, line.server.accepted > 1) == (0, True)


async def test_a_line_that_is_not_wanted_is_not_opened_until_it_is() -> None:
    async with line_to(streaming(HELLO), wanted=False) as line:
        for _ in range(10):
            await asyncio.sleep(0)
        assert line.server.accepted == 0
        line.link.want(True)
        await eventually(lambda: line.told == [3])


async def test_a_line_that_is_wanted_no_more_is_not_opened_again() -> None:
    release = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(HEAD + chunk(HELLO))
        await release.wait()
        await wire.send(chunk(b""))

    async with line_to(script, QUICK) as line:
        await eventually(lambda: line.told == [3])
        line.link.want(False)
        assert line.link.is_open
        release.set()
        await eventually(lambda: line.lost == 1)
        await asyncio.sleep(QUICK.retry_ms * 10 / 1000)
        assert line.server.accepted == 1


async def test_an_answer_with_a_length_is_read_to_its_end() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK)
        await wire.gone()

    async with line_to(script) as line:
        await eventually(lambda: line.lost == 1)
        assert line.told == []


def news(seq: int, origin: str = "F" * 22, boot: str = "boot") -> bytes:
    event = {
        "event_type": "fault_confirmed",
        "timestamp": 1.5,
        "fault": {"fault_code": "X", "severity": 2, "status": "CONFIRMED", "reporting_sources": ["x"]},
    }
    data = render_news(FaultNews(origin, 7, seq, event, "apps/x"))
    assert data is not None
    return f"event: fault\nid: {boot}:{seq}\ndata: {data}\n\n".encode()


def taken(faults: FaultExchange) -> list[str]:
    """What was taken in: numbers of news, and what was lost."""
    found = [entry for _, entry in faults.ring.after(faults.first - 1, 100)[0]]
    return [f"{each.origin[0]}{each.seq}" if isinstance(each, FaultNews) else str(each) for each in found]


async def test_news_of_faults_are_taken_in_and_no_strangers() -> None:
    lines = (HELLO, news(1), news(2), b"event: fault\ndata: nonsense\n\n", news(1, STRANGER), news(3))
    async with line_to(streaming(*lines, ends=False)) as line:
        await eventually(lambda: taken(line.faults) == ["F1", "F2", "F3"])


async def test_what_a_peer_could_not_keep_for_us_is_named() -> None:
    gaps = [
        b"event: gap\ndata: %s\n\n" % told for told in (b'{"faults":12}', b'{"missed":3}', b'{"faults":true}', b"[]")
    ]
    async with line_to(streaming(*gaps, news(9), ends=False)) as line:
        await eventually(lambda: taken(line.faults) == [str(NewsLost("b", 12)), "F9"])


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        (HELLO, None),
        (b'event: hello\ndata: {"generation":3,"faults":"boot:41"}\n\n', b"boot:41"),
        (b'event: hello\ndata: {"generation":3,"faults":"boot:41"}\n\n' + news(42), b"boot:42"),
        (news(42), b"boot:42"),
        (b'event: hello\ndata: {"generation":3,"faults":7}\n\n', None),
        (b'event: hello\ndata: {"generation":3,"faults":"%s"}\n\n' % (b"x" * 101), None),
        (news(42, boot="x" * 200), None),
    ],
)
async def test_a_line_that_is_opened_again_goes_on_after_what_was_heard(said: bytes, asked: bytes | None) -> None:
    async with line_to(ending_once(said), QUICK) as line:
        await eventually(lambda: len(line.server.requests) >= 2)
        first, second = line.server.requests[:2]
        assert b"last-event-id" not in first.lower()
        assert (b"last-event-id: " + asked in second.lower()) if asked else (b"last-event-id" not in second.lower())
