"""The manager: what several sources know becomes one set, and a source that dies is not survived in silence."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from discovery.admission import AdmissionRules
from discovery.endpoint import EndpointSet, FoundBy, PeerEndpoint
from discovery.manager import THREAD_FOUND, DiscoveryManager
from discovery.source import Found, Reading
from tests.federation.eventually import eventually


@dataclass
class Told:
    """A source that knows what the test tells it."""

    name: str
    publish: Callable[[Reading], None] | None = None
    defect: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, publish: Callable[[Reading], None]) -> None:
        self.publish = publish
        await self.defect.wait()
        raise LookupError(self.name)

    async def tell(
        self, *names: str, by: FoundBy = FoundBy.FILE, trouble: str | None = None, left_out: str | None = None
    ) -> None:
        found = tuple(Found(name, f"http://{name}:8080", by) for name in names)
        publish = await eventually(lambda: self.publish)
        assert publish is not None
        publish(Reading(found, trouble, left_out))


@dataclass
class Managed:
    """A manager with two sources, and the sets that it published."""

    rules: AdmissionRules = field(default_factory=AdmissionRules)
    files: Told = field(default_factory=lambda: Told("files"))
    names: Told = field(default_factory=lambda: Told("names"))
    sets: list[EndpointSet] = field(default_factory=list)

    def manager(self) -> DiscoveryManager:
        return DiscoveryManager(
            [self.files, self.names],
            rules=lambda: self.rules,
            publish=self.sets.append,
            wall=lambda: 7.0,
            pause_s=0.01,
        )

    async def shows(self, *admitted: str) -> EndpointSet:
        async def right() -> EndpointSet:
            assert self.sets
            assert [one.name for one in self.sets[-1].admitted] == [*admitted]
            return self.sets[-1]

        return await eventually(right)


@pytest.fixture
async def managed() -> Managed:
    return Managed(AdmissionRules(static=(PeerEndpoint("base", "http://base:8080"),)))


async def test_all_sources_together_are_one_set_with_the_configured_first(managed: Managed) -> None:
    manager = managed.manager()
    running = asyncio.create_task(manager.run())
    await managed.names.tell("leg")
    await managed.files.tell("arm", "base")
    endpoints = await managed.shows("base", "arm", "leg")
    assert [(one.name, one.reason) for one in endpoints.refused] == [("base", "duplicate")]
    assert {one.name: one.source for one in endpoints.admitted} == {"base": "static", "arm": "files", "leg": "names"}
    await managed.files.tell()
    await managed.shows("base", "leg")
    assert manager.current is managed.sets[-1]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_the_trouble_of_a_source_is_told_and_the_others_go_on(managed: Managed) -> None:
    manager = managed.manager()
    running = asyncio.create_task(manager.run())
    assert [(one.name, one.read_at, one.trouble) for one in manager.sources] == [
        ("files", None, None),
        ("names", None, None),
    ]
    await managed.files.tell("arm", trouble="disk on fire")
    await managed.names.tell("leg")
    await managed.shows("base", "arm", "leg")
    assert [(one.found, one.read_at, one.trouble) for one in manager.sources] == [
        (1, None, "disk on fire"),
        (1, 7.0, None),
    ]
    await managed.files.tell("arm")
    assert manager.sources[0].trouble is None
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_source_that_was_read_but_for_what_is_too_much_counts_as_read(managed: Managed) -> None:
    manager = managed.manager()
    running = asyncio.create_task(manager.run())
    await managed.names.tell("leg", trouble="disk on fire")
    await managed.files.tell("arm", left_out="one file more")
    assert (await managed.shows("base", "arm", "leg")).unread == {"names"}
    assert [(one.read_at, one.trouble, one.left_out) for one in manager.sources] == [
        (7.0, None, "one file more"),
        (None, "disk on fire", None),
    ]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_rules_that_changed_are_applied_when_asked_to(managed: Managed) -> None:
    manager = managed.manager()
    running = asyncio.create_task(manager.run())
    await managed.files.tell("arm")
    await managed.shows("base", "arm")
    managed.rules = AdmissionRules(require_tls=True)
    manager.reconsider()
    endpoints = await managed.shows()
    assert [one.reason for one in endpoints.refused] == ["cleartext"]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_many_are_judged_beside_the_loop_and_anew_when_there_are_other_peers_meanwhile() -> None:
    """Judged without a peer that is new, they could push it out or take its name."""
    threads: set[threading.Thread] = set()

    class Peers(dict[str, PeerEndpoint]):
        def __contains__(self, url: object) -> bool:
            threads.add(threading.current_thread())
            return super().__contains__(url)

    new = PeerEndpoint("kept", "http://p7:8080", FoundBy.DNS)
    peers = [Peers(), Peers({new.url: new})]
    files, sets = Told("files"), list[EndpointSet]()
    manager = DiscoveryManager(
        [files],
        rules=lambda: AdmissionRules(peers=peers.pop(0) if len(peers) > 1 else peers[0]),
        publish=sets.append,
        pause_s=0.01,
    )
    running = asyncio.create_task(manager.run())
    await files.tell(*(f"p{number}" for number in range(THREAD_FOUND)), by=FoundBy.DNS)
    await eventually(lambda: sets)
    assert {one.url: one.name for one in sets[0].admitted}[new.url] == "kept"
    assert threading.current_thread() not in threads
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_peers_that_never_stay_the_same_are_judged_again_after_a_pause_too() -> None:
    judged = 0

    def rules() -> AdmissionRules:
        nonlocal judged
        judged += 1
        return AdmissionRules(peers={f"http://new{judged}:1": PeerEndpoint("new", f"http://new{judged}:1")})

    files = Told("files")
    manager = DiscoveryManager([files], rules=rules, publish=lambda _: None, pause_s=1000)
    running = asyncio.create_task(manager.run())
    await files.tell(*(f"p{number}" for number in range(THREAD_FOUND)), by=FoundBy.DNS)
    await eventually(lambda: judged >= 2)
    await asyncio.sleep(0.2)
    assert judged == 2  # before and after the one judgement
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_source_that_dies_ends_all_of_them_loudly(managed: Managed) -> None:
    running = asyncio.create_task(managed.manager().run())
    await managed.files.tell("arm")
    managed.names.defect.set()
    with pytest.raises(ExceptionGroup) as ended:
        await running
    assert isinstance(ended.value.exceptions[0], LookupError)


async def test_without_sources_it_waits_to_be_cancelled() -> None:
    running = asyncio.create_task(DiscoveryManager([], rules=AdmissionRules, publish=lambda _endpoints: None).run())
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
