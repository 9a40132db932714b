"""Errors have one form, upstream's words, and statuses that tell silence from slowness."""

from typing import Any

import pytest

from entities.model import EntityKind
from gateway.http import errors
from gateway.http.errors import ApiError, error_body
from gateway.http.path import PathProblem
from peers.view import Gap

REFUSED = Gap("subsystem_b", "connection_refused", "b" * 22, elapsed_ms=4)
LATE = Gap("mid/leaf", "http_response_timeout", "c" * 22, elapsed_ms=2000, is_timeout=True)


def test_a_code_of_the_standard_stands_as_it_is_and_parameters_only_when_there_are_some() -> None:
    assert error_body("not-responding", "No") == {"error_code": "not-responding", "message": "No"}
    assert error_body("not-responding", "No", {}) == {"error_code": "not-responding", "message": "No"}


def test_a_code_of_ours_travels_as_a_vendor_error() -> None:
    assert error_body("x-medkit-loop-detected", "Loop", {"a": 1}) == {
        "error_code": "vendor-error",
        "vendor_code": "x-medkit-loop-detected",
        "message": "Loop",
        "parameters": {"a": 1},
    }


@pytest.mark.parametrize(("given", "sent"), [(200, 400), (404, 404), (600, 599)])
def test_a_status_is_always_that_of_an_error(given: int, sent: int) -> None:
    assert ApiError(given, "internal-error", "?").status == sent


@pytest.mark.parametrize(
    ("entity_id", "details"),
    [
        ("", "Entity ID cannot be empty"),
        (
            "bad id",
            "Entity ID contains invalid character: ' '. Only alphanumeric, underscore and hyphen are allowed",
        ),
        ("a" * 257, "Entity ID too long: 257 characters found, at most 256 allowed"),
    ],
)
def test_a_bad_id_is_told_what_is_wrong_with_it(entity_id: str, details: str) -> None:
    error = errors.invalid_entity_id(entity_id)
    assert (error.status, error.code, error.message) == (400, "invalid-parameter", "Invalid entity ID")
    assert error.parameters == {"details": details, "entity_id": entity_id}


def test_relations_name_the_id_by_kind() -> None:
    invalid = errors.invalid_relation_id(EntityKind.AREA, "a b")
    missing = errors.relation_not_found(EntityKind.COMPONENT, "arm")
    assert (invalid.status, invalid.message) == (400, "Invalid area ID")
    assert invalid.parameters is not None
    assert invalid.parameters["area_id"] == "a b"
    assert (missing.status, missing.code, missing.message, missing.parameters) == (
        404,
        "entity-not-found",
        "Component not found",
        {"component_id": "arm"},
    )


def test_a_peer_that_cannot_be_reached_is_502_with_its_name_and_the_reason() -> None:
    error = errors.peer_unavailable(REFUSED)
    assert error.status == 502
    assert error.body()["vendor_code"] == "x-medkit-peer-unavailable"
    assert error.body()["x-medkit"] == {"reason": "connection_refused", "peer": "subsystem_b", "elapsed_ms": 4}
    assert "parameters" not in error.body()
    assert error.headers == (("X-Medkit-Reason", "connection_refused"),)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (403, "of this gateway was refused: its role does not suffice"),
        (401, "of this gateway was refused: it is missing or not good"),
        (502, "of a gateway on the way was refused: it is missing, not good, or its role does not suffice"),
    ],
)
def test_a_credential_that_is_refused_is_no_outage(status: int, told: str) -> None:
    error = errors.peer_unavailable(Gap("b/c", "auth", status=status))
    assert (error.status, error.code) == (502, "x-medkit-peer-unavailable")
    assert told in error.message
    assert "unavailable" not in error.message


def test_a_peer_that_is_too_slow_is_504() -> None:
    assert errors.peer_unavailable(LATE).status == 504


def test_the_asker_learns_whom_we_tried_and_whether_a_write_may_have_happened() -> None:
    gap = Gap("b", "no_route", "b" * 22, tried=("c" * 22, "d" * 22))
    error = errors.peer_unavailable(gap, may_have_executed=True)
    assert error.parameters == {"may_have_executed": True}
    assert error.body()["x-medkit"]["tried"] == ["c" * 22, "d" * 22]
    assert ("X-Medkit-Tried", f"{'c' * 22},{'d' * 22}") in error.headers


@pytest.mark.parametrize(("gaps", "status"), [([LATE], 504), ([LATE, REFUSED], 502), ([REFUSED], 502)])
def test_a_refused_partial_answer_is_504_only_if_all_gaps_are_timeouts(gaps: list[Gap], status: int) -> None:
    error = errors.partial_refused(gaps)
    assert error.status == status
    assert error.body()["x-medkit"]["failed_peers"] == [gap.label for gap in gaps]
    assert all(gap.label in error.message for gap in gaps)
    assert ("Preference-Applied", "handling=strict") in error.headers


@pytest.mark.parametrize(
    ("error", "status", "code", "parameters"),
    [
        (errors.no_route(), 404, "resource-not-found", {"status": 404}),
        (errors.refused_target(PathProblem(404, "?")), 404, "resource-not-found", {"status": 404}),
        (errors.refused_target(PathProblem(414, "long")), 414, "invalid-request", None),
        (errors.not_implemented("docs"), 501, "not-implemented", {"feature": "docs"}),
        (errors.payload_too_large(10), 413, "payload-too-large", {"max_bytes": 10}),
        (errors.loop_detected(), 508, "x-medkit-loop-detected", None),
        (errors.misdirected("a", "b"), 421, "x-medkit-misdirected", {"expected": "a", "actual": "b"}),
        (errors.invalid_request("no"), 400, "invalid-request", None),
        (errors.entity_not_found("x"), 404, "entity-not-found", {"entity_id": "x"}),
    ],
)
def test_each_error_has_its_status_code_and_parameters(
    error: ApiError, status: int, code: str, parameters: dict[str, Any] | None
) -> None:
    assert (error.status, error.code, error.parameters) == (status, code, parameters)


def test_a_busy_gateway_says_when_to_come_again() -> None:
    error = errors.busy("draining", 2)
    assert (error.status, error.headers) == (503, (("Retry-After", "2"),))
