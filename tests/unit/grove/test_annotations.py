"""What a function's annotations say is what clients are told."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Le, MaxLen

from gateway.local.operation_arguments import Argument
from gateway.local.values import DataType
from grove.annotations import arguments_of, progress_name, returned_type, type_of
from grove.progress import Progress


@pytest.mark.parametrize(
    ("hint", "data_type"),
    [
        (bool, DataType.BOOL),
        (int, DataType.INT),
        (float, DataType.DOUBLE),
        (str, DataType.STRING),
        (dict[str, int], DataType.OBJECT),
        (Mapping[str, Any], DataType.OBJECT),
        (list[int], DataType.ARRAY),
        (Sequence[float], DataType.ARRAY),
        (tuple[int, ...], DataType.ARRAY),
        (float | None, DataType.DOUBLE),
        (Annotated[int, Ge(1)], DataType.INT),
        (Annotated[int, Ge(1)] | None, DataType.INT),
        (Literal["slow", "fast"], DataType.STRING),
        (Literal[1, 2], DataType.INT),
        (Literal[1, "a"], None),
        (int | str, None),
        (bytes, None),
        (None, None),
        (Any, None),
    ],
)
def test_an_annotation_stands_for_a_type_of_json_or_for_none(hint: Any, data_type: DataType | None) -> None:
    assert type_of(hint) is data_type


def pressure() -> float:
    return 1.0


async def level() -> "int | None":
    return 1


def nothing_said():  # type: ignore[no-untyped-def]  # noqa: ANN201 -- that is what it is for
    return 1


def raw() -> bytes:
    return b""


def test_the_type_of_a_data_item_is_what_its_function_returns() -> None:
    assert returned_type(pressure, "x") is DataType.DOUBLE
    assert returned_type(level, "x") is DataType.INT


@pytest.mark.parametrize(
    ("function", "found"), [(nothing_said, "nothing about what it returns"), (raw, "that it returns <class 'bytes'>")]
)
def test_a_function_that_says_no_type_is_refused_by_name(function: Callable[..., Any], found: str) -> None:
    with pytest.raises(TypeError, match=rf"data 'x': the function says {found}; annotate it with bool, int"):
        returned_type(function, "data 'x'")


def prime(
    seconds: Annotated[float, Ge(0), Le(60), "how long"],
    progress: Progress,
    mode: Literal["slow", "fast"] = "slow",
    note: Annotated[str, MaxLen(10)] | None = None,
) -> None:
    """For its signature."""


def test_the_parameters_of_a_function_are_the_arguments_of_the_operation() -> None:
    assert arguments_of(prime, "x") == (
        Argument("seconds", DataType.DOUBLE, required=True, minimum=0, maximum=60, description="how long"),
        Argument("mode", DataType.STRING, default="slow", choices=("slow", "fast")),
        Argument("note", DataType.STRING, max_length=10),
    )
    assert progress_name(prime) == "progress"
    assert progress_name(pressure) is None


def many(*values: int) -> None:
    """For its signature."""


def untyped(value) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 -- that is what it is for
    """For its signature."""


@pytest.mark.parametrize("function", [many, untyped])
def test_a_parameter_that_can_be_no_argument_is_refused_by_name(function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"operation 'x': found the parameter \*?value"):
        arguments_of(function, "operation 'x'")
