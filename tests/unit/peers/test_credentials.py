"""What a peer is shown: a token of a file that changes, or one signed in for; and who is never shown anything."""

import asyncio
import json
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from structlog.testing import capture_logs

from discovery.endpoint import FoundBy, PeerEndpoint
from discovery.settings import PeerSetting
from gateway.file_thread import in_file_thread
from gateway.peer_credentials import PeerCredentials
from gateway.peer_terms import PeerTerms
from gateway.settings import AggregationSettings
from peers.client import PeerAnswer, PeerClient, PeerError, PeerRequest
from peers.credential import Credential, parse_token
from peers.errors import PeerReason
from peers.secret import Secret
from peers.sign_in import MAX_RETRY_S, REPLACE_S, SignIn
from peers.tls import PeerTls, TlsFiles
from peers.token_file import CHECK_S, RECHECK_S, TokenFile
from tests.unit.peers.wire_server import Script, Wire, client_to, serving, within

READ = PeerRequest("GET", "/api/v1/health")
T = TypeVar("T")


class Clock:
    """Monotonic seconds that only the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Guarded:
    """A peer that lets in whoever shows one of `good`, and gives out tokens for the secret `right`."""

    def __init__(self, *good: str, life_s: Any = 100) -> None:
        self.good = set(good)
        self.life_s = life_s
        self.shown: list[str] = []
        self.sign_ins: list[tuple[str, dict[str, Any]]] = []
        self.says: tuple[int, dict[str, Any], dict[str, str]] | None = None
        self.held: asyncio.Event | None = None

    async def __call__(self, wire: Wire) -> None:
        while True:
            head, _, body = (await wire.request()).partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            path = lines[0].split(" ")[1]
            shown = [line.partition(": ")[2] for line in lines if line.lower().startswith("authorization:")]
            if path.startswith("/api/v1/auth/"):
                assert shown == []
                await wire.send(await self._grant(path.rpartition("/")[2], json.loads(body)))
            else:
                self.shown.append(", ".join(shown))
                let_in = bool(shown) and shown[0].removeprefix("Bearer ") in self.good
                await wire.send(response(200 if let_in else 401, {"ok": let_in}))

    async def _grant(self, what: str, body: dict[str, Any]) -> bytes:
        self.sign_ins.append((what, body))
        if self.held is not None:
            await self.held.wait()
        if self.says is not None:
            return response(*self.says)
        right = body.get("client_secret") == "right" or body.get("refresh_token") == f"refresh{len(self.sign_ins) - 1}"
        if not right:
            return response(401, {"error": "invalid_client"})
        access = f"access{len(self.sign_ins)}"
        self.good.add(access)
        told = {"access_token": access, "refresh_token": f"refresh{len(self.sign_ins)}"}
        return response(200, told if self.life_s is None else {**told, "expires_in": self.life_s})


def response(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> bytes:
    text = json.dumps(body)
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    return f"HTTP/1.1 {status} X\r\n{lines}content-length: {len(text)}\r\n\r\n{text}".encode()


async def status(client: PeerClient, request: PeerRequest = READ) -> int | str:
    """What the peer answers, or the reason why it was not asked."""
    fetched = await client.fetch(request, deadline=within(), cap=1000)
    return fetched.reason.value if isinstance(fetched, PeerError) else fetched.status


def renewed(path: Path, text: str) -> None:
    """Puts another file in the place of the one there is, as whoever keeps a token current does."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


async def test_a_token_of_a_file_is_shown_with_every_request_and_read_again_when_it_changes(tmp_path: Path) -> None:
    file, clock, peer = tmp_path / "token", Clock(), Guarded("one", "two")
    file.write_text("one\n")
    async with serving(peer) as server, client_to(server.url, credential=TokenFile("b", file, clock=clock)) as client:
        assert await status(client) == 200
        answer = await client.send(PeerRequest("PUT", "/x", body=b"{}"), deadline=within())
        assert isinstance(answer, PeerAnswer)
        await answer.aclose()
        renewed(file, "two")
        assert await status(client) == 200
        clock.now += CHECK_S
        assert await status(client) == 200
    assert peer.shown == ["Bearer one", "Bearer one", "Bearer one", "Bearer two"]


async def test_a_token_that_is_refused_is_read_again_at_once(tmp_path: Path) -> None:
    file, clock, peer = tmp_path / "token", Clock(), Guarded("one")
    file.write_text("one")
    async with serving(peer) as server, client_to(server.url, credential=TokenFile("b", file, clock=clock)) as client:
        assert await status(client) == 200
        peer.good = {"two"}
        clock.now += RECHECK_S
        assert await status(client) == 401
        renewed(file, "two")
        clock.now += RECHECK_S
        assert await status(client) == 200
    assert peer.shown == ["Bearer one", "Bearer one", "Bearer two"]


