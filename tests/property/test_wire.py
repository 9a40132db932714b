"""What is written is read back; whatever else arrives is refused with the one error declared for it."""

import contextlib
import math
from functools import cache
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from entities.codec import DecodedTree, OtherFormat, parse_document, render_document
from entities.history import apply_diff, diff
from entities.hops import (
    DEADLINE,
    MAX_DEADLINE_MS,
    MAX_LISTED,
    NO_FAN_OUT,
    ORIGINS,
    SCOPE,
    TARGET,
    TO,
    TRIED,
    VIA,
    Hops,
    MalformedHopsError,
    parse_hops,
    render_hops,
)
from entities.identity import is_instance_id
from entities.jsontext import InvalidJsonError, parse_json, render_json
from entities.model import App, Area, Component, Function, Identity, is_valid_id
from entities.records import Link, LinkState, Record, TreeDocument
from tests.property.examples import examples

CAP = 1 << 20
ENTITIES = 1000

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
IDS = st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True)
INSTANCES = st.sampled_from([f"{number:022}" for number in range(6)])
VERSIONS = st.tuples(st.integers(0, 2**52 - 1), st.integers(0, 2**52 - 1))
WORDS = st.lists(TEXT, max_size=2).map(tuple)
SOME_IDS = st.lists(IDS, max_size=2).map(tuple)


