"""Who a gateway is: known again after a restart, told from a replacement, from a copy, and from ourselves."""

import shutil
from typing import Any

import pytest

from tests.federation.client import Client
from tests.federation.gateways import Cluster, Gateway, eventually
from tests.federation.plant import assert_gaps, manifest, requests_for

Two = tuple[Gateway, Gateway]


async def shows(gateway: Client, *names: str, missing: tuple[str, ...] = ()) -> None:
    """Waits until exactly these gateways' Components are listed, and exactly these gaps named."""

    async def right() -> bool:
        listed = await gateway.get("/components")
        assert_gaps(listed, missing)
        assert sorted(listed.ids) == sorted(f"{name}_unit" for name in names)
        return True

    await eventually(right, 60)


async def peer(gateway: Client, name: str) -> dict[str, Any]:
    """What `/health` says of a peer, `x-medkit` and `status` in one."""
    (found,) = [each for each in (await gateway.get("/health")).json["peers"] if each["name"] == name]
    return {**found["x-medkit"], "status": found["status"]}


async def warnings(gateway: Client) -> dict[str, dict[str, Any]]:
    """The warnings of `/health` by code."""
    return {each["code"]: each for each in (await gateway.get("/health")).json["warnings"]}


async def warned(gateway: Client, code: str, *peers: str) -> dict[str, Any]:
    """Waits for a warning about these peers."""

    async def found() -> dict[str, Any]:
        warning = (await warnings(gateway))[code]
        assert warning["peer_names"] == [*peers]
        return warning

    return await eventually(found)


def logged(gateway: Gateway, event: str, **fields: Any) -> int:
    """How many lines of its log have this event and these fields."""
    return sum({"event": event, **fields}.items() <= line.items() for line in gateway.log())


async def whose(gateway: Client, app: str) -> Any:
    """Which gateway answers for this App."""
    return (await gateway.get(f"/apps/{app}/data/whose")).json.get("data")


@pytest.fixture
def pair(cluster: Cluster) -> Two:
    """a with its peer subsystem_b; not started."""
    b = cluster.add("b", manifest=manifest("b"))
    return cluster.add("a", manifest=manifest("a"), peers=[("subsystem_b", b)]), b


async def test_a_peer_that_is_down_at_the_start_is_named_and_comes_in_when_it_starts(pair: Two) -> None:
    a, b = pair
    await a.start()
    await shows(a, "a", missing=("subsystem_b",))
    unknown = await a.get("/apps/subsystem_b__anything/data")
    assert (unknown.status, unknown.json["vendor_code"]) == (502, "x-medkit-peer-unavailable")
    assert (await a.get("/apps/anything/data")).status == 404
    await b.start()
    await shows(a, "a", "b")
    assert await whose(a, "subsystem_b__cam") == "b"


async def test_a_peer_that_comes_back_with_other_content_is_shown_with_that(pair: Two) -> None:
    a, b = pair
    await b.start()
    await a.start()
    await shows(a, "a", "b")
    await b.stop()
    await shows(a, "a", missing=("subsystem_b",))
    b.manifest = manifest("new_b")
    await b.start()
    await shows(a, "a", "new_b")
    assert (await a.get("/apps/b_app")).status == 404
    assert await whose(a, "new_b_app") == "new_b"
    assert await whose(a, "subsystem_b__cam") == "new_b"
    assert "identity_changed" not in await warnings(a)


async def test_a_peer_that_lost_its_state_inherits_the_names_and_is_warned_of(pair: Two) -> None:
    a, b = pair
    await b.start()
    await a.start()
    await shows(a, "a", "b")
    names = (await a.get("/apps")).ids
    before = (await peer(a, "subsystem_b"))["instance_id"]
    await b.kill()
    shutil.rmtree(b.process.folder / "state")
    await b.start()
    warning = await warned(a, "identity_changed", "subsystem_b")
    await shows(a, "a", "b")
    after = (await peer(a, "subsystem_b"))["instance_id"]
    assert after != before
    assert before in warning["message"]
    assert after in warning["message"]
    assert (await a.get("/apps")).ids == names
    assert await whose(a, "subsystem_b__cam") == "b"
    assert logged(a, "peer identity changed", peer="subsystem_b", before=before, now=after) == 1


async def test_fault_041_two_urls_of_one_gateway_are_one_peer_that_is_up_while_either_is(cluster: Cluster) -> None:
    """Both static. One static and one found by mDNS come with discovery."""
    b = cluster.add("b", manifest=manifest("b"), log_level="debug")
    ways = {"front_door": await cluster.link(b), "back_door": await cluster.link(b)}
    a = cluster.add("a", manifest=manifest("a"), peers=ways.items())
    await cluster.start_all()
    await shows(a, "a", "b")
    for link in ways.values():
        await link.cut()
        for _ in range(20):
            listed = await a.get("/components")
            assert sorted(listed.ids) == ["a_unit", "b_unit"]
            assert await whose(a, "b_app") == "b"
            assert len((await a.get("/functions/production/data")).items) == 2
        assert_gaps(await a.get("/functions/production/data"))
        await link.heal()
        await a.sees(*ways)
    for link in ways.values():
        await link.cut()
    await shows(a, "a", missing=("front_door",))


