"""Candidates are asked slowly, fairly and side by side, whoever they are and however many."""

import asyncio
import itertools
from contextlib import AsyncExitStack
from dataclasses import replace

from discovery.endpoint import AddressRule, FoundBy, PeerEndpoint
from peers.candidates import CandidateSettings
from tests.federation.eventually import eventually
from tests.unit.entities.sketch import instance
from tests.unit.peers.lineup import lineup, neighbour
from tests.unit.peers.wire_server import Wire, serving

PAUSE_MS = 60


def crowd(size: int) -> list[PeerEndpoint]:
    """Endpoints at which nobody listens."""
    return [PeerEndpoint(f"n{at}", f"http://127.0.{at // 200}.{at % 200 + 1}:1", FoundBy.MDNS) for at in range(size)]


async def test_fault_048_however_many_there_are_they_are_asked_one_after_the_other() -> None:
    slow = CandidateSettings(pause_ms=PAUSE_MS, retry_ms=20, max_retry_ms=20)
    async with lineup(candidates=slow) as line:
        line.discover(*crowd(256))
        await eventually(lambda: len(line.asked) >= 10, 30)
        times = [at for at, _ in line.asked]
        assert min(later - at for at, later in itertools.pairwise(times)) >= PAUSE_MS / 1000 * 0.9
        tasks = [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("try ")]
        assert len(tasks) <= 1 + slow.parallel, "the loop, and those who are asked now"


async def test_who_waits_longest_is_asked_next_and_who_fails_waits_longer_each_time() -> None:
    async with lineup(candidates=CandidateSettings(pause_ms=1, retry_ms=40, max_retry_ms=160)) as line:
        line.discover(*crowd(3))
        await eventually(lambda: len(line.asked) >= 15, 30)
        asked = [name for _, name in line.asked]
        assert sorted(asked[:3]) == ["n0", "n1", "n2"]
        times = [at for at, name in line.asked if name == "n0"]
        pauses = [later - at for at, later in itertools.pairwise(times)]
        assert all(pause >= least for pause, least in zip(pauses, (0.036, 0.072, 0.144), strict=False))


async def test_who_claims_to_be_another_every_time_is_asked_no_sooner_and_starves_nobody() -> None:
    liars, honest = crowd(4), PeerEndpoint("honest", "http://127.9.9.9:1", FoundBy.MDNS)
    async with lineup(candidates=CandidateSettings(pause_ms=5, retry_ms=60_000, max_retry_ms=60_000)) as line:
        for claims in map(instance, 8 * "abcdefgh"):
            line.discover(*(replace(one, instance=claims) for one in liars), honest)
            await asyncio.sleep(0.005)
        await eventually(lambda: len(line.asked) >= 5, 30)
        assert sorted(name for _, name in line.asked) == ["honest", "n0", "n1", "n2", "n3"]
        assert {one.endpoint.instance for one in line.roster.candidates} == {instance("h"), None}


async def test_newcomers_without_end_do_not_keep_one_that_waits_from_being_asked() -> None:
    first, *strangers = crowd(4_000)
    newcomers = iter(strangers)

    async with lineup(candidates=CandidateSettings(pause_ms=20, retry_ms=1, max_retry_ms=1)) as line:

        async def is_asked_again() -> bool:
            line.discover(*itertools.islice(newcomers, 3), first)
            return [name for _, name in line.asked].count(first.name) >= 5

        await eventually(is_asked_again, 30)


async def test_those_that_never_answer_do_not_hold_up_the_others() -> None:
    async def mute(wire: Wire) -> None:
        await wire.gone()

    patient = CandidateSettings(timeout_ms=60_000, pause_ms=5, parallel=3)
    async with AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(serving(mute)) for _ in range(2)]
        b = await stack.enter_async_context(neighbour("b"))
        line = await stack.enter_async_context(lineup(candidates=patient))
        endpoints = [PeerEndpoint(f"m{at}", server.url, FoundBy.MDNS) for at, server in enumerate(silent)]
        line.discover(*endpoints, b.found())
        await line.has("arm")
        assert [one.is_asked for one in line.roster.candidates] == [True, True]


async def test_who_is_withdrawn_while_there_is_no_place_for_it_is_not_asked() -> None:
    answer = asyncio.Event()

    async def late(wire: Wire) -> None:
        await wire.request()
        await answer.wait()

    one_at_a_time = CandidateSettings(timeout_ms=60_000, pause_ms=1, parallel=1, retry_ms=60_000, max_retry_ms=60_000)
    async with serving(late) as server, lineup(candidates=one_at_a_time) as line:
        first, (withdrawn, other) = PeerEndpoint("late", server.url, FoundBy.MDNS), crowd(2)
        line.discover(first, withdrawn)
        await eventually(lambda: len(server.requests) == 1)
        await asyncio.sleep(0.05)  # now it is the turn of the second one, for which there is no place
        line.discover(first, other)
        answer.set()
        await eventually(lambda: len(line.asked) >= 2)
        assert [name for _, name in line.asked] == [first.name, other.name]


async def test_who_is_withdrawn_while_it_is_asked_becomes_nothing() -> None:
    answer = asyncio.Event()

    async def late(wire: Wire) -> None:
        await wire.request()
        await answer.wait()
        await wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

    async with serving(late) as server, neighbour("b") as b, lineup() as line:
        line.discover(PeerEndpoint("late", server.url, FoundBy.MDNS))
        await eventually(lambda: len(server.requests) == 1)
        line.discover(b.found())
        answer.set()
        await line.has("arm")
        assert list(line.roster.candidates) == []


async def test_fault_052_a_name_that_leads_where_it_may_not_is_not_connected_to() -> None:
    async with neighbour("b") as b, lineup() as line:
        port = b.server.port
        for rule, name in ((AddressRule.PUBLISHED_ONLY, "no"), (AddressRule.PUBLISHED_OR_LOOPBACK, "yes")):
            line.discover(PeerEndpoint(name, f"http://localhost:{port}", FoundBy.DNS, rule))
            if rule is AddressRule.PUBLISHED_ONLY:
                await eventually(lambda: [one for one in line.roster.candidates if one.verdict is not None], 30)
                (candidate,) = line.roster.candidates
                assert candidate.verdict is not None
                assert candidate.verdict.reason == "destination_ip_prohibited"
                assert b.server.accepted == 0
            else:
                await line.has("yes")