def entities(kind: type[Any], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Up to three entities of one kind with different ids; every field may be anything of its type."""
    common = {"id": IDS, "name": TEXT, "description": st.none() | TEXT, "tags": WORDS, "declared": st.booleans()}
    made = st.builds(kind, **common, data=WORDS, operations=WORDS, **fields)
    return st.lists(made, max_size=3, unique_by=lambda one: one.id).map(tuple)


LINKS = st.lists(
    st.builds(
        Link,
        peer=IDS.filter(lambda name: "__" not in name),
        at=st.from_regex(r"[0-9a-f]{8}", fullmatch=True),
        state=st.sampled_from(LinkState),
        instance=st.none() | INSTANCES,
        discovered=st.booleans(),
    ),
    max_size=3,
    unique_by=lambda link: link.peer,
).map(tuple)

IDENTITIES = st.builds(
    Identity, manufacturer=st.none() | TEXT, role=TEXT, extra=st.dictionaries(TEXT, TEXT, max_size=2)
)


@cache  # making a strategy takes longer than drawing from it
def records(instance: str) -> st.SearchStrategy[Record]:
    return st.builds(
        Record,
        id=st.just(instance),
        version=VERSIONS,
        name=TEXT,
        links=LINKS,
        foreign=st.booleans(),
        reader=st.none() | INSTANCES,
        areas=entities(Area, parent_area_id=st.none() | IDS),
        components=entities(Component, depends_on=SOME_IDS, identity=st.none() | IDENTITIES, external=st.booleans()),
        apps=entities(App, component_id=st.none() | TEXT, is_online=st.booleans(), depends_on=SOME_IDS),
        functions=entities(Function, hosts=SOME_IDS),
    )


OTHERS = st.lists(INSTANCES, max_size=3, unique=True)
NAMES = st.dictionaries(IDS, IDS, min_size=1, max_size=2)


@st.composite
def documents(draw: st.DrawFn, generation: int = 1) -> TreeDocument:
    """A full document of the first gateway."""
    others = draw(OTHERS)
    instances = list(dict.fromkeys([f"{0:022}", *others]))
    names = {one: draw(NAMES) for one in draw(st.sets(st.sampled_from(instances)))}
    return TreeDocument(
        1, instances[0], "b" * 22, generation, tuple(draw(records(one)) for one in instances), names=names
    )


@examples(60)
@given(documents())
def test_a_document_is_read_as_it_was_written(document: TreeDocument) -> None:
    body = render_document(document)
    assert parse_document(body, max_bytes=CAP, max_entities=ENTITIES) == DecodedTree(document, 0)
    assert render_document(document) == body


@examples(60)
@given(documents(1), documents(2))
def test_a_diff_leads_over_the_wire_from_any_document_to_any_other(old: TreeDocument, new: TreeDocument) -> None:
    body = render_document(diff(old, new))
    change = parse_document(body, max_bytes=CAP, max_entities=ENTITIES)
    assert isinstance(change, DecodedTree)
    applied = apply_diff(old, change.document)
    assert applied is not None
    order = {record.id: number for number, record in enumerate(new.records)}
    whole = sorted(applied.records, key=lambda record: order[record.id])
    assert msgspec.structs.replace(applied, records=tuple(whole)) == new


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


@examples(100)
@given(JSON)
def test_json_is_read_as_it_was_written(value: Any) -> None:
    assert parse_json(render_json(value), max_bytes=CAP) == value


def mangled(body: bytes, at: int, cut: int, put: bytes) -> bytes:
    """Some bytes replaced: most such texts are nearly right."""
    at %= len(body) + 1
    return body[:at] + put + body[at + cut :]


@examples(120)
@given(
    documents(),
    st.integers(0),
    st.integers(0, 9),
    st.binary(max_size=6) | st.sampled_from([b"null", b"-1", b'"', b"{}", b"1e9"]),
)
def test_a_mangled_document_is_taken_clean_or_refused(document: TreeDocument, at: int, cut: int, put: bytes) -> None:
    body = mangled(render_document(document), at, cut, put)
    with contextlib.suppress(InvalidJsonError):
        decoded = parse_document(body, max_bytes=CAP, max_entities=ENTITIES)
        if isinstance(decoded, DecodedTree):
            check_clean(decoded.document)
            assert parse_document(
                render_document(decoded.document), max_bytes=CAP, max_entities=ENTITIES
            ) == DecodedTree(decoded.document, 0)


def check_clean(document: TreeDocument) -> None:
    """Everything that others rely on without looking."""
    assert document.format == 1
    ids = [record.id for record in document.records]
    assert len(set(ids)) == len(ids)
    assert all(
        map(is_instance_id, [*ids, document.instance_id, document.boot_id, *document.names, *document.forgotten])
    )
    for record in document.records:
        for kind in (record.areas, record.components, record.apps, record.functions):
            assert all(is_valid_id(entity.id) for entity in kind)
            assert len({entity.id for entity in kind}) == len(kind)
        assert len({link.peer for link in record.links}) == len(record.links)


@examples(100)
@given(st.binary(max_size=64) | JSON.map(render_json))
@example(b'{"format":1}')
def test_arbitrary_bytes_raise_nothing_but_the_declared_error(body: bytes) -> None:
    with contextlib.suppress(InvalidJsonError):
        value = parse_json(body, max_bytes=CAP)
        assert all(map(math.isfinite, floats_in(value)))
        render_json(value).decode("utf-8")
    with contextlib.suppress(InvalidJsonError):
        assert isinstance(parse_document(body, max_bytes=CAP, max_entities=ENTITIES), OtherFormat)


def floats_in(value: Any) -> list[float]:
    match value:
        case float():
            return [value]
        case list():
            return [found for one in value for found in floats_in(one)]
        case dict():
            return floats_in(list(value.values()))
        case _:
            return []


HOPS = st.builds(
    Hops,
    via=st.lists(INSTANCES, max_size=32).map(tuple),
    target=st.none() | INSTANCES,
    to=st.none() | INSTANCES,
    tried=st.lists(INSTANCES, max_size=20).map(tuple),
    origins=st.none() | st.lists(INSTANCES, max_size=MAX_LISTED).map(tuple),
    scope=st.lists(IDS, max_size=MAX_LISTED).map(tuple),
    deadline_ms=st.none() | st.integers(0, MAX_DEADLINE_MS),
    no_fan_out=st.booleans(),
)


@examples(100)
@given(HOPS)
def test_hops_are_read_as_they_were_written(hops: Hops) -> None:
    assert parse_hops(dict(render_hops(hops)).get) == hops


HEADERS = st.sampled_from([VIA, TARGET, TO, TRIED, ORIGINS, SCOPE, DEADLINE, NO_FAN_OUT])
HEADER_TEXT = st.text(max_size=30) | st.lists(INSTANCES | TEXT, max_size=40).map(",".join) | st.from_regex(r"[0-9]+")


@examples(100)
@given(st.dictionaries(HEADERS, HEADER_TEXT))
def test_arbitrary_headers_are_read_or_malformed(headers: dict[str, str]) -> None:
    with contextlib.suppress(MalformedHopsError):
        hops = parse_hops(headers.get)
        assert all(map(is_instance_id, (*hops.via, *hops.tried, *(hops.origins or ()))))
        assert all(map(is_valid_id, hops.scope))
        assert parse_hops(dict(render_hops(hops)).get) == hops


@examples(100)
@given(st.text(max_size=24))
@example("a\n")
@example("a" * 22 + "\n")
def test_ids_are_what_their_pattern_says_of_the_whole_text(text: str) -> None:
    allowed = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
    assert is_valid_id(text) == (set(text) <= allowed and 1 <= len(text) <= 256)
    assert is_instance_id(text) == (set(text) <= allowed and len(text) == 22)
