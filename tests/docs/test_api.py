"""The API page has every route, field, code, header and reason of the program, and nothing that is not there."""

from collections.abc import Iterator

import pytest

from entities import hops
from entities.model import EntityKind
from gateway.http import exchange, proxy
from gateway.http.brought_back import BROUGHT_BACK
from gateway.http.path import RESOURCE_COLLECTIONS, UNBUILT_COLLECTIONS, relation_names
from peers.errors import PeerReason
from peers.health import FLAPPING, PeerState
from peers.peer import DUPLICATE, IDENTITY_CHANGED
from peers.roster import GOODBYE
from tests.docs.pages import API, code_words, lines_of, rows, spans
from tests.docs.source import error_codes, struct_fields, warning_codes, written_fields
from tests.unit.auth.gatekeeping import Gate
from tests.unit.http.serving import World, serving

HEALTH_REASONS = {FLAPPING, "slow", "duplicate_instance_id", "self", GOODBYE, DUPLICATE, IDENTITY_CHANGED}
"""Why a peer is not simply up, beside what went wrong with a request."""

FIELD_TABLES = (
    "Entities",
    "x-medkit-route",
    "Resources",
    "Partial answers",
    "Health",
    "x-medkit-peers",
    "x-medkit-tree",
    "Events",
)


def first_cells(*under: str) -> list[str]:
    """Everything in code type in the first cells of the tables under these headings."""
    return [word for row in rows(API, *under) for word in spans(row[0])]


def text_under(heading: str) -> str:
    return "\n".join(line.text for line in lines_of(API) if line.heading == heading)


def expanded(routes: list[str]) -> Iterator[str]:
    """The routes with `{entity}` written out for each kind."""
    for route in routes:
        if "{entity}" not in route:
            yield route
            continue
        for kind in EntityKind:
            yield route.replace("{entity}", f"/api/v1/{kind.value}/{{{kind.singular}_id}}")


def documented_routes() -> list[str]:
    """Those of the first table; what is not built stands in the second."""
    built = [row[0] for row in rows(API, "Routes") if row[0].startswith("`") and "of our own" not in row[1]]
    routes = [word for cell in built for word in spans(cell)]
    first_unbuilt = routes.index("GET {entity}/bulk-data")
    return list(expanded(routes[:first_unbuilt]))


async def test_the_page_and_the_root_document_list_the_same_routes() -> None:
    async with serving(World()) as client:
        root = (await client.get("/api/v1/")).json
    assert sorted(documented_routes()) == sorted(root["endpoints"])


def test_every_collection_below_an_entity_is_on_the_page() -> None:
    words = code_words(API)
    names = RESOURCE_COLLECTIONS | UNBUILT_COLLECTIONS | {name for kind in EntityKind for name in relation_names(kind)}
    assert sorted(names - words) == []


async def test_every_capability_is_on_the_page_with_its_value() -> None:
    async with serving(World(aggregation=True, authority=Gate(policy="none").make())) as client:
        capabilities = (await client.get("/api/v1/")).json["capabilities"]
    true, false = text_under("What it can do").split("False are")
    assert set(spans(false)) == {name for name, value in capabilities.items() if not value}
    assert set(spans(true)) - {"capabilities", "true", "false"} == {
        name for name, is_so in capabilities.items() if is_so
    }


def test_every_field_that_is_written_is_on_the_page() -> None:
    words = code_words(API)
    assert {name: module for name, module in written_fields().items() if name not in words} == {}


def test_every_field_in_the_tables_is_written_by_something() -> None:
    known = set(written_fields()) | struct_fields()
    told = {word for word in first_cells(*FIELD_TABLES) if word.isidentifier()}
    others = {reason.value for reason in PeerReason} | HEALTH_REASONS | {"hello", "tree", "gap", "bye"}
    others |= {"nothing", "all", "healed", "cleared", "confirmed", "pending", "contains", "subareas", "subcomponents"}
    assert sorted(told - known - others) == []


def test_every_warning_is_in_the_table_and_no_other() -> None:
    assert sorted(first_cells("Warnings")) == sorted(warning_codes())


def test_every_error_code_is_in_the_tables_and_no_other() -> None:
    assert sorted(first_cells("Errors")) == sorted(error_codes())


def test_every_reason_is_in_the_table() -> None:
    marks = {"partial", "failed_peers", "peer_errors"}
    told = [word for row in rows(API, "Partial answers") for word in spans(row[0]) if word not in marks]
    assert sorted(told) == sorted([*(reason.value for reason in PeerReason), *HEALTH_REASONS])


def test_every_state_of_a_peer_is_on_the_page() -> None:
    (states,) = [row[1] for row in rows(API, "Health") if row[0] == "`state`"]
    assert set(spans(states)) == {state.value for state in PeerState}


def test_every_header_between_gateways_is_in_the_table() -> None:
    constants = {value for name, value in vars(hops).items() if name.isupper() and str(value).startswith("X-Medkit-")}
    assert set(first_cells("Between gateways")) == constants | {"X-Medkit-Local-Only"}


@pytest.mark.parametrize(("line", "headers"), [("To the owner", proxy.SENT_ON), ("Back", BROUGHT_BACK)])
def test_every_header_that_travels_is_on_the_page(line: str, headers: frozenset[str]) -> None:
    (told,) = [part for part in text_under("Forwarded headers").split("\n\n") if part.startswith(f"{line}:")]
    told = told.partition(" Of these")[0]
    framing = {"content-length", "x-request-id", "x-medkit-"}
    assert {word.lower() for word in spans(told)} - framing == headers


def test_the_headers_that_a_fan_out_takes_are_on_the_page() -> None:
    told = text_under("Forwarded headers").partition("Of these a fan-out takes")[2].partition(".")[0]
    assert {word.lower() for word in spans(told)} == exchange._FANNED | {"x-request-id"}


def test_the_page_says_the_figures_of_the_program() -> None:
    between = text_under("Between gateways")
    assert f"at most {hops.MAX_LISTED}" in between
    assert f"at most {hops.MAX_TRIED}" in between
