"""From what the peers sent to one set of records: newest version wins, trusted sources first. Pure.

Source: docs/architecture.md, "Records" and "Trust".
"""

from collections.abc import Sequence
from dataclasses import dataclass

from entities.codec import MAX_VERSION
from entities.records import Record, TreeDocument, Version


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
    records: dict[str, Record] = {}
    vouched: set[str] = {own.id}
    for picture in pictures:
        if not picture.trusted:
            continue
        if picture.up:
            vouched.update(record.id for record in picture.document.records)
        vouched.add(picture.document.instance_id)
        for record in picture.document.records:
            _keep_newest(records, record)
    from_others = [picture for picture in pictures if not picture.trusted]
    for picture in from_others:
        for record in picture.document.records:
            if record.id not in vouched:
                _keep_newest(records, record)
    for picture in reversed(from_others):
        itself = picture.document.instance_id
        if picture.up and itself not in vouched:
            records.update((record.id, record) for record in picture.document.records if record.id == itself)
    records[own.id] = own
    return records


def _keep_newest(records: dict[str, Record], record: Record) -> None:
    known = records.get(record.id)
    if known is None or record.version > known.version:
        records[record.id] = record


def version_above(own: Record, pictures: Sequence[Picture]) -> Version:
    """Our version, raised above any that others hold of us (a lost state directory, a clock set back)."""
    highest = max(
        (record.version for picture in pictures for record in picture.document.records if record.id == own.id),
        default=own.version,
    )
    if highest <= own.version:
        return own.version
    epoch, seq = highest
    return (epoch, seq + 1) if seq + 1 < MAX_VERSION else (epoch + 1, 0)
