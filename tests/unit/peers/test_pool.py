"""The connections to one peer: shared under limits, waited for, reused, and never reused when they are poisoned."""

import asyncio

from peers.client import PeerAnswer, PeerError, PeerRequest
from peers.descriptors import Descriptors
from peers.errors import PeerReason
from peers.settings import TransportSettings
from tests.unit.peers.wire_server import (
    BRIEF_S,
    OK,
    Wire,
    answering,
    client_to,
    eventually,
    serving,
    serving_ok,
    within,
)

GET = PeerRequest("GET", "/api/v1/health")
POISON = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison"


async def mute(wire: Wire) -> None:
    """Reads a request and never answers."""
    await wire.request()
    await wire.gone()


async def test_requests_one_after_the_other_share_a_connection() -> None:
    async with serving(serving_ok) as server, client_to(server.url) as client:
        for _ in range(10):
            assert isinstance(await client.send(GET, deadline=within()), PeerAnswer)
        assert server.accepted == 1
        assert repr(client) == f"<PeerClient {server.url} <ConnectionPool peer_b: 0 active, 1 idle, 0 queued>>"


async def test_three_hundred_requests_share_no_more_connections_than_the_limit() -> None:
    most = under_way = 0
    go_on = asyncio.Event()

    async def script(wire: Wire) -> None:
        nonlocal most, under_way
        while True:
            await wire.request()
            under_way += 1
            most = max(most, under_way)
            await go_on.wait()
            under_way -= 1
            await wire.send(OK)

    async with serving(script) as server, client_to(server.url, connect_timeout_ms=5000) as client:
        sending = [asyncio.create_task(client.send(GET, deadline=within())) for _ in range(300)]
        await eventually(lambda: under_way == 256)
        assert repr(client).endswith("256 active, 0 idle, 44 queued>>")
        go_on.set()
        assert all(isinstance(answer, PeerAnswer) for answer in await asyncio.gather(*sending))
        assert (most, server.accepted) == (256, 256)
        assert repr(client).endswith("0 active, 256 idle, 0 queued>>")


async def test_a_request_that_gets_no_slot_in_time_was_not_sent() -> None:
    async with serving(mute) as server, client_to(server.url, max_requests=1) as client:
        first = asyncio.create_task(client.send(GET, deadline=within()))
        await eventually(lambda: len(server.requests) == 1)
        second = await client.send(GET, deadline=within(BRIEF_S))
        assert isinstance(second, PeerError)
        assert (second.reason, second.sent) == (PeerReason.CONNECTION_LIMIT_REACHED, False)
        assert repr(client).endswith("1 active, 0 idle, 0 queued>>")
        first.cancel()
        await asyncio.wait([first])


async def test_cancelling_a_request_closes_its_connection_and_frees_its_slot_at_once() -> None:
    closed = asyncio.Event()

    async def script(wire: Wire) -> None:
        await mute(wire)
        closed.set()

    async with serving(script) as server, client_to(server.url, max_requests=1) as client:
        sending = asyncio.create_task(client.send(GET, deadline=within()))
        await eventually(lambda: len(server.requests) == 1)
        sending.cancel()
        await asyncio.wait([sending])
        assert repr(client).endswith("0 active, 0 idle, 0 queued>>")
        await eventually(closed.is_set)


async def test_a_cancellation_in_the_moment_of_the_answer_does_not_hurt_who_uses_the_connection_next() -> None:
    async with serving(serving_ok) as server, client_to(server.url) as client:
        first = asyncio.create_task(client.send(GET, deadline=within()))
        while client.figures.idle == 0:
            await asyncio.sleep(0)
        assert not first.done()
        first.cancel()
        assert isinstance(await client.send(GET, deadline=within()), PeerAnswer)
        assert (first.cancelled(), server.accepted, client.figures.idle) == (True, 1, 1)


