"""Tree documents on the wire: what is read, what is refused whole, what is left out and counted."""

from typing import Any

import pytest

from entities.codec import (
    MAX_LINKS,
    MAX_NAME,
    MAX_RECORDS,
    MAX_VERSION,
    DecodedTree,
    OtherFormat,
    parse_document,
    render_document,
    require_limits,
)
from entities.jsontext import InvalidJsonError, render_json
from entities.model import App, Area, Component, Function, Identity
from entities.records import TreeDocument
from tests.unit.entities.sketch import instance, record

BOOT = instance("z")
DOCUMENT = TreeDocument(
    1,
    instance("a"),
    BOOT,
    7,
    (
        record(
            "a",
            "b -c ?d",
            Area("lab", "Lab", tags=("x",), namespace="/lab"),
            Component("robot", area="lab", identity=Identity(order_code="7", extra={"k": "v"}), data=("temp",)),
            App("cam", component_id="robot", is_online=False, depends_on=("lidar",)),
            Function("see", hosts=("cam",), declared=True),
        ),
        record("b", "a", App("cam")),
    ),
    names={instance("b"): {"cam": "b__cam"}},
)


def parse(body: bytes | dict[str, Any], *, max_entities: int = 100) -> DecodedTree | OtherFormat:
    text = body if isinstance(body, bytes) else render_json(body)
    return parse_document(text, max_bytes=1 << 20, max_entities=max_entities)


def test_what_is_written_is_read_back() -> None:
    assert parse(render_document(DOCUMENT)) == DecodedTree(DOCUMENT, 0)


def told(**changes: Any) -> dict[str, Any]:
    """A document of gateway a alone, with some fields changed; None leaves one out."""
    own = {"id": instance("a"), "version": [1, 0], "name": "a"}
    whole = {"format": 1, "instance_id": instance("a"), "boot_id": BOOT, "generation": 1, "records": [own]}
    return {key: value for key, value in (whole | changes).items() if value is not None}


def own(**changes: Any) -> dict[str, Any]:
    return told(records=[{"id": instance("a"), "version": [1, 0], "name": "a"} | changes])


def of_link(**changes: Any) -> dict[str, Any]:
    return own(links=[{"peer": "b", "at": "0123abcd", "state": "up"} | changes])


def test_the_least_document_is_read() -> None:
    assert isinstance(parse(told()), DecodedTree)
    assert isinstance(parse(own(links=[], apps=[{"id": "cam"}])), DecodedTree)
    assert isinstance(parse(of_link(instance=instance("b"), discovered=True)), DecodedTree)


def test_unknown_fields_are_ignored_everywhere() -> None:
    later = own(apps=[{"id": "cam", "later": 1}], links=[{"peer": "b", "at": "0123abcd", "state": "up", "later": {}}])
    assert parse(later | {"later": [1]}) == parse(
        own(apps=[{"id": "cam"}], links=[{"peer": "b", "at": "0123abcd", "state": "up"}])
    )


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"{}", "no `format`"),
        (b'{"items": []}', "no `format`"),
        (b'{"format": "1"}', "no `format`"),
        (b'{"format": 2, "records": 7}', "format 2"),
        (b'{"format": 0}', "format 0"),
    ],
)
def test_a_document_of_another_format_is_told_apart(body: bytes, found: str) -> None:
    assert parse(body) == OtherFormat(found)


TOO_MANY = [{"id": f"{number:022}", "version": [1, 0], "name": ""} for number in range(MAX_RECORDS + 1)]
MANY_LINKS = [{"peer": f"p{number}", "at": "0123abcd", "state": "up"} for number in range(MAX_LINKS + 1)]

