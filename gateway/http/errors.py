"""The one form of every error answer, and the errors themselves with their texts.

Source: docs/api.md, "Errors". `ApiError` is raised below `gateway/http` only, and only `middleware/errors.py` turns it
into an answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from entities.framing_cost import SPARE_BYTES
from entities.hops import MAX_TRIED, REASON, TRIED
from entities.model import EntityKind, is_valid_id
from gateway.http.gaps import gap_marks
from gateway.http.path import PathProblem
from peers.errors import PeerReason
from peers.view import Gap

VENDOR_PREFIX: Final = "x-medkit-"
PEER_UNAVAILABLE: Final = "x-medkit-peer-unavailable"
MAX_ID_LENGTH: Final = 256

FULL_RETRY_S: Final = 1
"""Seconds after which a client may come again when all slots to a peer were taken."""

Parameters = Mapping[str, Any]


class ApiError(Exception):
    """An answer of 400 to 599 in the error form.

    `code`: a word of the standard, or `x-medkit-...`. `marks` become the body's `x-medkit`. `closes`: the connection
    is closed after the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        parameters: Parameters | None = None,
        *,
        headers: Sequence[tuple[str, str]] = (),
        marks: Mapping[str, Any] | None = None,
        closes: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = min(max(status, 400), 599)
        self.code = code
        self.message = message
        self.parameters = parameters
        self.headers = tuple(headers)
        self.marks = marks
        self.closes = closes

    def body(self) -> dict[str, Any]:
        """The answer's body."""
        body = error_body(self.code, self.message, self.parameters)
        return {**body, "x-medkit": dict(self.marks)} if self.marks else body


def error_body(code: str, message: str, parameters: Parameters | None = None) -> dict[str, Any]:
    """`{error_code, message, parameters?, vendor_code?}`; a code of ours travels as `vendor-error`."""
    is_vendor = code.startswith(VENDOR_PREFIX)
    body: dict[str, Any] = {"error_code": "vendor-error" if is_vendor else code, "message": message}
    if parameters:
        body["parameters"] = dict(parameters)
    if is_vendor:
        body["vendor_code"] = code
    return body


def invalid_request(message: str, parameters: Parameters | None = None) -> ApiError:
    """400 for a request or body of the wrong shape."""
    return ApiError(400, "invalid-request", message, parameters)


def refused_target(problem: PathProblem) -> ApiError:
    """The answer to a request target that is no route."""
    if problem.status == 404:
        return no_route(problem.message)
    return ApiError(problem.status, "invalid-request", problem.message)


def no_route(message: str = "Resource not found") -> ApiError:
    """404 for a path or method that is none, as upstream answers it."""
    return ApiError(404, "resource-not-found", message, {"status": 404})


def not_implemented(feature: str) -> ApiError:
    """501 for a route of the standard that this gateway does not have."""
    return ApiError(501, "not-implemented", f"'{feature}' is not implemented by this gateway", {"feature": feature})


def payload_too_large(max_bytes: int) -> ApiError:
    """413 for a body that would have to be held whole."""
    return ApiError(
        413,
        "payload-too-large",
        f"The body is larger than the {max_bytes} bytes allowed here (server.max_body_bytes)",
        {"max_bytes": max_bytes},
    )


def request_timeout(idle_ms: int) -> ApiError:
    """408 for a client that began a body and does not go on with it."""
    return ApiError(
        408,
        "invalid-request",
        f"Nothing of the request body came for {idle_ms} ms, the longest it may rest (aggregation.stream_idle_ms); "
        "send the request again",
        {"idle_ms": idle_ms},
        closes=True,
    )


def large_head(most_bytes: int) -> ApiError:
    """431 for a client that sends more of a head than one may have, and no end of it."""
    return ApiError(
        431,
        "invalid-request",
        f"The headers have more than the {most_bytes} bytes allowed together (server.max_header_bytes)",
        closes=True,
    )


def slow_head(most_ms: int) -> ApiError:
    """408 for a client that does not finish the head of a request."""
    return ApiError(
        408,
        "invalid-request",
        f"The head of the request was not whole after {most_ms} ms (server.header_timeout_ms); send it again",
        closes=True,
    )


def slow_body(grace_ms: int, bytes_per_s: int) -> ApiError:
    """408 for a client that sends a body more slowly than is borne."""
    return ApiError(
        408,
        "invalid-request",
        f"The body came more slowly than {bytes_per_s} bytes a second for longer than {grace_ms} ms "
        "(server.body_bytes_per_s, server.body_grace_ms); send the request again",
        closes=True,
    )


def tiny_chunks() -> ApiError:
    """400 for a body in chunks that are framing above all."""
    return ApiError(
        400,
        "invalid-request",
        f"The framing of the body's chunks exceeds a quarter of the body by more than {SPARE_BYTES} bytes; "
        "send larger chunks, or a Content-Length",
        closes=True,
    )


def expectation_failed() -> ApiError:
    """417 for an `Expect` that is not 100-continue."""
    return ApiError(417, "invalid-request", "Expect may only be 100-continue", closes=True)


def crowded() -> ApiError:
    """503 on a connection beyond the limit, where only `/health` is answered."""
    return ApiError(
        503,
        "service-unavailable",
        "Too many connections are open here (server.max_connections); come again",
        headers=[("Retry-After", str(FULL_RETRY_S))],
        closes=True,
    )


def busy(message: str, retry_after_s: int) -> ApiError:
    """503 while draining or while a cap is full; the client may come again after `retry_after_s` seconds."""
    return ApiError(503, "service-unavailable", message, headers=[("Retry-After", str(retry_after_s))])


