"""What fits into the six types of a value."""

from typing import Any

import pytest

from gateway.local.values import DataType, MisfitError, conform, infer_type, parse_text


@pytest.mark.parametrize(
    ("value", "data_type"),
    [
        (True, DataType.BOOL),
        (0, DataType.INT),
        (0.0, DataType.DOUBLE),
        ("", DataType.STRING),
        ({}, DataType.OBJECT),
        ([], DataType.ARRAY),
        (None, None),
        (object(), None),
    ],
)
def test_a_value_is_of_one_type(value: object, data_type: DataType | None) -> None:
    assert infer_type(value) is data_type


def test_a_number_must_fit_64_bits_and_be_finite() -> None:
    assert conform(2**63 - 1, DataType.INT) == 2**63 - 1
    for value, data_type in [(2**63, DataType.INT), (10**400, DataType.DOUBLE), (float("nan"), DataType.DOUBLE)]:
        with pytest.raises(MisfitError):
            conform(value, data_type)


def test_a_misfit_says_what_was_found_and_what_is_allowed() -> None:
    with pytest.raises(MisfitError, match="found string, allowed is int"):
        conform("4", DataType.INT)
    with pytest.raises(MisfitError, match="found null, allowed is double"):
        conform(None, DataType.DOUBLE)


@pytest.mark.parametrize(
    ("text", "data_type", "value"),
    [
        ("47250\n", DataType.INT, 47250),
        (" -3 ", DataType.INT, -3),
        ("1e3", DataType.DOUBLE, 1000.0),
        ("7", DataType.DOUBLE, 7.0),
        ("Yes\n", DataType.BOOL, True),
        ("0", DataType.BOOL, False),
        ("  two words\r\n", DataType.STRING, "  two words"),
        ('{"a": [1]}', DataType.OBJECT, {"a": [1]}),
        ("[1, 2]\n", DataType.ARRAY, [1, 2]),
    ],
)
def test_the_text_of_a_file_is_read_as_its_type(text: str, data_type: DataType, value: Any) -> None:
    parsed = parse_text(text, data_type)
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "data_type"),
    [
        ("", DataType.INT),
        ("4.5", DataType.INT),
        ("9" * 30, DataType.INT),
        ("9" * 5000, DataType.INT),
        ("nan", DataType.DOUBLE),
        ("warm", DataType.DOUBLE),
        ("2", DataType.BOOL),
        ("[1]", DataType.OBJECT),
        ("{", DataType.OBJECT),
        ("[" * 60_000, DataType.ARRAY),
    ],
)
def test_text_of_another_type_is_a_misfit_with_a_short_message(text: str, data_type: DataType) -> None:
    with pytest.raises(MisfitError) as caught:
        parse_text(text, data_type)
    assert len(str(caught.value)) < 200
