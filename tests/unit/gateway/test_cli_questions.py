"""`grove peers|health|route|tree` against a gateway on loopback."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.commands.answers import Answer
from gateway.commands.api import open_api
from gateway.commands.asking import base_url
from gateway.commands.failure import CommandFailed
from gateway.commands.route import fetch_routes
from gateway.commands.tree import Forest, Node, fetch_forest
from tests.faults.authority import Authority
from tests.unit.gateway.command import Reply, grove, serving

HEALTH = {
    "status": "healthy",
    "warnings": [{"code": "no_peers", "message": "add one"}],
    "x-medkit-entity-cache": {"areas": 1, "components": 3, "apps": 2, "functions": 1},
    "x-medkit": {"name": "gateway_a", "instance_id": "wJ5ZqP0xQ2mF8hT1yUaB3g"},
    "peers": [
        {
            "name": "subsystem_b",
            "url": "http://localhost:8081",
            "status": "offline",
            "x-medkit": {"state": "down", "reason": "connection_refused", "entities": 4, "found_by": "static"},
        }
    ],
}
ROUTES = {
    "items": [
        {
            "id": "arm",
            "type": "component",
            "owner": "remote",
            "instance": "C",
            "contributors": ["peer:mid_level"],
            "path": [{"instance": "A", "name": "top"}, {"instance": "B"}, {"instance": "C", "name": "leaf"}],
            "reachable": True,
            "source": "peer:mid_level",
            "href": "/api/v1/components/arm",
        }
    ]
}


def item(entity_id: str, source: str = "manifest", **more: Any) -> dict[str, Any]:
    return {"id": entity_id, "name": entity_id, "x-medkit": {"source": source, **more}}


def collection(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"items": list(items), "x-medkit": {"total_count": len(items), **more}}


TREE = {
    "/areas": collection(item("chassis")),
    "/areas/chassis/subareas": collection(item("brakes")),
    "/areas/brakes/subareas": collection(),
    "/areas/chassis/components": collection(item("robot"), item("ecu")),
    "/areas/brakes/components": collection(),
    "/components": collection(item("robot"), item("arm", "peer:b"), partial=True, failed_peers=["c"]),
    "/components/robot/subcomponents": collection(item("ecu")),
    "/components/arm/subcomponents": collection(),
    "/components/ecu/subcomponents": collection(),
    "/apps": collection(
        item("cam", component_id="ecu"), item("lidar", "peer:b", component_id="arm", available=False), item("stray")
    ),
    "/functions": collection(item("navigation"), failed_peers=["c"]),
}


class Recorded:
    """An Api that answers from a table."""

    base = "http://gateway"

    def __init__(self, bodies: dict[str, Any]) -> None:
        self._bodies = bodies
        self.asked: list[str] = []

    async def get(self, path: str) -> Answer:
        self.asked.append(path)
        return Answer(200, self._bodies[path]) if path in self._bodies else Answer(404, {"message": "Entity not found"})


def names(nodes: tuple[Node, ...]) -> dict[str, Any]:
    return {f"{node.type} {node.id}": names(node.children) for node in nodes}


async def test_every_entity_has_its_one_place_in_the_tree() -> None:
    api = Recorded(TREE)
    forest = await fetch_forest(api)
    assert names(forest.nodes) == {
        "area chassis": {
            "area brakes": {},
            "component robot": {"component ecu": {"app cam": {}}},
        },
        "component arm": {"app lidar": {}},
        "app stray": {},
        "function navigation": {},
    }
    assert forest.missing == ("c",)
    assert len(api.asked) == len(set(api.asked)), "nothing is asked twice"


async def test_components_that_contain_each_other_end_the_walk() -> None:
    circle = {
        "/areas": collection(),
        "/components": collection(item("a")),
        "/components/a/subcomponents": collection(item("b")),
        "/components/b/subcomponents": collection(item("a"), item("b")),
        "/apps": collection(),
        "/functions": collection(),
    }
    forest = await fetch_forest(Recorded(circle))
    assert names(forest.nodes) == {"component a": {"component b": {}}}


async def test_items_that_are_no_entities_are_left_out() -> None:
    odd = {path: {"items": [None, {"id": 5}, "x"]} for path in ("/areas", "/components", "/apps", "/functions")}
    assert await fetch_forest(Recorded(odd)) == Forest((), ())


async def test_tree_prints_every_entity_with_its_source_and_names_what_is_missing() -> None:
    async with serving(TREE) as url:
        ended = await grove("tree", url)
    assert (ended.code, ended.err) == (0, "")
    lines = [line.strip(" │├└─") for line in ended.out.splitlines()]
    assert lines == [
        url,
        "area chassis  [manifest]",
        "area brakes  [manifest]",
        "component robot  [manifest]",
        "component ecu  [manifest]",
        "app cam  [manifest]",
        "component arm  [peer:b]",
        "app lidar  [peer:b]  not available",
        "app stray  [manifest]",
        "function navigation  [manifest]",
        "partial: nothing from c",
    ]


async def test_tree_as_json_is_nested() -> None:
    async with serving(TREE) as url:
        ended = await grove("tree", url, "-o", "json")
    forest = json.loads(ended.out)
    assert forest["missing"] == ["c"]
    assert forest["nodes"][0]["children"][0]["id"] == "brakes"


async def test_peers_prints_a_row_for_each_peer() -> None:
    async with serving({"/health": HEALTH}) as url:
        ended = await grove("peers", url)
    header, row = ended.out.splitlines()
    assert ended.code == 0
    assert header.split()[:4] == ["NAME", "URL", "STATUS", "STATE"]
    assert " ".join(row.split()) == (
        "subsystem_b http://localhost:8081 offline down - - - 4 - static - connection_refused -"
    )


async def test_peers_shows_everybody_who_was_found_and_the_sources_in_trouble() -> None:
    refused = {"state": "refused", "source": "mdns", "reason": "foreign_subnet", "why": "it is far away"}
    page = {
        "items": [{"name": "arm", "url": "http://10.0.0.9:8081", "status": "offline", "x-medkit": refused}],
        "x-medkit": {"sources": [{"name": "mdns", "found": 1}, {"name": "file:/x", "found": 0, "trouble": "no file"}]},
    }
    async with serving({"/health": HEALTH, "/x-medkit-peers": page}) as url:
        ended = await grove("peers", url)
        listed = await grove("peers", url, "-o", "json")
    _, row, trouble = ended.out.splitlines()
    assert row.split()[:4] == ["arm", "http://10.0.0.9:8081", "offline", "refused"]
    assert row.endswith("it is far away")
    assert trouble == "in trouble: file:/x: no file"
    assert json.loads(listed.out) == page["items"]


async def test_a_time_beyond_all_calendars_is_shown_as_the_number_it_is() -> None:
    peer = {"name": "b", "url": "http://b:1", "status": "online", "x-medkit": {"since": 1e300}}
    async with serving({"/health": {"status": "healthy", "peers": [peer]}}) as url:
        ended = await grove("peers", url)
    assert ended.code == 0
    assert " 1e+300 " in ended.out


async def test_peers_as_json_are_those_of_health() -> None:
    async with serving({"/health": HEALTH}) as url:
        ended = await grove("peers", url, "-o", "json")
    assert json.loads(ended.out) == HEALTH["peers"]


async def test_peers_of_a_gateway_without_aggregation_says_so() -> None:
    async with serving({"/health": {"status": "healthy"}}) as url:
        assert (await grove("peers", url)).out == "aggregation is off there: this gateway has no peers\n"
        assert (await grove("peers", url, "-o", "json")).out == "[]\n"


@pytest.mark.parametrize("status", [401, 403])
async def test_peers_that_need_a_token_are_a_failure_that_says_how_to_show_one(status: int) -> None:
    refusal = {"error": "invalid_token", "error_description": "Invalid token: none was sent"}
    async with serving({"/health": {"status": "healthy"}, "/x-medkit-peers": Reply(refusal, status)}) as url:
        ended = await grove("peers", url)
        health = await grove("health", url)
    assert (ended.code, ended.out) == (1, "")
    assert f"answers {status}: Invalid token: none was sent; --token-file shows a token" in ended.err
    assert health.code == 0
    assert "peers shown only with --token-file" in " ".join(health.out.split())


async def test_health_prints_what_matters_and_every_warning() -> None:
    async with serving({"/health": HEALTH}) as url:
        ended = await grove("health", url)
    assert ended.code == 0
    assert [line.strip().split(maxsplit=1) for line in ended.out.splitlines()] == [
        ["status", "healthy"],
        ["name", "gateway_a"],
        ["instance", "wJ5ZqP0xQ2mF8hT1yUaB3g"],
        ["entities", "1 areas, 3 components, 2 apps, 1 functions"],
        ["peers", "0 of 1 online"],
        ["warning", "no_peers: add one"],
    ]


async def test_health_names_every_gateway_that_is_silent_however_far_away() -> None:
    medkit = {"x-medkit": {"name": "gateway_a", "failed_peers": ["mid_level/leaf_system", "spare"]}}
    async with serving({"/health": {"status": "healthy", **medkit}}) as url:
        ended = await grove("health", url)
    lines = [line.split(maxsplit=1) for line in ended.out.splitlines()]
    assert ["silent", "mid_level/leaf_system, spare"] in [[label, value.strip()] for label, value in lines]


async def test_health_says_why_a_gateway_is_silent_and_what_is_missing_where_that_is_known() -> None:
    medkit = {"x-medkit": {"failed_peers": ["line/machine", "subsystem_b"]}}
    errors = [{"peer": "line/machine", "reason": "destination_unavailable"}]
    areas = {"items": [], "x-medkit": {"peer_errors": errors}}
    async with serving({"/health": {**HEALTH, **medkit}, "/areas": areas}) as url:
        ended = await grove("health", url)
    assert ended.code == 0
    told = " ".join(ended.out.split())
    assert "silent line/machine (destination_unavailable), subsystem_b (connection_refused, 4 entities missing)" in told


async def test_health_of_a_gateway_that_drains_is_shown_and_ends_with_1() -> None:
    async with serving({"/health": Reply({"status": "draining"}, 503)}) as url:
        ended = await grove("health", url)
    assert (ended.code, ended.out.split()) == (1, ["status", "draining"])


async def test_route_prints_the_hops_by_name() -> None:
    async with serving({"/x-medkit-route/arm": ROUTES}) as url:
        ended = await grove("route", "arm", url)
    _, row = ended.out.splitlines()
    assert ended.code == 0
    assert row.split("  ")[0] == "arm"
    assert "top > B > leaf" in row
    assert "remote" in row


async def test_route_as_json_is_the_list_of_items() -> None:
    async with serving({"/x-medkit-route/arm": ROUTES}) as url:
        ended = await grove("route", "arm", url, "-o", "json")
    assert json.loads(ended.out) == ROUTES["items"]


async def test_route_of_an_id_is_asked_percent_encoded() -> None:
    async with serving({"/x-medkit-route/a%2Fb%3F": ROUTES}) as url:
        assert (await grove("route", "a/b?", url)).code == 0


@pytest.mark.parametrize(
    ("replies", "told"),
    [
        ({"/x-medkit-route/arm": {"items": []}}, "knows no entity with the id 'arm'"),
        ({}, "knows no entity with the id 'arm'; grove tree lists all"),
        (
            {"/x-medkit-route/arm": Reply({"message": "Resource not found"}, 404)},
            "/api/v1/x-medkit-route/arm answers 404: Resource not found",
        ),
        ({"/x-medkit-route/arm": "<html>"}, "does not answer with JSON: is it a gateway?"),
        ({"/x-medkit-route/arm": "[" * 200_000}, "does not answer with JSON: is it a gateway?"),
        ({"/x-medkit-route/arm": [1]}, "answers no JSON object: is it a gateway?"),
        ({"/x-medkit-route/arm": Reply([], 503)}, "answers 503: no reason given"),
    ],
)
async def test_what_went_wrong_is_told_by_url(replies: dict[str, Any], told: str) -> None:
    async with serving(replies) as url, open_api(url) as api:
        with pytest.raises(CommandFailed) as failure:
            await fetch_routes(api, "arm")
    assert url in str(failure.value)
    assert told in str(failure.value)


async def test_a_failure_is_one_printable_line_and_ends_with_1() -> None:
    async with serving({"/x-medkit-route/arm": Reply({"message": "a\n\x1b[31mb"}, 500)}) as url:
        ended = await grove("route", "arm", url)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == f"grove: {url}/api/v1/x-medkit-route/arm answers 500: a\\n\\x1b[31mb\n"


async def test_a_gateway_that_is_not_there_is_said_in_one_line(free_port: int) -> None:
    ended = await grove("health", f"127.0.0.1:{free_port}")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        f"grove: nothing answers at http://127.0.0.1:{free_port} (Connection refused): is the gateway running there?\n"
    )


async def test_a_gateway_that_talks_no_http_is_told() -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-x\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, open_api(url) as api:
        with pytest.raises(CommandFailed, match=f"{url}/api/v1/health could not be read"):
            await api.get("/health")


async def test_a_certificate_that_is_not_trusted_is_told_as_one_and_so_is_https_asked_over_http(
    tmp_path: Path,
) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=Authority(tmp_path, "ours").context("b"))
    port = server.sockets[0].getsockname()[1]
    async with server:
        async with open_api(f"https://127.0.0.1:{port}") as api:
            with pytest.raises(CommandFailed, match=r"is not trusted \(.+\); name its authority in SSL_CERT_FILE"):
                await api.get("/health")
        async with open_api(f"http://127.0.0.1:{port}") as api:
            with pytest.raises(CommandFailed, match=r"; does it speak https\?"):
                await api.get("/health")


@pytest.mark.parametrize(
    "text", ["localhost:8080", "http://localhost:8080", "http://localhost:8080/", "localhost:8080/api/v1/"]
)
def test_a_url_may_be_typed_in_several_ways(text: str) -> None:
    assert base_url(text) == "http://localhost:8080"


def test_a_url_that_is_none_is_told_without_its_credentials() -> None:
    with pytest.raises(CommandFailed, match=r"found 'http://\*\*\*@a', which has credentials"):
        base_url("http://user:opensesame@a")
