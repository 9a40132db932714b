"""From what the peers sent to one set of records: newest version wins, trusted sources first. Pure.

Source: docs/architecture.md, "Records" and "Trust".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from entities.codec import MAX_VERSION
from entities.records import Record, TreeDocument, Version

MAX_RAISED: Final = MAX_VERSION // 2
"""Above this a version of ours is not believed: it leaves room for as many starts and changes of our own."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The last document of one peer, kept while the peer is silent.

    `trusted`: a static or pinned peer, which may pass on any record. `up`: its link is up now.
    """

    peer: str
    document: TreeDocument
    trusted: bool = True
    up: bool = True


def gather_records(own: Record, pictures: Sequence[Picture]) -> dict[str, Record]:
    """Every record that counts, by instance; `pictures` in peer order, our own record never from another."""
    trusted = [picture for picture in pictures if picture.trusted]
    discovered = [picture for picture in pictures if not picture.trusted]
    vouched = {own.id}.union(picture.document.instance_id for picture in trusted)
    vouched.update(instance for picture in trusted if picture.up for instance in _vouched_by(picture.document, own.id))
    records: dict[str, Record] = {}
    for picture in trusted:
        for record in _told(picture, own.id):
            _keep_newest(records, record)
    for picture in discovered:
        for record in _told(picture, own.id):
            if record.id not in vouched:
                _keep_newest(records, record)
    return records | _themselves(pictures, vouched) | {own.id: own}


def _themselves(pictures: Sequence[Picture], vouched: set[str]) -> dict[str, Record]:
    """What those we reach say of themselves: it goes before anything that others pass on of them.

    So a trusted peer that believes whom it discovered cannot mislead us about our own peers.
    """
    found: dict[str, Record] = {}
    for picture in pictures:
        itself = picture.document.instance_id
        if picture.up and (picture.trusted or itself not in vouched):
            for record in picture.document.records:
                if record.id == itself:
                    _keep_newest(found, record)
    return found


def _told(picture: Picture, own_id: str) -> Iterator[Record]:
    """What a picture tells, without old copies of the records that we ourselves make of foreign gateways."""
    for record in picture.document.records:
        if record.reader != own_id or record.id == picture.document.instance_id:
            yield record


def _vouched_by(document: TreeDocument, own_id: str) -> list[str]:
    """Whom a trusted peer answers for: itself and all it has records of, over links that nobody discovered.

    Not whom it knows through us or through discovery: it has their records from those who discovered them, so to
    prefer its copies would keep them for ever, each of two gateways having them from the other.
    """
    records = {record.id: record for record in document.records if record.id != own_id}
    found = {document.instance_id}
    queue = [document.instance_id]
    for instance in queue:
        for link in records[instance].links if instance in records else ():
            if link.instance in records and link.instance not in found and not link.discovered:
                found.add(link.instance)
                queue.append(link.instance)
    return queue


def _keep_newest(records: dict[str, Record], record: Record) -> None:
    known = records.get(record.id)
    if known is None or record.version > known.version:
        records[record.id] = record


def version_above(own: Record, pictures: Sequence[Picture]) -> Version:
    """Our version, raised above any that others hold of us (a lost state directory, a clock set back).

    Versions nobody could raise any further are lies and left alone.
    """
    highest = max(
        (
            record.version
            for picture in pictures
            for record in picture.document.records
            if record.id == own.id and max(record.version) < MAX_RAISED
        ),
        default=own.version,
    )
    if highest <= own.version:
        return own.version
    epoch, seq = highest
    return epoch, seq + 1
