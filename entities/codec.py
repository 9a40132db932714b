"""Tree documents on the wire <-> `TreeDocument`: shapes by type, ids and limits by rule.

Source: docs/api.md, "x-medkit-tree". A document is taken whole or refused; only single entities with an unusable
or repeated id are left out, and counted.
"""

from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

from entities.identity import is_instance_id
from entities.jsontext import InvalidJsonError, parse_json, parse_json_as, render_json
from entities.model import Entity, is_valid_id
from entities.records import AT_PATTERN, Names, Record, TreeDocument, is_peer_name

TREE_FORMAT: Final = 1
"""The one format of tree documents this gateway reads and writes."""

MAX_VERSION: Final = 2**52
"""No epoch or seq read from others reaches it."""

MAX_RECORDS: Final = 4096
MAX_LINKS: Final = 1024
MAX_NAME: Final = 1024
"""Longest peer or display name in characters; longer is a refusal of the document."""

MAX_RECORD_BYTES: Final = 16 * 1024 * 1024
"""Bytes of a record that is published: several must fit into the documents that others read."""

E = TypeVar("E", bound=Entity)


class _Format(msgspec.Struct):
    format: int


class _Envelope(msgspec.Struct, frozen=True):
    """A tree document whose records are not decoded yet."""

    format: int
    instance_id: str
    boot_id: str
    generation: int
    records: tuple[msgspec.Raw, ...]
    forgotten: tuple[str, ...] = ()
    names: Names = {}
    since: str | None = None


@dataclass(frozen=True, slots=True)
class DecodedTree:
    """A document that was taken, and how many of its entities were left out for their ids."""

    document: TreeDocument
    dropped: int


@dataclass(frozen=True, slots=True)
class OtherFormat:
    """The answer is JSON of another format; such a peer is read as foreign."""

    found: str


class TooManyEntitiesError(InvalidJsonError):
    """The document has more entities than are taken from one peer; nothing else is wrong with it."""


def render_document(document: TreeDocument) -> bytes:
    """The document's bytes; equal documents give equal bytes."""
    return render_json(document)


def parse_document(body: bytes, *, max_bytes: int, max_entities: int) -> DecodedTree | OtherFormat:
    """A peer's answer as records. Raises InvalidJsonError for anything that must not be believed."""
    try:
        found = parse_json_as(body, _Format, max_bytes=max_bytes).format
    except InvalidJsonError:
        if not isinstance(parse_json(body, max_bytes=max_bytes), dict):
            raise
        return OtherFormat("no `format`")
    if found != TREE_FORMAT:
        return OtherFormat(f"format {found}")
    document = _parse_records(parse_json_as(body, _Envelope, max_bytes=max_bytes))
    require_limits(document, max_entities=max_entities)
    _check_ids(document)
    dropped = 0
    records = []
    for record in document.records:
        clean, lost = _clean_record(record)
        records.append(clean)
        dropped += lost
    if dropped:
        document = msgspec.structs.replace(document, records=tuple(records))
    return DecodedTree(document, dropped)


def _parse_records(envelope: _Envelope) -> TreeDocument:
    """Record by record, so that in a thread the decoder lets others have their turn between two of them."""
    if len(envelope.records) > MAX_RECORDS:
        raise InvalidJsonError(f"{len(envelope.records)} records found, at most {MAX_RECORDS} allowed")
    return TreeDocument(
        format=envelope.format,
        instance_id=envelope.instance_id,
        boot_id=envelope.boot_id,
        generation=envelope.generation,
        records=tuple(parse_json_as(bytes(raw), Record, max_bytes=len(raw)) for raw in envelope.records),
        forgotten=envelope.forgotten,
        names=envelope.names,
        since=envelope.since,
    )


