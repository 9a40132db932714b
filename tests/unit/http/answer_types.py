"""The types of collections as clients read them, of Apps and of whatever has members, at one gateway or over many.

Exactly these fields: one that is not described here, or missing, fails. Source: docs/api.md, "Resources".
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tests.unit.local.data_types import Described
from tests.unit.local.fault_types import Code, ErrorMark, Label, Parameter, Seconds, Status
from tests.unit.local.operation_types import OperationItem

Id = Annotated[str, Meta(min_length=1, max_length=600)]
EntityId = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,256}$")]
Peer = Annotated[str, Meta(pattern="^peer:.+$")]
Level = Literal["area", "component", "app", "function"]
Ids = Annotated[list[EntityId], Meta(min_length=1)]


class Exact(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Exactly these fields."""


class PeerGap(Exact, kw_only=True):
    """Who is missing, and why."""

    peer: str
    reason: str
    elapsed_ms: int
    status: int | UnsetType = UNSET


class Envelope(Exact, kw_only=True):
    """What every collection may say of itself."""

    partial: Literal[True] | UnsetType = UNSET
    failed_peers: list[str] | UnsetType = UNSET
    peer_errors: list[PeerGap] | UnsetType = UNSET


class Whose(Exact, kw_only=True):
    """Beside an item of a member."""

    source: Peer | UnsetType = UNSET
    member_ids: Ids | UnsetType = UNSET


class ListedData(Described, forbid_unknown_fields=True, kw_only=True):
    """Beside a data item in a list."""

    source: Peer | UnsetType = UNSET
    member_ids: Ids | UnsetType = UNSET


class DataItem(Exact, rename={"medkit": "x-medkit"}, kw_only=True):
    """A data item in a list."""

    id: Id
    name: str
    category: str
    data_type: str
    writable: bool
    medkit: ListedData
    value: Any = UNSET
    unit: str | UnsetType = UNSET


class DataEnvelope(Envelope, kw_only=True):
    """Of a list of data."""

    entity_id: EntityId
    total_count: int
    aggregated: Literal[True] | UnsetType = UNSET
    aggregation_level: Level | UnsetType = UNSET
    aggregation_sources: Ids | UnsetType = UNSET


class DataList(Exact, rename={"medkit": "x-medkit"}, kw_only=True):
    """`GET /{entity}/data`."""

    items: list[DataItem]
    medkit: DataEnvelope


class OperationsList(Exact, rename={"medkit": "x-medkit"}, kw_only=True):
    """`GET /{entity}/operations`."""

    items: list[OperationItem]
    medkit: Envelope | UnsetType = UNSET


class Member(Exact, kw_only=True):
    """Beside a configuration of one of several members."""

    source: str


class ConfigurationItem(Exact, rename={"medkit": "x-medkit"}, kw_only=True):
    """A configuration in a list."""

    id: Id
    name: str
    type: Literal["parameter"]
    medkit: Member | UnsetType = UNSET


class WhoseParameter(Exact, kw_only=True):
    """Whose value it is."""

    source: EntityId
    node: str | UnsetType = UNSET


class ListedParameter(
    Parameter,
    forbid_unknown_fields=True,
    kw_only=True,
    rename={"minimum": "min", "maximum": "max", "choices": "enum", "medkit": "x-medkit"},
):
    """A value in a list."""

    medkit: WhoseParameter


class ConfigurationEnvelope(Envelope, kw_only=True):
    """Of a list of configurations."""

    entity_id: EntityId
    aggregation_level: Level
    is_aggregated: bool
    source: Literal["runtime"]
    parameters: list[ListedParameter] | UnsetType = UNSET
    source_ids: Ids | UnsetType = UNSET
    queried_nodes: list[str] | UnsetType = UNSET


class ConfigurationList(Exact, rename={"medkit": "x-medkit"}, kw_only=True):
    """`GET /{entity}/configurations`."""

    items: list[ConfigurationItem]
    medkit: ConfigurationEnvelope


class WhoseFault(Whose, kw_only=True):
    """Beside a fault in a list."""

    entity_id: EntityId | UnsetType = UNSET