@pytest.mark.parametrize("text", ["", "\n", "two words", "a\nb", "x" * 9000, "tökén", "a\0b", "tab\there"])
async def test_what_is_no_token_is_not_shown_and_never_told(tmp_path: Path, text: str) -> None:
    file, clock, peer = tmp_path / "token", Clock(), Guarded("one")
    file.write_text(text)
    credential = TokenFile("b", file, clock=clock)
    with capture_logs() as logs:
        async with serving(peer) as server, client_to(server.url, credential=credential) as client:
            assert await status(client) == "auth"
            assert server.requests == []
            renewed(file, "one")
            assert await status(client) == 200
            renewed(file, text)
            clock.now += CHECK_S
            assert await status(client) == 200
    assert peer.shown == ["Bearer one", "Bearer one"]
    assert [entry["event"] for entry in logs] == [
        "token of a peer cannot be read",
        "token of a peer read",
        "token of a peer cannot be read",
    ]
    assert "one" not in {str(value) for entry in logs for value in entry.values()}


async def test_a_file_that_is_gone_keeps_the_last_token_in_use(tmp_path: Path) -> None:
    file, clock, peer = tmp_path / "token", Clock(), Guarded("one")
    file.write_text("one")
    async with serving(peer) as server, client_to(server.url, credential=TokenFile("b", file, clock=clock)) as client:
        assert await status(client) == 200
        file.unlink()
        clock.now += CHECK_S
        assert await status(client) == 200


def signing_in(folder: Path, clock: Callable[[], float], *, secret: str = "right\n") -> SignIn:
    file = folder / "secret"
    file.write_text(secret)
    return SignIn("b", "gateway_a", file, clock=clock)


async def test_who_signs_in_does_so_once_for_many_requests_and_renews_before_the_end(tmp_path: Path) -> None:
    clock, peer = Clock(), Guarded(life_s=100)
    async with serving(peer) as server, client_to(server.url, credential=signing_in(tmp_path, clock)) as client:
        assert [await status(client) for _ in range(3)] == [200] * 3
        clock.now += 79
        assert await status(client) == 200
        clock.now += 2
        assert await status(client) == 200
    assert peer.sign_ins == [
        ("authorize", {"grant_type": "client_credentials", "client_id": "gateway_a", "client_secret": "right"}),
        ("token", {"grant_type": "refresh_token", "refresh_token": "refresh1"}),
    ]
    assert peer.shown == ["Bearer access1"] * 4 + ["Bearer access2"]


async def test_of_many_that_come_at_once_one_signs_in_and_all_have_its_token(tmp_path: Path) -> None:
    clock, peer = Clock(), Guarded()
    peer.held = asyncio.Event()
    async with serving(peer) as server, client_to(server.url, credential=signing_in(tmp_path, clock)) as client:
        asking = [asyncio.create_task(status(client)) for _ in range(20)]
        while not peer.sign_ins:
            await asyncio.sleep(0.01)
        asking[0].cancel()
        peer.held.set()
        results = await asyncio.gather(*asking, return_exceptions=True)
    assert results[1:] == [200] * 19
    assert len(peer.sign_ins) <= 2  # the one that was cancelled may have been it


async def test_a_refresh_token_that_is_refused_leads_to_a_new_sign_in(tmp_path: Path) -> None:
    clock, peer = Clock(), Guarded(life_s=100)
    async with serving(peer) as server, client_to(server.url, credential=signing_in(tmp_path, clock)) as client:
        assert await status(client) == 200
        peer.sign_ins.append(("", {}))  # the peer counts otherwise now: what it gave out is no good
        clock.now += 81
        assert await status(client) == 200
    assert [what for what, _ in peer.sign_ins] == ["authorize", "", "token", "authorize"]


async def test_a_token_that_is_refused_is_replaced_once_and_the_request_sent_again(tmp_path: Path) -> None:
    clock, peer = Clock(), Guarded(life_s=1000)
    async with serving(peer) as server, client_to(server.url, credential=signing_in(tmp_path, clock)) as client:
        assert await status(client) == 200
        peer.good.clear()
        assert await status(client) == 401
        clock.now += REPLACE_S
        assert await status(client, PeerRequest("PUT", "/x", body=b"{}")) == 200
    assert [what for what, _ in peer.sign_ins] == ["authorize", "authorize"]
    assert peer.shown == ["Bearer access1", "Bearer access1", "Bearer access1", "Bearer access2"]


