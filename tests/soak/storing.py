"""Writers that change what a gateway stores, and remember what it answered; it is asked for that after each kill -9."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp

from tests.federation.client import Client
from tests.federation.gateways import Cluster, Gateway

CONFIGURATIONS = 4
FAULTS = 4
PAD = 3000
"""Characters beside each number, so that a value has more than a page of the file would hold with others."""

LONGEST_LIFE_S = 0.7
"""Between an answer to `/health` and the kill."""

PATIENCE = 10
"""So many times the lives that are asked for, at most, until every fault has come."""

GONE = (aiohttp.ClientError, ConnectionError, TimeoutError)


def manifest() -> dict[str, Any]:
    """Apps with a configuration or with a data item and a rule that watches it."""
    stored = [
        {"id": f"c{number}", "configurations": [{"id": "value", "value": value_of(0)}]}
        for number in range(CONFIGURATIONS)
    ]
    rule = {"code": "HIGH", "above": 5, "every_s": 0.1, "snapshot": ["level"]}
    watched = [
        {"id": f"f{number}", "data": [{"id": "level", "value": 0, "writable": True, "rules": [rule]}]}
        for number in range(FAULTS)
    ]
    return {"apps": [*stored, *watched]}


def value_of(number: int) -> dict[str, Any]:
    """A value that shows when it is not whole."""
    return {"number": number, "pad": str(number % 10) * PAD}


@dataclass
class ConfigurationWriter:
    """Writes ever higher numbers, resets now and then, one request after the other."""

    app: str
    rng: random.Random
    sent: int = 0
    answered: int = 0
    allowed: set[int] = field(default_factory=lambda: {0})
    """What may be stored: what was answered last, and what was sent since."""

    async def work(self, client: Client) -> None:
        path = f"/apps/{self.app}/configurations/value"
        while True:
            if self.rng.random() < 0.1:
                self.allowed.add(0)
                answer = await client.request("DELETE", path)
                assert answer.status == 204, answer
                self.allowed = {0}
            else:
                self.sent += 1
                self.allowed.add(self.sent)
                answer = await client.request("PUT", path, json={"data": value_of(self.sent)})
                assert answer.status == 200, answer
                self.allowed = {self.sent}
            self.answered += 1

    async def judge(self, client: Client) -> None:
        answer = await client.get(f"/apps/{self.app}/configurations/value")
        found = answer.json["data"]
        assert found == value_of(found["number"]), f"{self.app}: torn: {found}"
        assert found["number"] in self.allowed, f"{self.app}: {found['number']} is stored, not one of {self.allowed}"
        self.allowed = {found["number"]}


@dataclass
class FaultWriter:
    """Has a fault come and go, reads it all the time, clears it now and then."""

    app: str
    rng: random.Random
    seen: dict[str, Any] | None = None
    cleared_at: float | None = None
    """Wall clock of the sending of the last clearing that was answered."""
    answered: int = 0

    async def work(self, client: Client) -> None:
        path = f"/apps/{self.app}"
        while True:
            level = self.rng.choice((1, 9))
            await client.request("PUT", f"{path}/data/level", json={"value": level})
            for _ in range(self.rng.randrange(1, 8)):
                answer = await client.get(f"{path}/faults/HIGH")
                if answer.status == 200:
                    self.seen = answer.json["x-medkit"]
                    self.answered += 1
                await asyncio.sleep(0.02)
            if self.rng.random() < 0.3:
                sent_at = time.time()
                answer = await client.request("DELETE", f"{path}/faults/HIGH")
                assert answer.status in (204, 404), answer
                if answer.status == 204 and self.seen is not None and self.seen["status_raw"] != "CLEARED":
                    self.cleared_at = sent_at
                    self.answered += 1

    async def judge(self, client: Client) -> None:
        if self.seen is None:
            return
        answer = await client.get(f"/apps/{self.app}/faults/HIGH")
        assert answer.status == 200, f"{self.app}: the fault is lost: {self.seen}"
        found = answer.json["x-medkit"]
        assert found["occurrence_count"] >= self.seen["occurrence_count"], f"{self.app}: {self.seen} became {found}"
        last = self.seen["history"][-1]
        assert last in found["history"], f"{self.app}: {last} is lost: {found['history']}"
        if self.cleared_at is not None:
            moments = [each for each in found["history"] if each["status"] == "CLEARED"]
            # The history has whole milliseconds.
            after = [each for each in moments if seconds_of(each["at"]) >= self.cleared_at - 0.001]
            assert after, f"{self.app}: a clearing of {self.cleared_at} is lost: {found['history']}"
            self.cleared_at = None
        self.seen = found


Writer = ConfigurationWriter | FaultWriter


def seconds_of(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


async def kill_often(cluster: Cluster, kills: int, seed: int) -> int:
    """Kills a gateway so often at random moments, and asks it for all that it answered; returns how much that was.

    On a machine that is so busy that not every fault has come by then, more often.
    """
    rng = random.Random(seed)
    gateway = cluster.add("stored", manifest=manifest())
    writers: list[Writer] = [
        *(ConfigurationWriter(f"c{number}", random.Random(rng.random())) for number in range(CONFIGURATIONS)),
        *(FaultWriter(f"f{number}", random.Random(rng.random())) for number in range(FAULTS)),
    ]
    for life in range(PATIENCE * kills):
        if life >= kills and all(writer.seen for writer in writers if isinstance(writer, FaultWriter)):
            break
        await gateway.start()
        await asyncio.gather(*(writer.judge(gateway) for writer in writers))
        await live(gateway, writers, rng.uniform(0, LONGEST_LIFE_S))
    await gateway.start()
    await asyncio.gather(*(writer.judge(gateway) for writer in writers))
    health = await gateway.get("/health")
    assert not {"storage_failed", "storage_replaced"} & {each["code"] for each in health.json["warnings"]}
    assert all(writer.seen for writer in writers if isinstance(writer, FaultWriter)), "no fault ever came"
    return sum(writer.answered for writer in writers)


async def live(gateway: Gateway, writers: list[Writer], life_s: float) -> None:
    """All write for a while, then the gateway is killed."""
    working = [asyncio.ensure_future(writer.work(gateway)) for writer in writers]
    await asyncio.sleep(life_s)
    await gateway.kill()
    outcomes = await asyncio.gather(*working, return_exceptions=True)
    unexpected = [outcome for outcome in outcomes if not isinstance(outcome, GONE)]
    assert unexpected == [], unexpected
