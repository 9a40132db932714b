"""The loop of one peer: when it looks, when it reads, and what it tells."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from entities.model import App
from peers.health import PeerState
from peers.sickness import OwnSickness, SicknessSettings
from peers.watcher import WatchSettings
from tests.unit.entities.sketch import instance
from tests.unit.peers.watching import Gateway, apps_of, running, watching
from tests.unit.peers.wire_server import eventually


@dataclass
class Hanging(Gateway):
    """It answers its probes, and gives its tree when it is told to."""

    free: asyncio.Event = field(default_factory=asyncio.Event)

    async def ready(self, path: str) -> None:
        if path.endswith("tree"):
            await self.free.wait()


async def test_the_first_look_learns_who_it_is_and_reads_its_tree() -> None:
    async with watching(Gateway(apps=(App("cam"),))) as watched:
        assert await watched.look() == 1
        assert (watched.peer.instance, watched.peer.is_up) == (instance("b"), True)
        assert apps_of(watched.peer) == ["cam"]
        assert watched.found.transitions == [("b", "up")]
        assert watched.gateway.asked == ["health", "x-medkit-tree"]


async def test_while_nothing_changed_nothing_is_read_and_nothing_told() -> None:
    async with watching(Gateway()) as watched:
        await watched.look()
        assert await watched.look() == 0
        assert watched.gateway.asked == ["health", "x-medkit-tree", "health"]


async def test_a_new_generation_is_read() -> None:
    async with watching(Gateway()) as watched:
        await watched.look()
        watched.gateway.generation, watched.gateway.apps = 2, (App("cam"),)
        assert await watched.look() == 1
        assert apps_of(watched.peer) == ["cam"]


async def test_a_restart_is_read_also_when_its_generation_is_the_one_held() -> None:
    async with watching(Gateway()) as watched:
        await watched.look()
        watched.gateway.boot, watched.gateway.apps = instance("x"), (App("new"),)
        assert await watched.look() == 1
        assert apps_of(watched.peer) == ["new"]


async def test_a_kick_to_read_asks_for_the_tree_whatever_its_generation_is() -> None:
    async with watching(Gateway()) as watched:
        await watched.look()
        watched.watcher.kick(read=True)
        await watched.look()
        await watched.look()
        assert watched.gateway.asked == ["health", "x-medkit-tree", "health", "x-medkit-tree", "health"]


async def test_a_tree_that_cannot_be_read_keeps_the_last_one_and_is_warned_of_until_it_can() -> None:
    async with watching(Gateway(apps=(App("cam"),))) as watched:
        await watched.look()
        watched.gateway.generation, watched.gateway.tree = 2, b'{"format":1}'
        assert await watched.look() == 1
        assert apps_of(watched.peer) == ["cam"]
        assert watched.peer.is_up
        assert watched.peer.unreadable is not None
        assert await watched.look() == 0
        watched.gateway.tree = None
        assert await watched.look() == 1
        assert watched.peer.unreadable is None
        assert watched.gateway.asked.count("x-medkit-tree") == 4


async def test_a_tree_that_hangs_holds_up_no_probe() -> None:
    often = WatchSettings(interval_ms=10, strike_ms=1, hurry_ms=1, read_timeout_ms=60_000)
    gateway = Hanging()
    async with watching(gateway, often, failures=3) as watched, running(watched):
        await eventually(lambda: "x-medkit-tree" in gateway.asked)
        probes = gateway.asked.count("health")
        await eventually(lambda: gateway.asked.count("health") >= probes + 3)
        assert not watched.watcher.first_look.is_set()
        assert gateway.asked.count("x-medkit-tree") == 1
        gateway.health_status = 500
        await eventually(lambda: watched.peer.health.state is PeerState.DOWN)
        gateway.health_status = 200
        gateway.free.set()
        await eventually(lambda: watched.peer.is_up)
        assert watched.watcher.first_look.is_set()


async def test_a_restarted_peer_is_told_of_together_with_the_tree_it_has_now() -> None:
    async with watching(Gateway(apps=(App("old"),))) as watched:
        await watched.look()
        watched.gateway.health_status = 500
        for _ in range(3):
            await watched.look()
        watched.gateway.health_status, watched.gateway.boot, watched.gateway.apps = 200, instance("x"), (App("new"),)
        told = watched.changes
        assert await watched.watcher.look()
        assert (watched.changes, apps_of(watched.peer)) == (told, ["old"])
        await watched.watcher.read()
        assert (watched.changes, apps_of(watched.peer)) == (told + 1, ["new"])


async def test_a_tree_of_another_gateway_than_the_one_of_health_is_not_taken() -> None:
    async with watching(Gateway(tree_letter="c")) as watched:
        await watched.look()
        assert (watched.peer.held, watched.peer.is_up) == (None, False)
        assert watched.peer.unreadable == "invalid_json: another gateway answered than on /health"


async def test_a_peer_that_fails_goes_down_and_every_step_is_told() -> None:
    async with watching(Gateway()) as watched:
        await watched.look()
        watched.gateway.health_status = 500
        assert [await watched.look() for _ in range(4)] == [1, 0, 1, 0]
        assert watched.found.transitions == [("b", "up"), ("b", "suspect"), ("b", "down")]
        assert (watched.peer.health.reason, watched.peer.is_up) == ("http_request_error", False)
        assert apps_of(watched.peer) == []
        assert watched.peer.client.figures.idle == 0


async def test_our_own_lag_is_not_charged_to_the_peer() -> None:
    async with watching(Gateway()) as watched:
        await watched.look()
        sick = OwnSickness(SicknessSettings(), clock=watched.found.clock, peers=lambda: 1)
        sick.timer_was_late(10)
        watched.peer.health._sick = sick
        watched.gateway.health_status = 500
        assert [await watched.look() for _ in range(4)] == [0, 0, 0, 0]
        assert watched.peer.health.state is PeerState.UP


async def test_while_it_runs_it_looks_again_at_once_when_kicked() -> None:
    async with watching(Gateway()) as watched, running(watched):
        await watched.watcher.first_look.wait()
        watched.watcher.kick()
        await eventually(lambda: watched.gateway.asked.count("health") == 2)


async def test_news_of_another_generation_reads_the_tree_without_a_probe() -> None:
    async with watching(Gateway()) as watched, running(watched):
        await watched.watcher.first_look.wait()
        watched.gateway.generation, watched.gateway.apps = 2, (App("cam"),)
        watched.watcher.news(2)
        await eventually(lambda: watched.changes == 2)
        assert apps_of(watched.peer) == ["cam"]
        assert watched.gateway.asked == ["health", "x-medkit-tree", "x-medkit-tree"]


async def test_news_of_the_generation_held_is_no_news() -> None:
    async with watching(Gateway()) as watched, running(watched):
        await watched.watcher.first_look.wait()
        watched.watcher.news(1)
        assert not watched.watcher._kick.is_set()
        assert not watched.watcher._has_news


async def test_news_that_cannot_be_read_are_told_at_once_and_so_is_that_they_can_be() -> None:
    async with watching(Gateway()) as watched, running(watched):
        await watched.watcher.first_look.wait()
        watched.gateway.generation, watched.gateway.tree = 2, b"{"
        watched.watcher.news(2)
        await eventually(lambda: watched.peer.unreadable is not None)
        await eventually(lambda: watched.changes == 2)
        watched.gateway.tree = None
        watched.watcher.news(2)
        await eventually(lambda: watched.changes == 3)
        assert watched.peer.unreadable is None


async def test_a_peer_whose_line_ended_is_called_down_without_waiting_for_the_interval() -> None:
    async with watching(Gateway(), refusals=99, failures=3) as watched, running(watched):
        await watched.watcher.first_look.wait()
        watched.gateway.health_status = 500
        watched.watcher.hurry()
        await eventually(lambda: watched.peer.health.state is PeerState.DOWN)


async def test_the_line_is_wanted_while_the_peer_is_up_and_has_events() -> None:
    class Line:
        wants: list[bool]

        def __init__(self) -> None:
            self.wants = []

        def want(self, wanted: bool) -> None:
            self.wants.append(wanted)

    line: Any = Line()
    async with watching(Gateway()) as watched:
        watched.watcher.line = line
        await watched.look()
        watched.gateway.health_status = 500
        for _ in range(3):
            await watched.look()
        watched.gateway.health_status = 200
        await watched.look()
        assert line.wants == [False, True, True, True, False, True], "not before its tree is known"