async def test_a_body_that_flows_is_not_sent_a_second_time(tmp_path: Path) -> None:
    async def body() -> Any:
        yield b"{}"

    clock, peer = Clock(), Guarded(life_s=1000)
    async with serving(peer) as server, client_to(server.url, credential=signing_in(tmp_path, clock)) as client:
        assert await status(client) == 200
        peer.good.clear()
        clock.now += REPLACE_S
        assert await status(client, PeerRequest("PUT", "/x", body=body(), content_length=2)) == 401
        assert await status(client) == 200


async def test_after_a_failed_sign_in_the_peer_is_left_alone_for_a_while(tmp_path: Path) -> None:
    clock, peer = Clock(), Guarded()
    credential = signing_in(tmp_path, clock, secret="wrong")
    with capture_logs() as logs:
        async with serving(peer) as server, client_to(server.url, credential=credential) as client:
            asked = []
            for _ in range(100):
                assert await status(client) == "auth"
                asked.append(len(peer.sign_ins))
                clock.now += 1
            assert asked[0] == 1
            assert len(peer.sign_ins) < 10
            (tmp_path / "secret").write_text("right")
            clock.now += MAX_RETRY_S
            assert await status(client) == 200
    assert peer.shown == ["Bearer access" + str(len(peer.sign_ins))]
    assert [entry["event"] for entry in logs] == ["no token from a peer", "signed in at a peer"]
    assert "wrong" not in str(logs)


async def test_a_peer_that_says_when_to_come_again_is_believed(tmp_path: Path) -> None:
    clock, peer = Clock(), Guarded()
    peer.says = (429, {}, {"Retry-After": "60"})
    async with serving(peer) as server, client_to(server.url, credential=signing_in(tmp_path, clock)) as client:
        for _ in range(6):
            assert await status(client) == "auth"
            clock.now += 9
        assert len(peer.sign_ins) == 1
        peer.says = None
        clock.now += 9
        assert await status(client) == 200


BAD_GRANTS: list[tuple[dict[str, Any], str]] = [
    ({}, "invalid_json"),
    ({"access_token": ""}, "invalid_json"),
    ({"access_token": "two words"}, "invalid_json"),
    ({"access_token": "a\r\nX-Evil: 1"}, "invalid_json"),
    ({"access_token": 7}, "invalid_json"),
    ({"access_token": "x" * 9000}, "invalid_json"),
]


@pytest.mark.parametrize(("told", "reason"), BAD_GRANTS)
async def test_a_sign_in_that_brings_no_token_is_a_failure(tmp_path: Path, told: dict[str, Any], reason: str) -> None:
    clock, peer = Clock(), Guarded()
    peer.says = (200, told, {})
    async with serving(peer) as server, client_to(server.url, credential=signing_in(tmp_path, clock)) as client:
        assert await status(client) == reason
    assert peer.shown == []


@pytest.mark.parametrize("life", [None, 0, -5, True, "100", 1e300, 10**30])
async def test_a_life_that_is_none_is_an_hour(tmp_path: Path, life: Any) -> None:
    clock, peer = Clock(), Guarded(life_s=life)
    async with serving(peer) as server, client_to(server.url, credential=signing_in(tmp_path, clock)) as client:
        assert await status(client) == 200
        clock.now += 2800
        assert await status(client) == 200
    assert len(peer.sign_ins) == 1


@pytest.mark.parametrize(("code", "reason"), [(404, "auth"), (403, "auth"), (400, "auth"), (503, "http_request_error")])
async def test_a_peer_that_gives_out_no_tokens_is_named_for_it(tmp_path: Path, code: int, reason: str) -> None:
    clock, peer = Clock(), Guarded()
    peer.says = (code, {}, {})
    async with serving(peer) as server, client_to(server.url, credential=signing_in(tmp_path, clock)) as client:
        assert await status(client) == reason


async def test_a_peer_that_is_not_there_is_named_for_that(tmp_path: Path) -> None:
    clock = Clock()
    async with serving(Guarded()) as server:
        url = server.url
    async with client_to(url, credential=signing_in(tmp_path, clock)) as client:
        assert [await status(client) for _ in range(2)] == ["connection_refused"] * 2


@pytest.mark.parametrize("trouble", ["missing", "empty", "long", "bytes"])
async def test_a_secret_that_cannot_be_read_is_told_by_its_file(tmp_path: Path, trouble: str) -> None:
    credential = signing_in(tmp_path, Clock())
    file = tmp_path / "secret"
    match trouble:
        case "missing":
            file.unlink()
        case "empty":
            file.write_text(" \n")
        case "long":
            file.write_text("x" * 5000)
        case _:
            file.write_bytes(b"\xff\xfe")
    async with serving(Guarded()) as server, client_to(server.url, credential=credential) as client:
        fetched = await client.fetch(READ, deadline=within(), cap=1000)
    assert isinstance(fetched, PeerError)
    assert (fetched.reason, str(file) in fetched.detail) == (PeerReason.AUTH, True)


