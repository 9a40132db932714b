"""What must survive a restart: names given, who was discovered, what every peer told last. Codec and debounce.

The files themselves are the keeper's business; a file that cannot be read is as if it were not there, and said so.
"""

from dataclasses import dataclass
from typing import Final, Protocol, assert_never

import msgspec
import structlog
from msgspec import UNSET, UnsetType

from discovery.endpoint import PeerEndpoint
from entities.codec import OtherFormat, parse_document, render_document
from entities.identity import is_instance_id
from entities.jsontext import InvalidJsonError, parse_json_as, render_json
from entities.model import is_valid_id
from entities.names import NameTable
from entities.records import AT_PATTERN, url_digest
from peers.native import HeldTree
from peers.registry import Registry
from peers.roll import Roll, call_roll, read_roll

log = structlog.get_logger("peers")

NAMES_FILE: Final = "names.json"
ROLL_FILE: Final = "discovered.json"
MAX_FILE_BYTES: Final = 256 * 1024 * 1024


class Keeper(Protocol):
    """Keeps small files in the state directory, each whole or not at all. Calls block; use a thread."""

    def load(self, name: str) -> bytes | None:
        """The bytes last saved under `name`, or None."""

    def save(self, name: str, body: bytes) -> None:
        """Replaces what is kept under `name`; raises OSError."""

    def remove(self, name: str) -> None:
        """Keeps nothing under `name` any more; raises OSError."""


class _Names(msgspec.Struct, frozen=True):
    here: list[tuple[str, str, str]]
    reserved: list[tuple[str, str, int]] = []
    seats: list[tuple[str, str, str]] = []


class _Seen(msgspec.Struct, frozen=True, omit_defaults=True):
    url: str
    instance: str
    document: msgspec.Raw | UnsetType = UNSET  # not `| None`: msgspec reads that union as null alone
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class SeenPeer:
    """What is kept of one peer."""

    url: str
    instance: str
    held: HeldTree | None


@dataclass(frozen=True, slots=True)
class Note:
    """One file to be saved, as references to what never changes: rendering them may take long and is for a thread."""

    name: str
    content: NameTable | SeenPeer | Roll | None
    """None: the file is to go, for its peer is forgotten."""

    def render(self) -> bytes:
        """The file's bytes; none of one that is to go."""
        match self.content:
            case NameTable():
                return _render_names(self.content)
            case SeenPeer():
                return _render_seen(self.content)
            case Roll():
                return self.content.render()
            case None:
                return b""
            case _:
                assert_never(self.content)


