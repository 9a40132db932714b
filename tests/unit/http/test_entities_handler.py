"""Entity documents over HTTP: conditions, preferences, methods, and entities whose gateways are silent."""

import pytest

from entities.model import App, Area, Component, Function
from tests.unit.http.serving import World, serving
from tests.unit.http.views import Peer, record, view_of

WHOLE = record("here", Area("lab"), Component("robot"), App("cam"), Function("nav"))
SILENT = Peer("b", record("bee", Area("lab"), Component("arm"), App("gps"), App("cam")), up=False)
WORD = {"Prefer": "handling=strict"}


async def test_a_whole_document_has_an_etag_and_is_not_sent_to_who_has_it() -> None:
    async with serving(World(view_of(WHOLE))) as client:
        first = await client.get("/api/v1/apps")
        assert (first.status, first.headers["Cache-Control"]) == (200, "no-cache")
        etag = first.headers["ETag"]
        for condition in (etag, f'"other", W/{etag}', "*"):
            again = await client.get("/api/v1/apps", {"If-None-Match": condition})
            assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag)
        assert (await client.get("/api/v1/apps", {"If-None-Match": '"other"'})).body == first.body


async def test_a_partial_document_is_neither_conditional_nor_stored() -> None:
    async with serving(World(view_of(WHOLE, SILENT))) as client:
        answer = await client.get("/api/v1/apps", {"If-None-Match": "*"})
    assert (answer.status, answer.json["x-medkit"]["partial"]) == (200, True)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers


async def test_who_wants_all_or_nothing_gets_an_error_instead_of_a_part() -> None:
    async with serving(World(view_of(WHOLE, SILENT))) as client:
        refused = await client.get("/api/v1/apps", WORD)
        whole = await client.get("/api/v1/functions/nav", WORD)
    assert (refused.status, refused.json["vendor_code"]) == (502, "x-medkit-peer-unavailable")
    assert refused.json["x-medkit"]["failed_peers"] == ["b"]
    assert whole.status == 200
    assert refused.headers["Preference-Applied"] == whole.headers["Preference-Applied"] == "handling=strict"


async def test_head_has_the_headers_of_get_and_no_body() -> None:
    async with serving(World(view_of(WHOLE))) as client:
        got = await client.get("/api/v1/components/robot")
        head = await client.request("HEAD", "/api/v1/components/robot")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(got.body))
    assert head.headers["ETag"] == got.headers["ETag"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_method_that_is_not_offered_is_no_route(method: str) -> None:
    async with serving(World(view_of(WHOLE))) as client:
        answer = await client.request(method, "/api/v1/apps/cam")
    assert (answer.status, answer.json["error_code"]) == (404, "resource-not-found")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/api/v1/apps/", 200),
        ("/api/v1/apps/cam/", 200),
        ("/api/v1/apps/cam/depends-on/", 200),
        ("/api/v1/apps/cam/depends-on/x", 404),
        ("/api/v1/apps/cam/hosts", 404),
        ("/api/v1/areas/lab/docs", 501),
        ("/api/v1/apps/cam?whatever=1", 200),
    ],
)
async def test_paths_around_an_entity(target: str, status: int) -> None:
    async with serving(World(view_of(WHOLE))) as client:
        assert (await client.get(target)).status == status


async def test_what_a_silent_gateway_owns_is_502_and_what_others_have_too_is_served() -> None:
    async with serving(World(view_of(WHOLE, SILENT))) as client:
        statuses = {
            target: (await client.get(f"/api/v1/{target}")).status
            for target in (
                "apps/gps",
                "apps/b__cam",
                "apps/gps/depends-on",
                "components/arm",
                "components/arm/hosts",
                "areas/lab",
                "apps/cam",
            )
        }
        gone = await client.get("/api/v1/components/arm")
    assert statuses == {
        "apps/gps": 502,
        "apps/b__cam": 502,
        "apps/gps/depends-on": 502,
        "components/arm": 502,
        "components/arm/hosts": 502,
        "areas/lab": 200,
        "apps/cam": 200,
    }
    assert gone.json["x-medkit"] == {"reason": "connection_refused", "peer": "b", "elapsed_ms": 3}
    assert gone.headers["X-Medkit-Reason"] == "connection_refused"


async def test_retained_entities_answer_504_and_their_relations_are_told() -> None:
    async with serving(World(view_of(WHOLE, SILENT, retain="all"))) as client:
        detail = await client.get("/api/v1/components/arm")
        hosts = await client.get("/api/v1/components/arm/hosts")
    assert (detail.status, detail.json["error_code"]) == (504, "not-responding")
    assert hosts.status == 200


async def test_the_target_of_a_request_answers_from_what_is_its_own() -> None:
    peer = Peer("b", record("bee", App("gps")))
    async with serving(World(view_of(WHOLE, peer), own=True)) as client:
        assert (await client.get("/api/v1/apps/gps")).status == 404
        apps = await client.get("/api/v1/apps")
    assert [item["id"] for item in apps.json["items"]] == ["cam"]


async def test_one_request_sees_one_generation() -> None:
    world = World(view_of(WHOLE))
    async with serving(world) as client:
        before = await client.get("/api/v1/apps")
        world.view = view_of(record("here", App("cam"), App("new")), generation=2)
        after = await client.get("/api/v1/apps", {"If-None-Match": before.headers["ETag"]})
    assert (len(before.json["items"]), len(after.json["items"])) == (1, 2)
