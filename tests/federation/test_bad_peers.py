"""A peer's garbage costs that peer's picture and nothing else, and log and health say which peer and why."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.federation.eventually import POLL_S
from tests.federation.garbage import ANYTHING, HEALTH, TREE, GarbagePeer, Script, as_json, listening
from tests.federation.gateways import Cluster, Gateway, eventually
from tests.federation.plant import assert_gaps, manifest
from tests.federation.standin_tree import StandinTree, new_instance_id

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAX_ENTITIES = 1000
LOOKS = 4
"""Requests of the hub's own to a peer, one or two a second."""

RSS_BYTES = 300 * 1024 * 1024
"""What a gateway may take, whatever its peers say."""

UNHURRIED = {
    "refresh_interval_ms": 1000,
    "health_interval_ms": 1000,
    "aggregation.timeout_ms": 4000,
    "aggregation.max_peer_entities": MAX_ENTITIES,
}
"""So many peers are not asked ten times a second each; a tree that never ends is soon given up."""

Answer = Callable[[StandinTree], Script]
"""What a peer answers, given what it would if it were a good one."""


def health(**medkit: Any) -> Answer:
    """A good `/health` with some members of its `x-medkit` replaced."""
    return lambda good: as_json({**good.health(), "x-medkit": {**good.health()["x-medkit"], **medkit}})


def document(**changes: Any) -> Answer:
    """A good tree document with some members replaced."""
    return lambda good: as_json({**good.document(), **changes})


def record(**changes: Any) -> Answer:
    """A good tree document with some members of its record replaced."""
    return lambda good: as_json({**good.document(), "records": [{**good.document()["records"][0], **changes}]})


def twice(good: StandinTree) -> Script:
    return as_json({**good.document(), "records": good.document()["records"] * 2})


def without_format(good: StandinTree) -> Script:
    return as_json({key: value for key, value in good.document().items() if key != "format"})


def always(answer: Script) -> Answer:
    return lambda _: answer


HEALTHS: Mapping[str, Answer] = {
    "ids are numbers": health(instance_id=1, boot_id=2),
    "id with a line end": health(instance_id="A" * 22 + "\n"),
    "no x-medkit": always(as_json({"status": "healthy"})),
    "x-medkit is a list": always(as_json({"status": "healthy", "x-medkit": []})),
    "cannot give a tree": health(capabilities=[]),
}