class PeerMemory:
    """Loads at start; notes what changed since it was last asked."""

    def __init__(self, keeper: Keeper, *, max_entities: int) -> None:
        """`max_entities`: as for reading peers."""
        self._keeper = keeper
        self._max_entities = max_entities
        # Mutable: what was noted last, by file, to note only changes.
        self._names: NameTable | None = None
        self._roll = Roll()
        self._held: dict[str, tuple[str | None, HeldTree | None]] = {}
        self.trouble: str | None = None
        """Why the last attempt to save failed, for people; None if it did not."""

    def load_names(self) -> NameTable:
        """The names of the last run, or an empty table."""
        body = self._keeper.load(NAMES_FILE)
        if body is None:
            return NameTable()
        try:
            kept = parse_json_as(body, _Names, max_bytes=MAX_FILE_BYTES)
        except InvalidJsonError as error:
            log.warning("names of the last run are unreadable and start anew", why=str(error))
            return NameTable()
        self._names = _table(kept)
        return self._names

    def load_roll(self) -> tuple[PeerEndpoint, ...]:
        """Who was discovered in the last run."""
        body = self._keeper.load(ROLL_FILE)
        if body is None:
            return ()
        try:
            self._roll = read_roll(body)
        except InvalidJsonError as error:
            log.warning("who was discovered in the last run is unreadable and forgotten", why=str(error))
            return ()
        # Of those who do not come back the files are to go; those who do are taken note of again.
        self._held = {_file_of(endpoint): (None, None) for endpoint in self._roll.endpoints}
        return self._roll.endpoints

    def load_peers(self, registry: Registry) -> None:
        """Gives every peer the instance and document last seen at its URL; it is down until it is probed."""
        for peer in registry:
            body = self._keeper.load(_file_of(peer.endpoint))
            if body is None:
                continue
            try:
                seen = parse_json_as(body, _Seen, max_bytes=MAX_FILE_BYTES)
                held = None if seen.document is UNSET else self._document(bytes(seen.document), seen.dropped)
            except InvalidJsonError as error:
                log.warning("the last tree of a peer is unreadable and forgotten", peer=peer.name, why=str(error))
                continue
            if seen.url == peer.endpoint.url and is_instance_id(seen.instance):
                peer.instance = seen.instance
                peer.held = held if held is not None and held.document.instance_id == seen.instance else None
                self._held[_file_of(peer.endpoint)] = (peer.instance, peer.held)

    def _document(self, body: bytes, dropped: int) -> HeldTree | None:
        decoded = parse_document(body, max_bytes=MAX_FILE_BYTES, max_entities=self._max_entities)
        return None if isinstance(decoded, OtherFormat) else HeldTree(decoded.document, None, dropped)

    def notes(self, names: NameTable, registry: Registry) -> list[Note]:
        """The files that differ from what was noted before; rendered when they are saved."""
        found = []
        if self._names is not names:
            before = self._names
            self._names = names
            if before is None or _lasting(before) != _lasting(names):
                found.append(Note(NAMES_FILE, names))
        if (roll := call_roll(registry)) != self._roll:
            self._roll = roll
            found.append(Note(ROLL_FILE, roll))
        files = {_file_of(peer.endpoint): peer for peer in registry}
        for name in self._held.keys() - files.keys():
            del self._held[name]
            found.append(Note(name, None))
        for name, peer in files.items():
            now = (peer.instance, peer.held)
            if peer.instance is not None and self._held.get(name) != now:
                self._held[name] = now
                found.append(Note(name, SeenPeer(peer.endpoint.url, peer.instance, peer.held)))
        return found

    def save(self, notes: list[Note]) -> None:
        """Renders and writes the files; blocks. What could not be written is noted again when it is next asked."""
        before, trouble = self.trouble, None
        for note in notes:
            try:
                if note.content is None:
                    self._keeper.remove(note.name)
                else:
                    self._keeper.save(note.name, note.render())
            except OSError as error:
                trouble = f"{note.name}: {error.strerror or error}"
                self._held.pop(note.name, None)
                if note.name == NAMES_FILE:
                    self._names = None
                if note.name == ROLL_FILE:
                    self._roll = Roll()
        self.trouble = trouble
        if trouble is not None and before is None:
            log.warning("state cannot be saved", why=trouble)
        elif trouble is None and before is not None:
            log.info("state is saved again")


def _table(kept: _Names) -> NameTable:
    """What of the file can be: usable ids, each name given once and each App named once."""
    here: dict[tuple[str, str], str] = {}
    origins: dict[str, tuple[str, str]] = {}
    for instance, own, name in kept.here:
        origin = (instance, own)
        is_usable = is_instance_id(instance) and is_valid_id(own) and is_valid_id(name)
        if is_usable and origin not in here and name not in origins:
            here[origin], origins[name] = name, origin
    return NameTable(
        here=here,
        origins=origins,
        reserved={(instance, own): left for instance, own, left in kept.reserved if (instance, own) in here},
        seats={
            (owner, at): instance
            for owner, at, instance in kept.seats
            if is_instance_id(owner) and AT_PATTERN.fullmatch(at) and is_instance_id(instance)
        },
    )


def _file_of(endpoint: PeerEndpoint) -> str:
    return f"peer-{url_digest(endpoint.url)}.json"


def _lasting(names: NameTable) -> tuple[object, ...]:
    return names.here, names.reserved, names.seats


def _render_names(names: NameTable) -> bytes:
    return render_json(
        _Names(
            here=sorted((instance, own, name) for (instance, own), name in names.here.items()),
            reserved=sorted((instance, own, left) for (instance, own), left in names.reserved.items()),
            seats=sorted((owner, at, instance) for (owner, at), instance in names.seats.items()),
        )
    )


def _render_seen(seen: SeenPeer) -> bytes:
    if seen.held is None:
        return render_json(_Seen(seen.url, seen.instance))
    document = msgspec.Raw(render_document(seen.held.document))
    return render_json(_Seen(seen.url, seen.instance, document, seen.held.dropped))