async def test_cancelling_one_that_waits_for_a_slot_leaves_the_queue_in_order() -> None:
    release = asyncio.Event()

    async def script(wire: Wire) -> None:
        while True:
            await wire.request()
            await release.wait()
            await wire.send(OK)

    async with serving(script) as server, client_to(server.url, max_requests=1) as client:
        sending = [asyncio.create_task(client.send(GET, deadline=within())) for _ in range(3)]
        await eventually(lambda: client.figures.queued == 2 and len(server.requests) == 1)
        sending[1].cancel()
        await asyncio.wait([sending[1]])
        assert repr(client).endswith("1 active, 0 idle, 1 queued>>")
        release.set()
        assert isinstance(await sending[2], PeerAnswer)
        assert isinstance(await sending[0], PeerAnswer)
        assert repr(client).endswith("0 active, 1 idle, 0 queued>>")


async def test_fewer_slots_hold_also_for_those_who_wait_already() -> None:
    under_way = 0
    go_on = asyncio.Event()

    async def script(wire: Wire) -> None:
        nonlocal under_way
        while True:
            await wire.request()
            under_way += 1
            await go_on.wait()
            under_way -= 1
            await wire.send(OK)

    async with serving(script) as server, client_to(server.url, max_requests=4) as client:
        first = [asyncio.create_task(client.send(GET, deadline=within())) for _ in range(4)]
        await eventually(lambda: under_way == 4)
        later = [asyncio.create_task(client.send(GET, deadline=within())) for _ in range(8)]
        await eventually(lambda: client.figures.queued == 8)
        client.limit_to(TransportSettings(max_requests=1))
        first[0].cancel()
        await asyncio.wait([first[0]])
        assert (client.figures.requests, client.figures.queued) == (3, 8)
        go_on.set()
        assert all(isinstance(one, PeerAnswer) for one in await asyncio.gather(*first[1:], *later))
        assert (client.figures.requests, client.figures.queued) == (0, 0)


async def test_more_slots_are_given_to_those_who_wait_at_once() -> None:
    async with serving(mute) as server, client_to(server.url, max_requests=1) as client:
        sending = [asyncio.create_task(client.send(GET, deadline=within())) for _ in range(4)]
        await eventually(lambda: client.figures.queued == 3)
        client.limit_to(TransportSettings(max_requests=3))
        assert (client.figures.requests, client.figures.queued) == (3, 1)
        for task in sending:
            task.cancel()
        await asyncio.wait(sending)


async def test_unused_connections_are_closed_after_the_time_that_holds_now() -> None:
    async with serving(serving_ok) as server, client_to(server.url, idle_keep_ms=3_600_000) as client:
        assert isinstance(await client.send(GET, deadline=within()), PeerAnswer)
        client.limit_to(TransportSettings(idle_keep_ms=50))
        assert client.figures.idle == 0
        assert isinstance(await client.send(GET, deadline=within()), PeerAnswer)
        assert client.figures.idle == 1
        await eventually(lambda: client.figures.idle == 0)


async def test_a_slot_that_comes_in_the_moment_of_the_cancellation_is_not_lost() -> None:
    async with serving(serving_ok) as server, client_to(server.url, max_requests=1) as client:
        leased = await client._pool.lease(within())
        waiting = asyncio.create_task(client._pool.lease(within()))
        await eventually(lambda: client.figures.queued == 1)
        assert not isinstance(leased, PeerError)
        client._pool.released(leased, reusable=True)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert repr(client).endswith("0 active, 1 idle, 0 queued>>")


async def test_streams_and_requests_do_not_take_each_others_slots() -> None:
    async with serving(mute) as server, client_to(server.url, max_requests=1, max_streams=1) as client:
        sending = [
            asyncio.create_task(client.send(GET, deadline=within(), stream=stream))
            for stream in (True, True, False, False)
        ]
        await eventually(lambda: len(server.requests) == 2 and client.figures.queued == 2)
        assert (client.figures.streams, client.figures.requests) == (1, 1)
        for task in sending:
            task.cancel()
        await asyncio.wait(sending)