def require_limits(document: TreeDocument, *, max_entities: int) -> None:
    """Raises InvalidJsonError for a document that is too large, or full and without its own gateway's record.

    To be called again when a diff was applied: single diffs within the limits can add up to any size.
    """
    if len(document.records) > MAX_RECORDS:
        raise InvalidJsonError(f"{len(document.records)} records found, at most {MAX_RECORDS} allowed")
    total = sum(len(record.tree) for record in document.records)
    if total > max_entities:
        raise TooManyEntitiesError(
            f"{total} entities found, at most {max_entities} allowed (aggregation.max_peer_entities)"
        )
    if document.since is None and all(record.id != document.instance_id for record in document.records):
        raise InvalidJsonError("a full document without the record of its own gateway")


def unpublishable(record: Record) -> str | None:
    """Why others would not take this record, or not all of it, if we told it; None if they take it."""
    try:
        _check_record(record)
    except InvalidJsonError as error:
        return str(error)
    _, lost = _clean_record(record)
    if lost:
        return f"{lost} entities have a repeated or unusable id, or a name of more than {MAX_NAME} characters"
    size = len(render_json(record))
    if size > MAX_RECORD_BYTES:
        return f"the record of {record.id} has {size} bytes, at most {MAX_RECORD_BYTES} allowed"
    return None


def _check_ids(document: TreeDocument) -> None:
    for instance in (document.instance_id, document.boot_id, *document.forgotten, *document.names):
        _require_instance(instance)
    seen: set[str] = set()
    for record in document.records:
        _check_record(record)
        if record.id in seen:
            raise InvalidJsonError(f"two records of {record.id}")
        seen.add(record.id)
    _check_names(document.names)


def _check_record(record: Record) -> None:
    _require_instance(record.id)
    if not all(0 <= part < MAX_VERSION for part in record.version):
        raise InvalidJsonError(f"version of {record.id} out of range")
    if len(record.name) > MAX_NAME:
        raise InvalidJsonError(f"the name of {record.id} has {len(record.name)} characters, at most {MAX_NAME} allowed")
    if record.reader is not None:
        _require_instance(record.reader)
    _check_links(record)


def _check_links(record: Record) -> None:
    if len(record.links) > MAX_LINKS:
        raise InvalidJsonError(f"{len(record.links)} links in {record.id}, at most {MAX_LINKS} allowed")
    if len({link.peer for link in record.links}) < len(record.links):
        raise InvalidJsonError(f"two links of {record.id} have one peer name")
    for link in record.links:
        if not is_peer_name(link.peer):
            raise InvalidJsonError(f"a link of {record.id} has an unusable peer name")
        if AT_PATTERN.fullmatch(link.at) is None:
            raise InvalidJsonError(f"a link of {record.id} has an unusable `at`")
        if link.instance is not None:
            _require_instance(link.instance)


def _check_names(names: Names) -> None:
    for given in names.values():
        if not all(is_valid_id(own) and is_valid_id(here) for own, here in given.items()):
            raise InvalidJsonError("an unusable id in `names`")


def _require_instance(text: str) -> None:
    if not is_instance_id(text):
        raise InvalidJsonError(f"{text[:40]!r} is not an instance id (22 base64url characters)")


def _clean_record(record: Record) -> tuple[Record, int]:
    """The record without entities whose id is unusable or repeated (first kept), and their number."""
    areas, lost_areas = _clean(record.areas)
    components, lost_components = _clean(record.components)
    apps, lost_apps = _clean(record.apps)
    functions, lost_functions = _clean(record.functions)
    lost = lost_areas + lost_components + lost_apps + lost_functions
    if not lost:
        return record, 0
    return (
        Record(
            id=record.id,
            version=record.version,
            name=record.name,
            links=record.links,
            foreign=record.foreign,
            reader=record.reader,
            areas=areas,
            components=components,
            apps=apps,
            functions=functions,
        ),
        lost,
    )


def _clean(entities: tuple[E, ...]) -> tuple[tuple[E, ...], int]:
    kept: dict[str, E] = {}
    for entity in entities:
        if is_valid_id(entity.id) and entity.id not in kept and len(entity.name) <= MAX_NAME:
            kept[entity.id] = entity
    lost = len(entities) - len(kept)
    return (entities if not lost else tuple(kept.values())), lost