CLIENTS_OWN = PeerRequest("GET", "/x", authorization=Secret("Bearer of-the-client"))


@pytest.mark.parametrize(
    ("passes_on", "has_credential", "shown"),
    [
        (False, False, ""),
        (False, True, "Bearer one"),
        (True, False, "Bearer of-the-client"),
        (True, True, "Bearer of-the-client"),
    ],
)
async def test_a_client_s_own_authorization_goes_on_only_where_it_may(
    tmp_path: Path, passes_on: bool, has_credential: bool, shown: str
) -> None:
    (tmp_path / "token").write_text("one")
    credential = TokenFile("b", tmp_path / "token", clock=Clock()) if has_credential else None
    peer = Guarded("one", "of-the-client")
    async with (
        serving(peer) as server,
        client_to(server.url, credential=credential, passes_authorization=passes_on) as client,
    ):
        await status(client, CLIENTS_OWN)
        await status(client)
    assert peer.shown == [shown, "Bearer one" if has_credential else ""]


async def test_a_refusal_is_meant_for_us_unless_the_client_spoke_for_itself(tmp_path: Path) -> None:
    scope = {"WWW-Authenticate": 'Bearer realm="x", error="insufficient_scope"'}
    for code, headers, body, is_for_us in (
        (401, {}, {}, True),
        (403, scope, {}, True),
        (403, {}, {"error": "insufficient_scope"}, True),
        (403, {}, {"error_code": "vendor-error", "vendor_code": "x-medkit-data-read-only"}, False),
        (403, {}, {"error_code": "forbidden", "message": "insufficient_scope"}, False),
        (404, scope, {}, False),
        (200, {}, {"error": "insufficient_scope"}, False),
    ):
        async with serving(saying(response(code, body, headers))) as server:
            for passes_on in (False, True):
                async with client_to(server.url, passes_authorization=passes_on) as client:
                    answer = await client.send(CLIENTS_OWN, deadline=within(), hold=1000)
                    assert isinstance(answer, PeerAnswer)
                    assert client.refuses_us(CLIENTS_OWN, answer) is (is_for_us and not passes_on)
                    assert client.refuses_us(READ, answer) is is_for_us
                    await answer.aclose()


async def test_a_role_that_does_not_suffice_is_told_in_the_log_once_and_so_is_its_end() -> None:
    too_low, fine = response(403, {}, {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}), response(200, {})
    write = PeerRequest("PUT", "/api/v1/apps/a/data/x", body=b"{}")
    answers = iter([too_low, too_low, fine, fine, fine])

    async def script(wire: Wire) -> None:
        while True:
            await wire.request()
            await wire.send(next(answers))

    with capture_logs() as logs:
        async with serving(script) as server, client_to(server.url) as client:
            for request in (write, write, READ, write, write):
                answer = await client.send(request, deadline=within(), hold=1000)
                assert isinstance(answer, PeerAnswer)
                client.refuses_us(request, answer)
                await answer.aclose()
    told = [(entry["log_level"], entry["event"], entry["method"]) for entry in logs if "role" in entry["event"]]
    assert told == [
        ("warning", "role at a peer does not suffice", "PUT"),
        ("info", "role at a peer suffices again", "PUT"),
    ]


def saying(answer: bytes) -> Script:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(answer)

    return script


def test_nothing_shows_a_secret() -> None:
    secret = Secret("opensesame")
    shown = [
        *(repr(secret), str(secret), f"{secret}", repr([secret])),
        repr(PeerRequest("GET", "/x", (("X", "opensesame"),), b"opensesame", authorization=secret)),
        repr(parse_token("opensesame")),
    ]
    assert [text for text in shown if "opensesame" in text] == []


async def test_what_cannot_stand_in_a_header_is_a_mistake_that_quotes_nothing() -> None:
    bad = PeerRequest("GET", "/x", authorization=Secret("Bearer a\r\nX: opensesame"))
    async with serving(Guarded()) as server, client_to(server.url, passes_authorization=True) as client:
        with pytest.raises(ValueError, match="no header value") as raised:
            await client.fetch(bad, deadline=within(), cap=10)
    assert "opensesame" not in str(raised.value)