class FaultItem(Exact, rename={"medkit": "x-medkit"}, kw_only=True):
    """A fault in a list."""

    fault_code: Code
    severity: Annotated[int, Meta(ge=0, le=3)]
    severity_label: Label
    description: str
    first_occurred: Seconds
    last_occurred: Seconds
    occurrence_count: Annotated[int, Meta(ge=0)]
    status: Status
    reporting_sources: Annotated[list[str], Meta(min_length=1)]
    last_passed: Seconds | UnsetType = UNSET
    medkit: WhoseFault | UnsetType = UNSET


class CountedFaults(Envelope, kw_only=True):
    """Of `/faults`."""

    count: int
    muted_count: Literal[0]
    cluster_count: Literal[0]


class FaultsOfApp(CountedFaults, kw_only=True):
    """Of the faults of an App."""

    entity_id: EntityId
    source_id: str


class Aggregation(Envelope, kw_only=True):
    """Of faults and logs of what has members."""

    entity_id: EntityId
    aggregation_level: Level
    aggregated: Literal[True]
    app_count: int | UnsetType = UNSET
    component_count: int | UnsetType = UNSET
    host_count: int | UnsetType = UNSET
    aggregation_sources: list[str] | UnsetType = UNSET


class FaultsOfMembers(Aggregation, kw_only=True):
    """Of the faults of what has members."""

    count: int


class FaultList(Exact, rename={"medkit": "x-medkit"}, kw_only=True):
    """`GET /{entity}/faults` of an App."""

    items: list[FaultItem]
    medkit: FaultsOfApp


class GlobalFaults(Exact, rename={"medkit": "x-medkit"}, kw_only=True):
    """`GET /faults`."""

    items: list[FaultItem]
    medkit: CountedFaults


class MembersFaults(Exact, rename={"medkit": "x-medkit"}, kw_only=True):
    """`GET /{entity}/faults` of what has members."""

    items: list[FaultItem]
    medkit: FaultsOfMembers


class LogContext(Exact, kw_only=True):
    """Who wrote an entry."""

    node: str
    function: str | UnsetType = UNSET
    file: str | UnsetType = UNSET
    line: int | UnsetType = UNSET


class LogMarks(Whose, kw_only=True):
    """Beside an entry."""

    cut_bytes: int | UnsetType = UNSET


class LogItem(Exact, rename={"medkit": "x-medkit"}, kw_only=True):
    """A log entry."""

    id: Annotated[str, Meta(pattern=r"^log_\d+$")]
    timestamp: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$")]
    severity: Literal["debug", "info", "warning", "error", "fatal"]
    message: str
    context: LogContext | UnsetType = UNSET
    medkit: LogMarks | UnsetType = UNSET


class FailedLog(ErrorMark, forbid_unknown_fields=True, kw_only=True):
    """A log that cannot be read."""

    member_id: EntityId
    log: str


class LogsOfApp(Envelope, kw_only=True):
    """Of the logs of an App, if there is anything to say."""

    failed_logs: list[FailedLog] | UnsetType = UNSET


class LogList(Exact, rename={"medkit": "x-medkit"}, kw_only=True):
    """`GET /{entity}/logs` of an App."""

    items: list[LogItem]
    medkit: LogsOfApp | UnsetType = UNSET


class LogsOfMembers(Aggregation, kw_only=True):
    """Of the logs of what has members."""

    failed_logs: list[FailedLog] | UnsetType = UNSET


class MembersLogs(Exact, rename={"medkit": "x-medkit"}, kw_only=True):
    """`GET /{entity}/logs` of what has members."""

    items: list[LogItem]
    medkit: LogsOfMembers


class LogConfiguration(Exact, kw_only=True):
    """`GET /{entity}/logs/configuration`."""

    severity_filter: Literal["debug", "info", "warning", "error", "fatal"]
    max_entries: Annotated[int, Meta(ge=1, le=10_000)]


class StatusDocument(
    Exact, rename={"force_restart": "force-restart", "force_shutdown": "force-shutdown"}, kw_only=True
):
    """`GET /{apps|components}/{id}/status`."""

    status: Literal["ready", "notReady"]
    start: str | UnsetType = UNSET
    restart: str | UnsetType = UNSET
    force_restart: str | UnsetType = UNSET
    shutdown: str | UnsetType = UNSET
    force_shutdown: str | UnsetType = UNSET
