"""Which routes below an entity of ours exist, which are not built, and what they answer."""

import pytest

from entities.model import EntityKind
from gateway.http.errors import ApiError
from gateway.http.own_item import change_own, own_item, raised, refuse_creation, status_document
from gateway.local.answers import EntityRef, ItemAnswer, ResourceError
from gateway.local.own import OwnEntities

BOX = EntityRef(EntityKind.COMPONENT, "box")


def own() -> OwnEntities:
    return OwnEntities([], clock=lambda: 1_700_000_000_000_000_000)


async def outcome(method: str, collection: str, item: str = "x", tail: tuple[str, ...] = ()) -> tuple[int, str]:
    """(status, error code) of an item that nobody has."""
    try:
        answer = await own_item(own(), BOX, collection, method=method, item=item, tail=tail, body={"value": 1})
    except ApiError as error:
        return error.status, error.code
    return (answer.status, "") if isinstance(answer, ItemAnswer) else (answer.status, answer.code)


@pytest.mark.parametrize(
    ("method", "collection", "expected"),
    [
        ("GET", "data", (404, "resource-not-found")),
        ("PUT", "data", (404, "resource-not-found")),
        ("DELETE", "data", (404, "resource-not-found")),
        ("POST", "data", (404, "resource-not-found")),
        ("GET", "operations", (404, "operation-not-found")),
        ("POST", "operations", (404, "resource-not-found")),
        ("POST", "configurations", (404, "resource-not-found")),
        ("PUT", "faults", (404, "resource-not-found")),
        ("GET", "bulk-data", (404, "resource-not-found")),
        ("HEAD", "triggers", (404, "resource-not-found")),
        ("POST", "triggers", (501, "not-implemented")),
        ("DELETE", "bulk-data", (501, "not-implemented")),
        ("GET", "locks", (501, "not-implemented")),
        ("POST", "scripts", (501, "not-implemented")),
        ("GET", "nonsense", (404, "resource-not-found")),
        ("GET", "logs", (404, "resource-not-found")),
    ],
)
async def test_every_route_is_there_or_not_built_or_none(
    method: str, collection: str, expected: tuple[int, str]
) -> None:
    assert await outcome(method, collection) == expected


@pytest.mark.parametrize("collection", ["data", "configurations", "faults"])
async def test_nothing_stands_below_an_item(collection: str) -> None:
    with pytest.raises(ApiError) as refused:
        await own_item(own(), BOX, collection, method="GET", item="x", tail=("y",))
    assert (refused.value.status, refused.value.code) == (404, "resource-not-found")


@pytest.mark.parametrize("collection", ["faults", "configurations"])
async def test_a_collection_is_emptied_or_reset(collection: str) -> None:
    assert await change_own(own(), BOX, collection) == {"app_id": "box", "node": "", "success": True}


@pytest.mark.parametrize(
    ("collection", "status"), [("data", 404), ("locks", 501), ("triggers", 501), ("nonsense", 404)]
)
async def test_what_cannot_be_created_is_no_route_or_not_built(collection: str, status: int) -> None:
    assert refuse_creation(collection).status == status


@pytest.mark.parametrize(("vendor", "code"), [(None, "resource-not-found"), ("x-medkit-ros2-topic-unavailable",) * 2])
def test_a_refusal_names_the_entity_that_was_addressed(vendor: str | None, code: str) -> None:
    error = ResourceError(404, "resource-not-found", "No", {"entity_id": "cam", "id": "x"}, vendor)
    answer = raised(error, "box")
    assert (answer.status, answer.code, answer.parameters) == (404, code, {"entity_id": "box", "id": "x"})
    assert raised(ResourceError(400, "invalid-parameter", "No"), "box").parameters == {}


@pytest.mark.parametrize(
    ("kind", "online", "expected"),
    [
        (EntityKind.APP, True, {"status": "ready"}),
        (EntityKind.COMPONENT, False, {"status": "notReady"}),
        (EntityKind.AREA, True, None),
        (EntityKind.FUNCTION, True, None),
    ],
)
def test_apps_and_components_have_a_status(kind: EntityKind, online: bool, expected: dict[str, str] | None) -> None:
    assert status_document(kind, "/api/v1/x", is_ready=online) == expected


def test_a_status_tells_what_may_be_asked_for() -> None:
    document = status_document(EntityKind.APP, "/api/v1/apps/web/status", is_ready=True, transitions=["restart"])
    assert document == {"status": "ready", "restart": "/api/v1/apps/web/status/restart"}
