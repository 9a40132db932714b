"""The types of what data routes answer and take: what a typed client, and upstream, may rely on (docs/api.md, "Data").

Strict about what is required and about the types of what is there; further keys are anybody's.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Id = Annotated[str, Meta(min_length=1, max_length=256)]
Number = int | float


class ErrorMark(msgspec.Struct):
    """Why a list item has no value."""

    error_code: str
    message: str


class Described(msgspec.Struct, kw_only=True, rename={"minimum": "min", "maximum": "max", "choices": "enum"}):
    """What is said of an item of ours wherever it is shown."""

    type: Literal["bool", "int", "double", "string", "object", "array"]
    access: Literal["read-only", "read-write"]
    direction: Literal["publish", "both"]
    minimum: Number | UnsetType = UNSET
    maximum: Number | UnsetType = UNSET
    step: Number | UnsetType = UNSET
    choices: list[Any] | UnsetType = UNSET
    pattern: str | UnsetType = UNSET
    timestamp: int | UnsetType = UNSET
    out_of_range: Literal[True] | UnsetType = UNSET
    error: ErrorMark | UnsetType = UNSET


class ListItem(msgspec.Struct, kw_only=True):
    """An item of a list, upstream's too: `id`, `name` and `category` are what clients need."""

    id: Id
    name: str
    category: Annotated[str, Meta(pattern="^(identData|currentData|storedData|sysInfo|x-.*)$")]


class OwnListItem(ListItem, kw_only=True, rename={"medkit": "x-medkit"}):
    """An item of a list of ours."""

    data_type: str
    writable: bool
    medkit: Described
    value: Any = UNSET
    unit: str | UnsetType = UNSET


class ReadMarks(msgspec.Struct, kw_only=True):
    """Beside a value that was read."""

    entity_id: Id
    status: Literal["data", "metadata_only"]
    timestamp: int


class Read(msgspec.Struct, kw_only=True, rename={"medkit": "x-medkit"}):
    """One item, upstream's too."""

    id: Id
    data: Any
    medkit: ReadMarks


class OwnReadMarks(Described, kw_only=True):
    """Beside a value of ours."""

    entity_id: Id
    status: Literal["data", "metadata_only"]
    timestamp: int


class OwnRead(msgspec.Struct, kw_only=True, rename={"medkit": "x-medkit"}):
    """One item of ours, in both spellings."""

    id: Id
    data: Any
    value: Any
    medkit: OwnReadMarks
    unit: str | UnsetType = UNSET


class WrittenMarks(msgspec.Struct, kw_only=True):
    """Beside a value that was written; upstream says `published`."""

    entity_id: Id
    status: Literal["written", "published"]


class Written(msgspec.Struct, kw_only=True, rename={"medkit": "x-medkit"}):
    """The answer to a write, upstream's too."""

    id: Id
    data: Any
    medkit: WrittenMarks


class OwnWritten(Written, kw_only=True):
    """The answer to a write of ours, in both spellings."""

    value: Any


class Refused(msgspec.Struct, kw_only=True):
    """Every error."""

    error_code: str
    message: Annotated[str, Meta(min_length=1)]
    parameters: dict[str, Any] | UnsetType = UNSET
    vendor_code: str | UnsetType = UNSET