SETTINGS = AggregationSettings(
    enabled=True,
    forward_auth=True,
    peers=(
        PeerSetting(name="file", url="https://a:1", token_file=Path("t")),
        PeerSetting(name="client", url="https://b:1", client_id="x", client_secret_file=Path("s")),
        PeerSetting(name="bare", url="https://c:1"),
    ),
)


@pytest.mark.parametrize("found_by", list(FoundBy))
@pytest.mark.parametrize(("name", "kind"), [("file", TokenFile), ("client", SignIn), ("bare", None), ("other", None)])
def test_a_discovered_peer_is_shown_nothing_whatever_it_is_called(
    found_by: FoundBy, name: str, kind: type[Credential] | None
) -> None:
    credentials = PeerCredentials(SETTINGS)
    endpoint = PeerEndpoint(name, "https://a:1", found_by)
    is_static = found_by is FoundBy.STATIC
    found = credentials.of(endpoint)
    assert (None if found is None else type(found)) == (kind if is_static else None)
    assert credentials.passes_on(endpoint) is is_static
    assert not credentials.passes_on(PeerEndpoint(name, "http://a:1", found_by))
    assert not PeerCredentials(AggregationSettings()).passes_on(endpoint)


def test_the_clients_of_a_peer_share_its_credential() -> None:
    credentials = PeerCredentials(SETTINGS)
    endpoint = PeerEndpoint("client", "https://b:1")
    assert credentials.of(endpoint) is credentials.of(endpoint)


def test_of_new_settings_only_what_changed_is_made_anew() -> None:
    """Or every gateway would sign in again at all its peers, because one was added."""
    terms = PeerTerms(SETTINGS)
    of_client, of_file = PeerEndpoint("client", "https://b:1"), PeerEndpoint("file", "https://a:1")
    signed_in, token, tls = terms.credential(of_client), terms.credential(of_file), terms.tls(of_client)
    file, client, bare = SETTINGS.peers
    other_file = replace(file, token_file=Path("u"), ca_file=Path("ca"))
    terms.take(replace(SETTINGS, peers=(bare, other_file, replace(client, timeout_ms=100))))
    assert terms.credential(of_client) is signed_in
    assert terms.tls(of_client) is tls
    assert terms.credential(of_file) is not token
    assert terms.tls(of_file) is not tls
    terms.take(replace(SETTINGS, peers=(replace(client, url="https://elsewhere:1"),)))
    assert terms.credential(of_client) not in (signed_in, None)
    assert terms.credential(of_file) is None


async def test_files_that_do_not_answer_hold_up_nobody_else_and_leave_what_was_good(tmp_path: Path) -> None:
    """More of them than all share threads: as many peers' files on a mount that is dead."""
    file, clock, mount = tmp_path / "token", Clock(), threading.Event()
    file.write_text("one")
    mount.set()

    def in_thread(work: Callable[[], T]) -> asyncio.Future[T]:
        def late() -> T:
            mount.wait()
            return work()

        return in_file_thread(late)

    good = TokenFile("b", file, clock=clock, in_thread=in_thread)
    assert isinstance(await good.obtain(nobody, deadline=within()), Secret)
    mount.clear()
    clock.now += CHECK_S
    bad: list[Credential] = [TokenFile("b", file, clock=clock, in_thread=in_thread) for _ in range(40)]
    bad += [SignIn("b", "a", file, clock=clock, in_thread=in_thread) for _ in range(40)]
    certificates = [PeerTls(TlsFiles(ca_file=file), in_thread=in_thread) for _ in range(40)]
    waiting = [asyncio.create_task(tls.context()) for tls in certificates]
    asked = [one.obtain(nobody, deadline=asyncio.get_running_loop().time() + 0.2) for one in bad]
    assert {error.reason for error in await asyncio.gather(*asked) if isinstance(error, PeerError)} == {
        PeerReason.AUTH,
        PeerReason.HTTP_RESPONSE_TIMEOUT,
    }
    assert await asyncio.wait_for(asyncio.to_thread(lambda: "answered"), 30) == "answered"
    assert isinstance(await good.obtain(nobody, deadline=within()), Secret)
    mount.set()
    await asyncio.wait_for(asyncio.gather(*waiting), 30)


async def test_a_fifo_in_the_place_of_a_secret_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for credential in (TokenFile("b", fifo, clock=Clock()), SignIn("b", "a", fifo, clock=Clock())):
        error = await credential.obtain(nobody, deadline=within())
        assert isinstance(error, PeerError)
        assert "not a regular file" in error.detail


async def nobody(*_: object) -> PeerError:
    return PeerError(PeerReason.CONNECTION_REFUSED, "nobody")