async def test_a_late_second_answer_never_reaches_the_next_request() -> None:
    late = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK)
        await late.wait()
        await wire.send(POISON)
        await serving_ok(wire)

    async with serving(script) as server, client_to(server.url) as client:
        assert isinstance(await client.send(GET, deadline=within()), PeerAnswer)
        late.set()
        await eventually(lambda: client.figures.unasked == 1)
        assert client.figures.idle == 0
        answer = await client.send(GET, deadline=within())
        assert isinstance(answer, PeerAnswer)
        assert (answer.body_ready, server.accepted) == (b"ok", 2)


async def test_bytes_that_wait_unread_in_the_socket_are_noticed_before_it_is_used() -> None:
    late = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK)
        await late.wait()
        await wire.send(POISON)
        await serving_ok(wire)

    async with serving(script) as server, client_to(server.url) as client:
        assert isinstance(await client.send(GET, deadline=within()), PeerAnswer)
        (connection,) = client._pool._idle
        connection.pause()  # as if the loop had not yet come to read it
        assert connection.is_clean
        late.set()
        await eventually(lambda: not connection.is_clean)
        answer = await client.send(GET, deadline=within())
        assert isinstance(answer, PeerAnswer)
        assert (answer.body_ready, server.accepted) == (b"ok", 2)


async def test_a_second_answer_in_the_same_packet_costs_the_connection() -> None:
    async with serving(answering(OK + POISON)) as server, client_to(server.url) as client:
        for count in (1, 2):
            answer = await client.send(GET, deadline=within())
            assert isinstance(answer, PeerAnswer)
            assert (answer.body_ready, server.accepted) == (b"ok", count)
        assert client.figures.unasked == 2


async def test_a_connection_the_peer_wants_closed_is_not_kept() -> None:
    close = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"
    async with serving(answering(close)) as server, client_to(server.url) as client:
        assert isinstance(await client.send(GET, deadline=within()), PeerAnswer)
        assert repr(client).endswith("0 active, 0 idle, 0 queued>>")


async def test_a_connection_the_peer_closed_leaves_the_pool() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK)

    async with serving(script) as server, client_to(server.url) as client:
        assert isinstance(await client.send(GET, deadline=within()), PeerAnswer)
        await eventually(lambda: client.figures.idle == 0)


async def test_an_unused_connection_is_closed_after_a_while() -> None:
    async with serving(serving_ok) as server, client_to(server.url, idle_keep_ms=500) as client:
        await asyncio.gather(*(client.send(GET, deadline=within()) for _ in range(3)))
        assert client.figures.idle == 3
        await eventually(lambda: client.figures.idle == 0)


async def test_only_so_many_unused_connections_are_kept() -> None:
    async with serving(serving_ok) as server, client_to(server.url, max_idle=2) as client:
        await asyncio.gather(*(client.send(GET, deadline=within()) for _ in range(5)))
        assert (client.figures.idle, client.figures.opened) == (2, 5)


async def test_idle_connections_can_be_dropped() -> None:
    async with serving(serving_ok) as server, client_to(server.url) as client:
        await client.send(GET, deadline=within())
        client.drop_idle()
        assert repr(client).endswith("0 active, 0 idle, 0 queued>>")
        assert isinstance(await client.send(GET, deadline=within()), PeerAnswer)


async def test_closing_the_client_ends_what_is_under_way_and_refuses_the_rest() -> None:
    async with serving(mute) as server, client_to(server.url, max_requests=1) as client:
        sending = [asyncio.create_task(client.send(GET, deadline=within())) for _ in range(2)]
        await eventually(lambda: len(server.requests) == 1 and client.figures.queued == 1)
        await client.aclose()
        under_way, queued = await asyncio.gather(*sending)
        assert isinstance(under_way, PeerError)
        assert (under_way.reason, under_way.sent) == (PeerReason.CONNECTION_TERMINATED, True)
        assert isinstance(queued, PeerError)
        assert (queued.reason, queued.sent) == (PeerReason.DESTINATION_UNAVAILABLE, False)
        later = await client.send(GET, deadline=within())
        assert isinstance(later, PeerError)
        assert later.reason is PeerReason.DESTINATION_UNAVAILABLE