def invalid_entity_id(entity_id: str) -> ApiError:
    """400, first of the entity checks."""
    return _invalid_parameter("Invalid entity ID", {"details": _id_fault(entity_id), "entity_id": entity_id})


def wrong_kind(entity_id: str, expected: EntityKind, actual: EntityKind) -> ApiError:
    """400 for an entity that is of another kind than the path says."""
    return _invalid_parameter(
        f"Invalid entity type for route: expected {expected.title}, got {actual.title}",
        {"entity_id": entity_id, "expected_type": expected.title, "actual_type": actual.title},
    )


def entity_not_found(entity_id: str) -> ApiError:
    """404 for an entity nobody known has."""
    return ApiError(404, "entity-not-found", "Entity not found", {"entity_id": entity_id})


def invalid_relation_id(kind: EntityKind, entity_id: str) -> ApiError:
    """400 of the relations of Areas, Components and Functions, which name the parameter by kind."""
    key = f"{kind.singular}_id"
    return _invalid_parameter(f"Invalid {kind.singular} ID", {"details": _id_fault(entity_id), key: entity_id})


def relation_not_found(kind: EntityKind, entity_id: str) -> ApiError:
    """404 of the relations of Areas, Components and Functions."""
    return ApiError(404, "entity-not-found", f"{kind.title} not found", {f"{kind.singular}_id": entity_id})


def member_unavailable(entity_id: str, peer: str) -> ApiError:
    """504 for an entity that stays listed although its gateway is silent (`aggregation.retain_offline`)."""
    return ApiError(
        504,
        "not-responding",
        f"Member '{entity_id}' is not available",
        {
            "details": "The gateway contributing this entity is not answering; "
            "it is retained from its last known declaration",
            "entity_id": entity_id,
            "peer": peer,
        },
    )


def peer_unavailable(gap: Gap, *, may_have_executed: bool | None = None) -> ApiError:
    """502 when the owner could not be reached, 504 when this request's time ran out waiting for it.

    The headers tell the gateway that asked us why, and whom we tried (docs/api.md, "Between gateways").
    """
    marks = {"reason": gap.reason, "peer": gap.label, "elapsed_ms": gap.elapsed_ms}
    headers = [(REASON, gap.reason)]
    if gap.tried:
        marks["tried"] = list(gap.tried)
        headers.append((TRIED, ",".join(gap.tried[-MAX_TRIED:])))
    is_full = gap.reason == PeerReason.CONNECTION_LIMIT_REACHED
    if is_full:
        headers.append(("Retry-After", str(FULL_RETRY_S)))
    return ApiError(
        503 if is_full else 504 if gap.is_timeout else 502,
        PEER_UNAVAILABLE,
        _not_let_in(gap)
        if gap.reason == PeerReason.AUTH
        else f"Peer '{gap.label}' is unavailable ({gap.reason}); /api/v1/health shows the state of every peer",
        None if may_have_executed is None else {"may_have_executed": may_have_executed},
        headers=headers,
        marks=marks,
    )


def _not_let_in(gap: Gap) -> str:
    """Nobody is ill: a gateway may not do there what it was asked for."""
    match gap.status:
        case 403:
            who, why = "this gateway", "its role does not suffice; the log of this gateway names the peer"
        case 401:
            who, why = (
                "this gateway",
                "it is missing or not good any more; /api/v1/health shows the state of every peer",
            )
        case _:
            who, why = (
                "a gateway on the way",
                "it is missing, not good, or its role does not suffice; its log says which",
            )
    return f"Peer '{gap.label}' could not be asked ({gap.reason}): the credential of {who} was refused: {why}"


def partial_refused(gaps: Sequence[Gap]) -> ApiError:
    """504 (all gaps are timeouts) or 502 instead of a partial answer, as `Prefer: handling=strict` asked."""
    labels = ", ".join(dict.fromkeys(gap.label for gap in gaps))
    return ApiError(
        504 if all(gap.is_timeout for gap in gaps) else 502,
        PEER_UNAVAILABLE,
        f"The answer would be partial, without {labels}; leave out 'Prefer: handling=strict' to get the rest",
        headers=[("Preference-Applied", "handling=strict")],
        marks=gap_marks(gaps),
    )


def loop_detected() -> ApiError:
    """508 for a request that has passed this gateway before, or too many gateways."""
    return ApiError(
        508,
        "x-medkit-loop-detected",
        "This request has passed this gateway before, or more gateways than any way may have",
        marks={"reason": "loop_detected"},
    )


def misdirected(meant_for: str, self_id: str) -> ApiError:
    """421 for a request that names another gateway as its next."""
    return ApiError(
        421,
        "x-medkit-misdirected",
        f"This request is for gateway {meant_for}, but this is {self_id}; read /api/v1/health again",
        {"expected": meant_for, "actual": self_id},
    )


def _invalid_parameter(message: str, parameters: Parameters) -> ApiError:
    return ApiError(400, "invalid-parameter", message, parameters)


def _id_fault(entity_id: str) -> str:
    """What is wrong with an id, in upstream's words."""
    if not entity_id:
        return "Entity ID cannot be empty"
    if len(entity_id) > MAX_ID_LENGTH:
        return f"Entity ID too long: {len(entity_id)} characters found, at most {MAX_ID_LENGTH} allowed"
    wrong = next(letter for letter in entity_id if not is_valid_id(letter))
    return f"Entity ID contains invalid character: '{wrong}'. Only alphanumeric, underscore and hyphen are allowed"