TREES: Mapping[str, Answer] = {
    "of another gateway": always(as_json(StandinTree({"name": "stranger"}).document())),
    "format 2": document(format=2),
    "format as text": document(format="1"),
    "no format": without_format,
    "records are an object": document(records={}),
    "no own record": document(records=[]),
    "record twice": twice,
    "negative version": record(version=[-1, 0]),
    "huge version": record(version=[2**62, 0]),
    "version of one part": record(version=[1]),
    "entity ids are numbers": record(apps=[{"id": 7}]),
    "tags are null": record(apps=[{"id": "app", "tags": None}]),
    "link state unknown": record(links=[{"peer": "x", "at": "0", "state": "sideways"}]),
    "link name is a path": record(links=[{"peer": "../x", "at": "0", "state": "up"}]),
    "names are paths": document(names={new_instance_id(): {"app": "../../etc/passwd"}}),
    "not modified": always(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "a diff of nothing": document(since=f"{new_instance_id()}:1"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One bad peer: its name, where it answers with garbage, and that."""

    name: str
    path: str
    answer: Answer

    def __str__(self) -> str:
        return self.name


def cases(path: str, answers: Mapping[str, Answer]) -> list[Case]:
    kind = path.rpartition("-")[2].rpartition("/")[2]
    return [Case(re.sub("[^a-z0-9]+", "_", f"{kind} {name}"), path, answer) for name, answer in answers.items()]


ANYWHERE = {name: always(script) for name, script in ANYTHING.items()}
CASES = [*cases(HEALTH, {**ANYWHERE, **HEALTHS}), *cases(TREE, {**ANYWHERE, **TREES})]


@dataclass(frozen=True, slots=True)
class Hub:
    """A gateway with a good peer and every bad one; and a peer that can turn bad."""

    gateway: Gateway
    fickle: GarbagePeer

    async def peer(self, name: str) -> dict[str, Any]:
        peers = {each["name"]: each for each in (await self.gateway.get("/health")).json["peers"]}
        found: dict[str, Any] = peers[name]
        return found

    async def knows_why(self, case: Case) -> dict[str, Any]:
        """What `/health` says of a bad peer, which has a reason."""
        about = await self.peer(case.name)
        assert about["x-medkit"]["reason"], about
        return about

    async def generation(self) -> int:
        """It rises when anything that is shown changes."""
        count: int = (await self.gateway.get("/health")).json["x-medkit"]["generation"]
        return count

    async def warnings(self, peer: str) -> dict[str, str]:
        """The messages of the warnings about a peer, by code."""
        listed = (await self.gateway.get("/health")).json["warnings"]
        return {each["code"]: each["message"] for each in listed if each["peer_names"] == [peer]}

    async def names_the_bad(self) -> bool:
        """Own and good entities are there, and all bad peers are named."""
        listed = await self.gateway.get("/components")
        assert_gaps(listed, {case.name for case in CASES})
        return sorted(listed.ids) == ["fickle_unit", "good_unit", "own_unit"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(shared_cluster: Cluster) -> AsyncIterator[Hub]:
    good = shared_cluster.add("good", manifest=manifest("good"))
    gateway = shared_cluster.add("hub", manifest=manifest("own"), peers=[("good", good)], settings=UNHURRIED)
    fickle = GarbagePeer({"name": "fickle", "components": [{"id": "fickle_unit"}]}, {})
    async with AsyncExitStack() as stack:
        gateway.add_peer("fickle", await stack.enter_async_context(listening(fickle)))
        for case in CASES:
            peer = GarbagePeer({"name": case.name, "apps": [{"id": case.name}]}, {})
            peer.answers[case.path] = case.answer(peer.tree)
            gateway.add_peer(case.name, await stack.enter_async_context(listening(peer)))
        await shared_cluster.start_all()
        hub = Hub(gateway, fickle)
        await eventually(hub.names_the_bad, 60)
        yield hub


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_peer_that_talks_garbage_is_named_with_its_reason_and_nobody_else_notices(hub: Hub, case: Case) -> None:

    async def is_told() -> bool:
        about = await hub.peer(case.name)
        if case.path == HEALTH:
            assert about["x-medkit"]["reason"], about
            return bool(about["status"] == "offline")
        # On a busy machine a peer may be slow besides, and that is the reason then.
        told = (await hub.warnings(case.name))["peer_tree_unreadable"]
        reason = about["x-medkit"]["reason"]
        return reason in told or reason == "slow"

    await eventually(is_told)  # a first reading that never ends takes a while to be given up

    def is_logged() -> bool:
        lines = [line for line in hub.gateway.log() if line.get("peer") == case.name]
        return any(line.get("reason") or line.get("why") for line in lines)

    await eventually(is_logged)
    assert (await hub.gateway.get(f"/apps/{case.name}")).status in {404, 502}
    assert (await hub.gateway.get("/apps/good_app/data/whose")).json["data"] == "good"


async def test_all_garbage_together_costs_little_memory_and_no_stability(hub: Hub) -> None:
    for case in CASES:
        await eventually(lambda case=case: hub.knows_why(case))  # type: ignore[misc] # a lambda's default

    async def stays_the_same() -> bool:
        before, lines, asked = await hub.generation(), len(hub.gateway.log()), len(hub.fickle.asked)
        while len(hub.fickle.asked) < asked + LOOKS:
            await hub.names_the_bad()
            await asyncio.sleep(POLL_S)
        return await hub.generation() == before and len(hub.gateway.log()) - lines < len(CASES)

    await eventually(stays_the_same)
    assert hub.gateway.rss_bytes() < RSS_BYTES


@pytest.mark.parametrize("garbage", ["html", "nothing", "noise", "drip"])
async def test_a_peer_whose_health_turns_into_garbage_goes_and_comes_back(hub: Hub, garbage: str) -> None:
    hub.fickle.answers[HEALTH] = ANYTHING[garbage]

    async def is_named() -> bool:
        listed = await hub.gateway.get("/components")
        return "fickle" in listed.medkit["failed_peers"] and "fickle_unit" not in listed.ids

    await eventually(is_named)
    del hub.fickle.answers[HEALTH]
    await eventually(hub.names_the_bad)