async def test_a_client_that_is_retired_lets_what_is_under_way_end_and_then_closes() -> None:
    let = asyncio.Event()

    async def late(wire: Wire) -> None:
        await wire.request()
        await let.wait()
        await wire.send(OK)
        await wire.gone()

    async with serving(late) as server, client_to(server.url, max_requests=1) as client:
        sending = [asyncio.create_task(client.send(GET, deadline=within())) for _ in range(2)]
        await eventually(lambda: len(server.requests) == 1 and client.figures.queued == 1)
        retiring = asyncio.create_task(client.retire())
        await asyncio.sleep(0.2)
        assert not retiring.done()
        let.set()
        answers = await asyncio.gather(*sending)
        assert all(isinstance(answer, PeerAnswer) for answer in answers), answers
        await retiring
        assert isinstance(await client.send(GET, deadline=within()), PeerError)


async def test_of_a_client_that_is_retired_our_own_streams_end_at_once_and_those_of_others_do_not() -> None:
    async def endless(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n")
        await wire.gone()

    for is_ours in (True, False):
        async with serving(endless) as server, client_to(server.url) as client:
            stream = await client.send(GET, deadline=within(), stream=True)
            assert isinstance(stream, PeerAnswer)
            retiring = asyncio.create_task(client.retire(is_ours=is_ours))
            await asyncio.sleep(0.3)
            assert retiring.done() is is_ours
            await stream.aclose()
            await retiring


async def test_without_files_to_spare_requests_of_others_are_refused_and_our_own_are_not() -> None:
    descriptors = Descriptors(100)
    async with serving(serving_ok) as server, client_to(server.url, descriptors=descriptors) as client:
        assert isinstance(await client.send(GET, deadline=within()), PeerAnswer)
        assert descriptors.open == 1
        descriptors.open += 90
        assert isinstance(await client.send(GET, deadline=within()), PeerAnswer)  # over the connection that is there
        client.drop_idle()
        await eventually(lambda: descriptors.open == 90)
        refused = await client.send(GET, deadline=within())
        assert isinstance(refused, PeerError)
        assert (refused.reason, refused.sent) == (PeerReason.CONNECTION_LIMIT_REACHED, False)
        assert isinstance(await client.for_ourselves().send(GET, deadline=within()), PeerAnswer)
        descriptors.open -= 90


async def test_connections_count_while_they_are_dialled() -> None:
    descriptors = Descriptors(100)
    async with serving(mute) as server, client_to(server.url, descriptors=descriptors) as client:
        sending = [asyncio.create_task(client.send(GET, deadline=within())) for _ in range(100)]
        refused = [task for task in sending if isinstance(await _soon(task), PeerError)]
        assert (len(refused), descriptors.open) == (15, 85)
        for task in sending:
            task.cancel()
        await asyncio.wait(sending)


async def _soon(task: "asyncio.Task[PeerAnswer | PeerError]") -> PeerAnswer | PeerError | None:
    """What became of it within a moment."""
    await asyncio.wait([task], timeout=0.02)
    return task.result() if task.done() else None


async def test_a_mute_peer_delays_no_other_peer() -> None:
    async with (
        serving(mute) as silent,
        serving(serving_ok) as healthy,
        client_to(silent.url, max_requests=2) as stuck,
        client_to(healthy.url) as free,
    ):
        waiting = [asyncio.create_task(stuck.send(GET, deadline=within())) for _ in range(10)]
        await eventually(lambda: stuck.figures.queued == 8)
        assert isinstance(await free.send(GET, deadline=within()), PeerAnswer)
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
