"""The one table: which role a request needs, and that no spelling of a path slips past it."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entities.model import EntityKind
from gateway.auth.access import TABLE, Policy, least_role, needs_token, segments_of
from gateway.auth.roles import Role
from gateway.http.path import (
    API_PREFIX,
    RESOURCE_COLLECTIONS,
    SLASHED_COLLECTIONS,
    UNBUILT_COLLECTIONS,
    PathProblem,
    Route,
    parse_target,
    relation_names,
)
from tests.unit.http.serving import World, serving

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "SUBSCRIBE")


def route_of(path: str) -> Route:
    route = parse_target(f"{API_PREFIX}{path}")
    assert not isinstance(route, PathProblem), path
    return route


def role(method: str, path: str) -> Role:
    return least_role(method, route_of(path))


ROLES = [
    (Role.VIEWER, "GET", "/"),
    (Role.VIEWER, "HEAD", "/apps"),
    (Role.VIEWER, "GET", "/apps/cam/data/speed"),
    (Role.VIEWER, "GET", "/areas/a/subareas/b/bulk-data/rosbags/1"),
    (Role.VIEWER, "GET", "/x-medkit-tree"),
    (Role.OPERATOR, "PUT", "/apps/cam/data/speed"),
    (Role.OPERATOR, "POST", "/apps/cam/operations/home/executions"),
    (Role.OPERATOR, "PUT", "/components/c/operations/home/executions/1"),
    (Role.OPERATOR, "DELETE", "/functions/f/operations/home/executions/1"),
    (Role.OPERATOR, "DELETE", "/faults"),
    (Role.OPERATOR, "DELETE", "/apps/cam/faults"),
    (Role.OPERATOR, "DELETE", "/apps/cam/faults/HOT"),
    (Role.OPERATOR, "POST", "/apps/cam/locks"),
    (Role.OPERATOR, "POST", "/components/c/bulk-data/maps"),
    (Role.OPERATOR, "PUT", "/apps/cam/status/restart"),
    (Role.OPERATOR, "POST", "/apps/cam/scripts/s/executions"),
    (Role.CONFIGURATOR, "PUT", "/apps/cam/configurations/gain"),
    (Role.CONFIGURATOR, "DELETE", "/apps/cam/configurations"),
    (Role.CONFIGURATOR, "PUT", "/apps/cam/logs/configuration"),
    (Role.CONFIGURATOR, "PUT", "/apps/cam/status/shutdown"),
    (Role.CONFIGURATOR, "POST", "/apps/cam/scripts"),
    (Role.CONFIGURATOR, "DELETE", "/apps/cam/scripts/s"),
    (Role.CONFIGURATOR, "PUT", "/updates/u/execute"),
    (Role.ADMIN, "PUT", "/apps/cam"),
    (Role.ADMIN, "POST", "/apps"),
    (Role.ADMIN, "PATCH", "/apps/cam/data/speed"),
    (Role.ADMIN, "GET", "/something-new"),
    (Role.ADMIN, "POST", "/health"),
    (Role.ADMIN, "DELETE", "/apps/cam/data/speed"),
    (Role.ADMIN, "SUBSCRIBE", "/apps"),
]


@pytest.mark.parametrize(("needed", "method", "path"), ROLES)
def test_a_request_needs_the_role_of_its_row(needed: Role, method: str, path: str) -> None:
    assert role(method, path) is needed


def test_rows_that_fit_one_request_name_one_role() -> None:
    """So their order means nothing."""
    for rule in TABLE:
        segments = tuple("apps" if part == "{kind}" else "x" if part in ("*", "**") else part for part in rule.segments)
        for method in rule.methods:
            path = "/" + "/".join(segments)
            assert role(method, path) is rule.role, (method, rule.pattern)


async def test_every_route_of_this_gateway_has_a_row_of_its_own() -> None:
    """One without would be open to admins only. A new route needs a row in gateway/auth/access.py."""
    async with serving(World()) as client:
        endpoints = (await client.get("/api/v1/")).json["endpoints"]
    unnamed = []
    for endpoint in endpoints:
        method, _, path = endpoint.partition(" ")
        if path.startswith(f"{API_PREFIX}/auth/"):
            continue
        filled = path.removeprefix(API_PREFIX).replace("{transition}", "restart")
        for brace in "{}":
            filled = filled.replace(brace, "")
        if role(method, filled) is Role.ADMIN:
            unnamed.append(endpoint)
    assert unnamed == []


def test_everything_that_hangs_from_an_entity_can_be_read_by_a_viewer() -> None:
    for kind in EntityKind:
        for name in (*RESOURCE_COLLECTIONS, *UNBUILT_COLLECTIONS, *relation_names(kind)):
            assert role("GET", f"/{kind.value}/x/{name}") is Role.VIEWER, name


@pytest.mark.parametrize("spelling", ["%2Fscan%2Ffront", "scan/front", "//scan/front", "scan%2Ffront/", "a/b/c/d/e"])
@pytest.mark.parametrize("collection", sorted(SLASHED_COLLECTIONS))
def test_an_item_id_with_slashes_needs_what_any_item_needs(collection: str, spelling: str) -> None:
    """Upstream lets nobody but an admin write these."""
    for method in METHODS:
        assert role(method, f"/apps/cam/{collection}/{spelling}") is role(method, f"/apps/cam/{collection}/x")


@pytest.mark.parametrize(
    "path",
    [
        "/apps/cam%2Fdata%2Fspeed",
        "/apps%2Fcam/data/speed",
        "/apps/cam/data%2Fspeed",
        "/apps/cam/status%2Frestart",
        "/apps/cam/%64ata%2Fspeed",
        "/x/cam/data/speed",
        "/Apps/cam/data/speed",
        "/apps/cam/DATA/speed",
        "/faults/x",
    ],
)
def test_what_only_looks_like_a_row_is_none(path: str) -> None:
    assert {role(method, path) for method in ("PUT", "DELETE", "POST")} == {Role.ADMIN}


@pytest.mark.parametrize(
    "path",
    [
        "/apps/cam/data/..",
        "/apps/cam/data/../configurations/gain",
        "/apps/cam/data/%2e%2e/configurations/gain",
        "/apps/cam/data/%2E%2e%2fconfigurations%2fgain",
        "/apps/cam/data/%252e%252e/configurations/gain",
        "/apps/cam/data/..%2fconfigurations%2fgain",
        "/apps/cam/data/x%252F..%252Fgain",
        "/apps/cam/data/..;/configurations/gain",
        "/apps/cam/data/x;a=b",
        "/apps/cam/data/x\\..\\gain",
        "/apps/cam/data/%5c..%5cgain",
        "/apps/cam/data/%c0%ae%c0%ae/gain",
        "/apps/cam/data/x%00",
        "/apps/./cam/data/x",
        "//apps/cam/data/x",
        "/apps//cam/data/x",
    ],
)
def test_a_path_that_could_mean_two_things_never_gets_as_far_as_the_table(path: str) -> None:
    assert isinstance(parse_target(f"{API_PREFIX}{path}"), PathProblem)


words = st.text(alphabet=st.sampled_from("abzAZ019_-.~%/:;\\ \t\0é"), max_size=8)
known = st.sampled_from(
    ["apps", "areas", "data", "operations", "configurations", "faults", "status", "restart", "executions", "..", ""]
)


@given(st.lists(st.one_of(words, known), max_size=7), st.sampled_from(METHODS), st.data())
def test_however_a_path_is_spelled_it_needs_the_role_of_what_it_means(
    segments: list[str], method: str, data: st.DataObject
) -> None:
    """To encode more than one must, in small letters too, changes nothing; what is refused is refused anyhow."""
    plain = "/".join(quote(segment, safe="") for segment in segments)
    odd = "/".join(
        "".join(
            f"%{byte:02x}" if data.draw(st.booleans()) else quote(bytes([byte]), safe="") for byte in segment.encode()
        )
        for segment in segments
    )
    one, other = parse_target(f"{API_PREFIX}/{plain}"), parse_target(f"{API_PREFIX}/{odd}")
    if isinstance(one, PathProblem) or isinstance(other, PathProblem):
        assert isinstance(one, PathProblem) and isinstance(other, PathProblem)
        return
    assert segments_of(one) == segments_of(other)
    assert least_role(method, one) is least_role(method, other)


@given(st.lists(st.one_of(words, known), max_size=7), st.sampled_from(["POST", "PUT", "PATCH", "DELETE", "SUBSCRIBE"]))
def test_a_write_never_needs_less_than_an_operator(segments: list[str], method: str) -> None:
    route = parse_target(f"{API_PREFIX}/" + "/".join(quote(segment, safe="") for segment in segments))
    if not isinstance(route, PathProblem):
        assert least_role(method, route) >= Role.OPERATOR


@given(st.lists(st.one_of(words, known), min_size=1, max_size=7), st.sampled_from(METHODS))
def test_a_trailing_slash_makes_no_difference(segments: list[str], method: str) -> None:
    path = f"{API_PREFIX}/" + "/".join(quote(segment, safe="") for segment in segments)
    one, other = parse_target(path), parse_target(f"{path}/")
    if not isinstance(one, PathProblem) and not isinstance(other, PathProblem):
        assert least_role(method, one) is least_role(method, other)


@pytest.mark.parametrize(
    ("policy", "method", "path", "needed"),
    [
        *(("none", method, path, False) for method in METHODS for path in ("/apps", "/x-medkit-peers", "/faults")),
        *(("write", method, "/apps", method not in ("GET", "HEAD")) for method in METHODS),
        *(("all", method, "/apps", True) for method in METHODS),
        *((policy, method, "/health", False) for policy in ("write", "all") for method in ("GET", "HEAD")),
        *((policy, "POST", "/health", True) for policy in ("write", "all")),
        *((policy, "GET", "/health/more", policy == "all") for policy in ("write", "all")),
        *((policy, "GET", "/x-medkit-peers", True) for policy in ("write", "all")),
        ("all", "GET", "/", True),
    ],
)
def test_the_policy_says_which_requests_need_a_token(policy: Policy, method: str, path: str, needed: bool) -> None:
    assert needs_token(policy, method, route_of(path), is_passed_on=False) is needed


@pytest.mark.parametrize("policy", ["write", "all"])
def test_promise_t10_the_health_of_another_gateway_is_not_for_everybody(policy: Policy) -> None:
    """It would be asked with our credential, and tell who its peers are."""
    assert needs_token(policy, "GET", route_of("/health"), is_passed_on=True)
