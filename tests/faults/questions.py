"""What is asked while peers die, and whether an answer is right."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.faults.truth import Presence
from tests.federation.client import Answer, Client

Told = Callable[[Answer], Iterator[str]]
"""The gateways that have a part in an answer, each as often as it has."""


@dataclass(frozen=True, slots=True)
class Combined:
    """An answer to which every gateway contributes `parts` items."""

    path: str
    told: Told
    parts: int = 1

    async def ask(self, client: Client) -> Answer:
        return await client.get(self.path)

    def judge(self, answer: Answer, presence: Mapping[str, Presence]) -> None:
        """Raises AssertionError: somebody is missing without being named, shown in part, or shown and named."""
        assert answer.status == 200, "refused"
        shown = Counter(self.told(answer))
        assert {*shown.values()} == {self.parts}, shown
        assert shown.keys() <= presence.keys(), shown
        named = answer.medkit.get("failed_peers", [])
        assert sorted([*shown, *named]) == sorted(presence), (shown, named)
        assert answer.medkit.get("partial", False) is bool(named), "partial and failed_peers say different things"
        assert must(Presence.ALIVE, presence) <= shown.keys(), (shown, named)
        assert must(Presence.DEAD, presence) <= {*named}, (shown, named)


@dataclass(frozen=True, slots=True)
class Single:
    """What one gateway alone can say or do; its answer has `value` under `key`."""

    owner: str
    path: str
    key: str
    value: str
    method: str = "GET"

    async def ask(self, client: Client) -> Answer:
        body = {} if self.method == "GET" else {"json": {"value": self.owner}}
        return await client.request(self.method, self.path, **body)

    def judge(self, answer: Answer, presence: Mapping[str, Presence]) -> None:
        """Raises AssertionError: refused though the owner is there, or answered though it is not, or wrongly."""
        allowed = {Presence.ALIVE: {200}, Presence.DEAD: {502}, Presence.DOUBTFUL: {200, 502}}[presence[self.owner]]
        if self.method != "GET" and presence[self.owner] is Presence.DOUBTFUL:
            allowed = allowed | {504}  # an answer lost after the write was sent
        assert answer.status in allowed, allowed
        if answer.status == 200:
            assert answer.json[self.key] == self.value, "another gateway's"
        else:
            assert answer.json["vendor_code"] == "x-medkit-peer-unavailable", "another error"
            assert self.owner in answer.json["message"], "does not say who is missing"
            assert answer.status == 502 or answer.json["parameters"]["may_have_executed"] is True, (
                "does not say that it may have run"
            )


@dataclass(frozen=True, slots=True)
class Health:
    """Who is called online."""

    async def ask(self, client: Client) -> Answer:
        return await client.get("/health")

    def judge(self, answer: Answer, presence: Mapping[str, Presence]) -> None:
        """Raises AssertionError: a dead one is called online, or one that was never touched offline."""
        assert answer.status == 200, "refused"
        online = {peer["name"] for peer in answer.json["peers"] if peer["status"] == "online"}
        peers = {peer["name"] for peer in answer.json["peers"]}
        assert must(Presence.ALIVE, presence) & peers <= online, online
        assert not must(Presence.DEAD, presence) & online, online


Question = Combined | Single | Health


def must(wanted: Presence, presence: Mapping[str, Presence]) -> set[str]:
    return {name for name, each in presence.items() if each is wanted}


def _units(answer: Answer) -> Iterator[str]:
    return (each.removesuffix("_unit") for each in answer.ids)


def _apps(answer: Answer) -> Iterator[str]:
    """`own_app` and `cam` are the viewer's, `p1_app` and `p1__cam` those of p1."""
    for each in answer.ids:
        yield "hub" if each == "cam" else each.removesuffix("__cam").removesuffix("_app")


def _members(answer: Answer) -> Iterator[str]:
    for item in answer.items:
        for member in item["x-medkit"]["member_ids"]:
            yield "hub" if member == "cam" else member.removesuffix("__cam").removesuffix("_app")


def _fault_codes(answer: Answer) -> Iterator[str]:
    return (fault["fault_code"].partition("_")[0] for fault in answer.items)


def _versions(answer: Answer) -> Iterator[str]:
    return (item["x-medkit"]["name"] for item in answer.items)


COMBINED = (
    Combined("/components", _units),
    Combined("/apps", _apps, parts=2),
    Combined("/functions/production/data", _members),
    Combined("/areas/plant/data", _members, parts=2),
    Combined("/faults", _fault_codes, parts=2),
    Combined("/version-info", _versions),
)


def any_question(owners: tuple[str, ...], chance: random.Random) -> Question:
    """Own, remote and shared entities, lists and health; `hub` is who is asked."""
    owner = chance.choice(owners)
    whose = f"/apps/{owner}_app/data/whose"
    cam = "cam" if owner == "hub" else f"{owner}__cam"
    choices: tuple[Any, ...] = (
        *COMBINED,
        Health(),
        Single("hub", "/apps/hub_app/data/whose", "data", "hub"),
        Single(owner, whose, "data", owner),
        Single(owner, whose, "data", owner, method="PUT"),
        Single(owner, f"/apps/{cam}/data/whose", "data", owner),
        Single(owner, f"/components/{owner}_unit", "id", f"{owner}_unit"),
    )
    question: Question = chance.choice(choices)
    return question
