"""The types of what fault and configuration routes answer: what a typed client, and upstream, may rely on.

Strict about what is required and about the types of what is there; further keys are anybody's. Source: docs/api.md,
"Faults" and "Configurations".
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Id = Annotated[str, Meta(min_length=1, max_length=512)]
Code = Annotated[str, Meta(min_length=1, max_length=256)]
Seconds = Annotated[float, Meta(ge=0)]
_MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
Moment = Annotated[str, Meta(pattern=f"^{_MOMENT}$")]
MomentOrNone = Annotated[str, Meta(pattern=f"^({_MOMENT})?$")]
Bit = Literal["0", "1"]
Status = Literal["PREFAILED", "PREPASSED", "CONFIRMED", "HEALED", "CLEARED"]
Label = Literal["INFO", "WARN", "ERROR", "CRITICAL", "UNKNOWN"]


class FaultItem(msgspec.Struct, kw_only=True):
    """An item of a list, upstream's too."""

    fault_code: Code
    severity: Annotated[int, Meta(ge=0, le=3)]
    description: str
    first_occurred: Seconds
    last_occurred: Seconds
    occurrence_count: Annotated[int, Meta(ge=0)]
    status: Status
    reporting_sources: Annotated[list[str], Meta(min_length=1)]
    last_passed: Seconds | UnsetType = UNSET


class OwnFaultItem(FaultItem, kw_only=True):
    """An item of a list of ours."""

    severity_label: Label


class Bits(msgspec.Struct, kw_only=True, rename="camel"):
    """The status in the words of diagnostics."""

    aggregated_status: Literal["active", "passive", "cleared"]
    test_failed: Bit
    confirmed_dtc: Bit = msgspec.field(name="confirmedDTC")
    pending_dtc: Bit = msgspec.field(name="pendingDTC")


class DetailItem(msgspec.Struct, kw_only=True):
    """The fault in a detail."""

    code: Code
    severity: Annotated[int, Meta(ge=0, le=3)]
    status: Bits
    fault_name: str | UnsetType = UNSET


class Records(msgspec.Struct, kw_only=True):
    """When it occurred; upstream was recorded without times."""

    first_occurrence: MomentOrNone
    last_occurrence: MomentOrNone


class ErrorMark(msgspec.Struct, kw_only=True):
    """Why something has no value."""

    error_code: str
    message: str


class FrameMarks(msgspec.Struct, kw_only=True):
    """Beside a freeze frame."""

    captured_at: Moment
    unit: str | UnsetType = UNSET
    error: ErrorMark | UnsetType = UNSET


class Frame(msgspec.Struct, kw_only=True, rename={"medkit": "x-medkit"}):
    """The value of a data item when the fault occurred."""

    type: Literal["freeze_frame"]
    name: str
    data: Any
    medkit: FrameMarks


class Environment(msgspec.Struct, kw_only=True):
    """What was around."""

    extended_data_records: Records
    snapshots: list[Frame]


class Change(msgspec.Struct, kw_only=True):
    """A status that the fault took."""

    status: Status
    at: Moment


class DetailMarks(msgspec.Struct, kw_only=True):
    """Beside a detail."""

    occurrence_count: Annotated[int, Meta(ge=0)]
    severity_label: Label
    status_raw: Status
    reporting_sources: list[str] | UnsetType = UNSET
    history: list[Change] | UnsetType = UNSET
    last_passed: Moment | UnsetType = UNSET


class FaultDetail(msgspec.Struct, kw_only=True, rename={"medkit": "x-medkit"}):
    """One fault, upstream's too."""

    item: DetailItem
    environment_data: Environment
    medkit: DetailMarks


class EventMarks(msgspec.Struct, kw_only=True):
    """Beside an event of the stream."""

    entity_type: Literal["apps", "components"]
    entity_id: Id
    origin: str


class FaultEvent(msgspec.Struct, kw_only=True, rename={"medkit": "x-medkit"}):
    """An event of the stream."""

    event_type: Literal["fault_confirmed", "fault_updated", "fault_cleared"]
    fault: OwnFaultItem
    timestamp: Seconds
    medkit: EventMarks
    auto_cleared_codes: list[Code] | UnsetType = UNSET


class ConfigurationItem(msgspec.Struct, kw_only=True):
    """An item of a list, upstream's too."""

    id: Id
    name: str
    type: Literal["parameter"]


class Parameter(msgspec.Struct, kw_only=True, rename={"minimum": "min", "maximum": "max", "choices": "enum"}):
    """A value with all that is said of it, upstream's too."""

    name: str
    value: Any
    type: str
    read_only: bool | UnsetType = UNSET
    description: str | UnsetType = UNSET
    unit: str | UnsetType = UNSET
    minimum: int | float | UnsetType = UNSET
    maximum: int | float | UnsetType = UNSET
    step: int | float | UnsetType = UNSET
    choices: list[Any] | UnsetType = UNSET
    pattern: str | UnsetType = UNSET
    error: ErrorMark | UnsetType = UNSET


class ConfigurationMarks(msgspec.Struct, kw_only=True):
    """Beside one configuration."""

    entity_id: Id
    source: str
    parameter: Parameter


class ConfigurationRead(msgspec.Struct, kw_only=True, rename={"medkit": "x-medkit"}):
    """One configuration, read or written, upstream's too."""

    id: Id
    data: Any
    medkit: ConfigurationMarks


class OwnConfigurationRead(ConfigurationRead, kw_only=True):
    """One of ours, in both spellings."""

    value: Any


class ResetResult(msgspec.Struct, kw_only=True):
    """What became of one member."""

    node: str
    app_id: str
    success: bool
    error: str | UnsetType = UNSET
    details: list[dict[str, str]] | UnsetType = UNSET


class ResetResults(msgspec.Struct, kw_only=True):
    """A 207, in both spellings."""

    entity_id: Id
    results: Annotated[list[ResetResult], Meta(min_length=1)]
    reset_count: int
    failed_count: int
