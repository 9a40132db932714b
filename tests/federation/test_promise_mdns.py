"""Promises 24 to 33 and trap T4: the tutorial's step 4. Its two files, unchanged, on one host.

Each test has an mDNS service of its own (`-p aggregation.mdns_service:=...`), so that tests that run side by side on
this machine's loopback do not find each other; the last one has not.
"""

import asyncio
import re
import signal
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from tests.federation import robots
from tests.federation.gateway import FAST
from tests.federation.gateways import Cluster, GatewayProcess, eventually
from tests.federation.tutorial import FILES, QUIET, STEP_4, Tutorial
from tests.unit.discovery.network import new_service

SOON_S = 5.0
"""After both answer: "after a few seconds"."""


def add_two(
    cluster: Cluster, settings: Mapping[str, Any] = FAST, files: Mapping[str, str] = FILES
) -> tuple[GatewayProcess, GatewayProcess]:
    """The tutorial's A and B, not started yet, on a service of their own."""
    tutorial = Tutorial(cluster)
    alone = {"aggregation.mdns_service": new_service(), **settings}
    a, b = (
        tutorial.add(name, command, manifest=manifest, settings=alone, files=files)
        for (name, command), manifest in zip(STEP_4.items(), (robots.A, robots.B), strict=True)
    )
    return a, b


async def peers(gateway: GatewayProcess) -> dict[str, dict[str, Any]]:
    """Those of `/health` by name."""
    return {peer["name"]: peer for peer in (await gateway.get("/health")).json["peers"]}


async def sees(gateway: GatewayProcess, *names: str, within: float = SOON_S) -> None:
    """Waits until exactly these are its peers and all are online."""

    async def check() -> bool:
        found = await peers(gateway)
        assert {name: one["status"] for name, one in found.items()} == dict.fromkeys(names, "online")
        return True

    await eventually(check, within)


async def two_that_see_each_other(cluster: Cluster, **options: Any) -> tuple[GatewayProcess, GatewayProcess]:
    a, b = add_two(cluster, **options)
    await cluster.start_all()
    await sees(a, "gateway_b")
    await sees(b, "gateway_a")
    return a, b


async def test_promise_24_to_31_the_tutorial_s_files_find_each_other_on_one_host(cluster: Cluster) -> None:
    a, b = await two_that_see_each_other(cluster)
    for name, other in (("gateway_a", b), ("gateway_b", a)):
        (peer,) = (await peers(other)).values()
        target = a if other is b else b
        assert peer["name"] == name
        assert peer["url"] == f"http://127.0.0.1:{target.port}"
        assert peer["x-medkit"]["found_by"] == "mdns"
        assert peer["x-medkit"]["instance_id"] == (await target.get("/health")).medkit["instance_id"]
    assert "peer_urls" not in FILES["gateway_a_mdns.yaml"] + FILES["gateway_b_mdns.yaml"]


async def test_promise_29_both_directions_at_once_show_each_app_once(cluster: Cluster) -> None:
    a, b = await two_that_see_each_other(cluster)
    own = {"a": {one["id"] for one in robots.A["apps"]}, "b": {one["id"] for one in robots.B["apps"]}}

    async def settled() -> bool:
        at_a, at_b = (await a.get("/apps")).ids, (await b.get("/apps")).ids
        assert sorted(at_a) == sorted([*own["a"], *(_here(one, own["a"], "gateway_b") for one in own["b"])])
        assert sorted(at_b) == sorted([*own["b"], *(_here(one, own["b"], "gateway_a") for one in own["a"])])
        return True

    async def is_quiet() -> bool:
        """Several refreshes of both change nothing any more: nothing comes back as somebody else's."""
        before = await generations()
        await asyncio.sleep(5 * FAST["refresh_interval_ms"] / 1000)
        return before == await generations()

    async def generations() -> list[int]:
        return [(await one.get("/health")).medkit["generation"] for one in (a, b)]

    await eventually(settled)
    await eventually(is_quiet, 30)
    assert await settled()


def _here(app: str, own: set[str], peer: str) -> str:
    return f"{peer}__{app}" if app in own else app


async def test_promise_32_without_a_name_the_host_s_is_taken_and_the_second_gets_another(cluster: Cluster) -> None:
    nameless = {caption: re.sub(r"\n *mdns_name:.*", "", text) for caption, text in FILES.items()}
    assert "mdns_name" not in nameless["gateway_a_mdns.yaml"]
    a, b = add_two(cluster, files=nameless)
    await cluster.start_all()
    for one, other in ((a, b), (b, a)):
        await eventually(partial(peers, one))
        (peer,) = (await peers(one)).values()
        assert peer["url"] == f"http://127.0.0.1:{other.port}"


async def test_promise_41_ctrl_c_is_a_goodbye_and_the_peer_is_forgotten(cluster: Cluster) -> None:
    a, b = await two_that_see_each_other(cluster, settings=QUIET)
    assert await b.stop(signal.SIGINT) == 0
    await sees(a)
    assert (await a.get("/apps")).ids == [one["id"] for one in robots.A["apps"]]
    await b.start()
    await sees(a, "gateway_b")


async def test_a_killed_peer_is_known_to_be_silent_and_found_again(cluster: Cluster) -> None:
    a, b = await two_that_see_each_other(cluster, settings={})
    await b.kill()

    async def is_silent() -> bool:
        return bool((await peers(a))["gateway_b"]["status"] == "offline")

    await eventually(is_silent, SOON_S)
    await b.start()
    await sees(a, "gateway_b")


async def test_promise_t04_bound_wider_loopback_stays_refused(cluster: Cluster) -> None:
    a, b = add_two(cluster)
    b.process.arguments = [
        *b.process.arguments,
        "-p",
        "server.host:=0.0.0.0",
        "-p",
        'aggregation.mdns_interfaces:=["lo"]',
    ]
    await cluster.start_all()

    async def is_refused() -> bool:
        item = (await b.get("/x-medkit-peers")).items[0]
        assert (item["name"], item["url"]) == ("gateway_a", f"http://127.0.0.1:{a.port}")
        return bool(item["x-medkit"]["reason"] == "destination_ip_prohibited")

    await eventually(is_refused)
    assert await peers(b) == {}


async def test_announcing_alone_finds_nobody_and_is_found(cluster: Cluster) -> None:
    leaf = FILES["gateway_b_mdns.yaml"].replace("discover: true", "discover: false")
    a, b = add_two(cluster, files={**FILES, "gateway_b_mdns.yaml": leaf})
    await cluster.start_all()
    await sees(a, "gateway_b")
    assert await peers(b) == {}


@pytest.mark.serial
async def test_promise_24_to_30_to_the_letter(cluster: Cluster) -> None:
    tutorial = Tutorial(cluster, to_the_letter=True)
    a, b = (tutorial.add(name, command, settings={}) for name, command in STEP_4.items())
    await cluster.start_all()
    for one, other in ((a, "gateway_b"), (b, "gateway_a")):

        async def has_it(one: GatewayProcess = one, other: str = other) -> bool:
            return bool((await peers(one))[other]["status"] == "online")

        await eventually(has_it, SOON_S)