async def test_fault_039_a_peer_that_is_ourselves_is_told_so_once_and_adds_nothing(cluster: Cluster) -> None:
    """Under another port, under another name, and under the very URL we listen on."""
    a = cluster.add("a", manifest=manifest("a"), log_level="debug")
    selves = {"mirror": (await cluster.link(a)).url, "echo": f"http://localhost:{a.port}", "shadow": a.url}
    for name, url in selves.items():
        a.add_peer(name, url)
    await a.start()

    async def are_recognised() -> bool:
        return all([(await peer(a, name))["state"] == "self" for name in selves])

    await eventually(are_recognised)
    probed = requests_for(a, "/health")
    await eventually(lambda: requests_for(a, "/health") >= probed + 20)
    await shows(a, "a")
    assert (await a.get("/apps")).ids == ["a_app", "cam"]
    production = await a.get("/functions/production/data")
    assert_gaps(production)
    assert len(production.items) == 1
    assert {name: logged(a, "peer is ourselves", peer=name, level="warning") for name in selves} == dict.fromkeys(
        selves, 1
    )


async def test_a_copied_state_directory_is_found_out_and_the_later_gateway_refused(cluster: Cluster) -> None:
    b, copy = cluster.add("b", manifest=manifest("b")), cluster.add("copy", manifest=manifest("copy"))
    a = cluster.add("a", manifest=manifest("a"), peers=[("b", b), ("copy", copy)])
    await b.start()
    await a.start()
    await shows(a, "a", "b", missing=("copy",))
    shutil.copytree(b.process.folder / "state", copy.process.folder / "state")
    await copy.start()
    warning = await warned(a, "duplicate_instance_id", "copy")
    assert (await peer(a, "b"))["instance_id"] in warning["message"]
    await shows(a, "a", "b", missing=("copy",))
    assert (await peer(a, "copy"))["state"] == "refused"
    assert await whose(a, "b_app") == "b"
    assert logged(a, "peer refused", peer="copy", reason="duplicate_instance_id") == 1
    await copy.stop()
    shutil.rmtree(copy.process.folder / "state")
    await copy.start()
    await shows(a, "a", "b", "copy")
    assert "duplicate_instance_id" not in await warnings(a)


async def test_a_copy_of_our_own_state_directory_is_refused_by_us(pair: Two) -> None:
    a, b = pair
    await a.start()
    await shows(a, "a", missing=("subsystem_b",))
    shutil.copytree(a.process.folder / "state", b.process.folder / "state")
    await b.start()
    await warned(a, "duplicate_instance_id", "subsystem_b")
    await shows(a, "a", missing=("subsystem_b",))
    assert (await peer(a, "subsystem_b"))["state"] == "refused"
    assert logged(a, "peer refused", peer="subsystem_b", reason="duplicate_instance_id") == 1
    assert len((await a.get("/faults")).items) == 2


@pytest.mark.parametrize("sudden", [False, True], ids=["stopped", "killed"])
async def test_a_restart_while_all_behind_is_silent_forgets_nothing(cluster: Cluster, sudden: bool) -> None:
    c = cluster.add("c", manifest=manifest("c"))
    b = cluster.add("b", manifest=manifest("b"), peers=[("far", c)])
    a = cluster.add("a", manifest=manifest("a"), peers=[("near", b)])
    await cluster.start_all()
    await shows(a, "a", "b", "c")
    names = (await a.get("/apps")).ids
    state = a.process.folder / "state"
    await eventually(lambda: any("c_unit" in each.read_text() for each in state.glob("peer-*.json")))
    await b.kill()
    await c.kill()
    await shows(a, "a", missing=("near", "near/far"))
    await (a.kill() if sudden else a.stop())
    await a.start()
    await shows(a, "a", missing=("near", "near/far"))
    for path in ("/apps/b_app", "/apps/near__cam/data", "/components/c_unit", "/apps/c_app/data/whose"):
        gone = await a.get(path)
        assert (gone.status, gone.json["vendor_code"]) == (502, "x-medkit-peer-unavailable"), path
    production = await a.get("/functions/production/data")
    assert_gaps(production, {"near", "near/far"})
    await b.start()
    await c.start()
    await shows(a, "a", "b", "c")
    assert (await a.get("/apps")).ids == names


async def test_a_new_app_of_our_own_takes_its_id_from_a_remote_one_with_a_warning(pair: Two) -> None:
    a, b = pair
    await b.start()
    await a.start()
    await shows(a, "a", "b")
    assert await whose(a, "b_app") == "b"
    await a.stop()
    a.manifest = {
        **manifest("a"),
        "apps": [*manifest("a")["apps"], {"id": "b_app", "name": "B", "is_located_on": "a_unit"}],
    }
    await a.start()
    await shows(a, "a", "b")
    assert (await a.get("/apps/b_app")).json["x-medkit"]["source"] == "manifest"
    assert await whose(a, "subsystem_b__b_app") == "b"
    assert (await warnings(a))["app_id_displaced"]["entity_ids"] == ["b_app"]