REFUSED = {
    "no JSON": b"<html>",
    "no object": b"[]",
    "a format that is no JSON": b'{"format": NaN}',
    "a format nested too deep": b'{"format": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "no instance": told(instance_id=None),
    "an instance id with a line break": told(instance_id=instance("a")[:-1] + "\n"),
    "a longer instance id": told(instance_id=instance("a") + "\n"),
    "a bad boot id": told(boot_id="short"),
    "no records": told(records=None),
    "records that are none": told(records=[7]),
    "not its own record": told(records=[]),
    "two records of one gateway": told(records=told()["records"] * 2),
    "too many records": told(records=[*told()["records"], *TOO_MANY]),
    "a bad record id": told(records=[*told()["records"], {"id": "x", "version": [1, 0], "name": ""}]),
    "no version": own(version=None),
    "half a version": own(version=[1]),
    "a version of words": own(version=["1", "0"]),
    "a broken version": own(version=[1.5, 0]),
    "a negative version": own(version=[-1, 0]),
    "a huge epoch": own(version=[MAX_VERSION, 0]),
    "a huge seq": own(version=[1, MAX_VERSION]),
    "a version beyond 64 bits": own(version=[2**70, 0]),
    "a name that is too long": own(name="x" * (MAX_NAME + 1)),
    "a name that is none": own(name=None),
    "a bad reader": own(reader="x"),
    "a link to a bad instance": of_link(instance="x"),
    "a link in no state": of_link(state="maybe"),
    "a link without a state": of_link(state=None),
    "a link whose peer has a bad name": of_link(peer="b/c"),
    "a link whose peer has a line break": of_link(peer="b\n"),
    "a link whose peer is called like a way": of_link(peer="b__c"),
    "a link at no digest": of_link(at="0123ABCD"),
    "two links of one name": own(links=[{"peer": "b", "at": "0123abcd", "state": "up"}] * 2),
    "too many links": own(links=MANY_LINKS),
    "entities that are none": own(apps=["cam"]),
    "an entity without id": own(apps=[{"name": "cam"}]),
    "tags that are no text": own(apps=[{"id": "cam", "tags": [1]}]),
    "a name that is null": own(apps=[{"id": "cam", "name": None}]),
    "names of a bad instance": told(names={"x": {}}),
    "a bad name": told(names={instance("b"): {"cam": "b cam"}}),
    "a name for a bad id": told(names={instance("b"): {"cam\n": "cam"}}),
    "a bad id forgotten": told(forgotten=["x"]),
    "too many entities": own(apps=[{"id": f"app{number}"} for number in range(101)]),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_must_not_be_believed_is_refused_whole(body: bytes | dict[str, Any]) -> None:
    with pytest.raises(InvalidJsonError):
        parse(body)


def test_a_diff_need_not_hold_the_own_record() -> None:
    assert isinstance(parse(told(records=[], since=f"{BOOT}:6")), DecodedTree)


def test_entities_with_unusable_or_repeated_ids_are_left_out_and_counted() -> None:
    ids = ["cam", "../x", "a b", "", "x" * 257, "cam\n", "cam", "lidar"]
    decoded = parse(
        own(apps=[{"id": one, "node": str(number)} for number, one in enumerate(ids)], areas=[{"id": "cam"}])
    )
    assert isinstance(decoded, DecodedTree)
    (kept,) = decoded.document.records
    assert [(app.id, app.node) for app in kept.apps] == [("cam", "0"), ("lidar", "7")]
    assert [area.id for area in kept.areas] == ["cam"]
    assert decoded.dropped == 6


def test_an_entity_with_an_endless_name_is_left_out() -> None:
    decoded = parse(own(apps=[{"id": "cam", "name": "x" * (MAX_NAME + 1)}]))
    assert isinstance(decoded, DecodedTree)
    assert decoded.dropped == 1


def test_limits_hold_for_documents_made_of_diffs_too() -> None:
    require_limits(DOCUMENT, max_entities=5)
    with pytest.raises(InvalidJsonError, match="5 entities found, at most 4 allowed"):
        require_limits(DOCUMENT, max_entities=4)
    with pytest.raises(InvalidJsonError, match="own gateway"):
        require_limits(TreeDocument(1, instance("a"), BOOT, 1, DOCUMENT.records[1:]), max_entities=5)
