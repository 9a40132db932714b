"""Data, configurations and faults as the manifest declares them."""

import re
from pathlib import Path
from typing import Any

import pytest

from gateway.local.bindings import (
    WRITE_TIMEOUT_S,
    BoundData,
    Configuration,
    DataBinding,
    DataSpec,
    HeldData,
    Resources,
)
from gateway.local.decoding import Decoding
from gateway.local.fault_spec import Debounce, DeclaredFault, FaultSpec, FaultStatus, Severity
from gateway.local.origins import CommandTarget, FileOrigin, FileTarget, WebTarget
from gateway.local.value_range import ValueRange
from gateway.local.values import DataType
from tests.unit.local.conftest import Load, accepted, app, component, refused


def data(load: Load, item: str) -> DataBinding:
    return accepted(load(f"apps: [{{id: a, data: [{item}]}}]")).resources[app("a")].data[0]


def fault(load: Load, item: str) -> DeclaredFault:
    return accepted(load(f"apps: [{{id: a, faults: [{item}]}}]")).resources[app("a")].faults[0]


@pytest.mark.parametrize(
    ("value", "data_type", "read"),
    [
        ("true", DataType.BOOL, True),
        ("42", DataType.INT, 42),
        ("0x10", DataType.INT, 16),
        ("4.2", DataType.DOUBLE, 4.2),
        ("auto", DataType.STRING, "auto"),
        ('"42"', DataType.STRING, "42"),
        ("2026-08-12", DataType.STRING, "2026-08-12"),
        ("{low: 1, high: [2.5, ~]}", DataType.OBJECT, {"low": 1, "high": [2.5, None]}),
        ("[1, a]", DataType.ARRAY, [1, "a"]),
    ],
)
def test_the_type_is_that_of_the_value(load: Load, value: str, data_type: DataType, read: Any) -> None:
    held = data(load, f"{{id: x, value: {value}}}")
    assert held == HeldData(DataSpec("x", "x", data_type), read)


def test_an_integer_fits_a_double(load: Load) -> None:
    held = data(load, "{id: x, value: 4, type: double}")
    assert isinstance(held, HeldData)
    assert (held.value, type(held.value)) == (4.0, float)


@pytest.mark.parametrize(
    "item",
    [
        "{id: x, value: 4.5, type: int}",
        "{id: x, value: true, type: int}",
        "{id: x, value: 1, type: bool}",
        "{id: x, value: 1, type: string}",
        "{id: x, value: [1], type: object}",
        "{id: x, value: .inf}",
        "{id: x, value: .nan, type: double}",
        "{id: x, value: 9223372036854775808}",
        "{id: x, value: {a: 9223372036854775808}}",
        f"{{id: x, value: {'9' * 5000}}}",
        "{id: x, value: !!binary aGk=}",
        "{id: x, value: !mine 4}",
        "{id: x, value: {[1]: 2}}",
        "{id: x, value: {a: 1, a: 2}}",
        "{id: x, value: {<<: {a: 1}}}",
    ],
)
def test_a_value_that_does_not_fit_is_a_problem(load: Load, item: str) -> None:
    assert [problem.code for problem in refused(load(f"apps: [{{id: a, data: [{item}]}}]"))] == ["G003"]


def test_an_item_may_wait_for_its_first_value(load: Load) -> None:
    item = "{id: x, type: object, writable: true}"
    assert data(load, item) == HeldData(DataSpec("x", "x", DataType.OBJECT, writable=True), None)


def test_an_item_has_all_its_keys(load: Load) -> None:
    item = "{id: p, name: Pressure, value: 4.2, type: double, unit: bar, writable: true, category: x-hydraulics}"
    assert data(load, item).spec == DataSpec("p", "Pressure", DataType.DOUBLE, "x-hydraulics", "bar", writable=True)


@pytest.mark.parametrize("category", ["nonsense", "CurrentData"])
def test_an_unknown_category_is_a_problem(load: Load, category: str) -> None:
    text = f"apps: [{{id: a, data: [{{id: x, value: 1, category: {category}}}]}}]"
    assert [problem.code for problem in refused(load(text))] == ["G003"]


def test_a_file_is_found_from_the_folder_of_the_manifest(load: Load, tmp_path: Path) -> None:
    assert data(load, "{id: x, file: values/x.txt}") == BoundData(
        DataSpec("x", "x", DataType.STRING), FileOrigin(tmp_path / "values" / "x.txt"), Decoding(DataType.STRING)
    )
    assert data(load, "{id: x, file: /sys/x, type: int}") == BoundData(
        DataSpec("x", "x", DataType.INT), FileOrigin(Path("/sys/x")), Decoding(DataType.INT)
    )


def test_a_configuration_has_all_its_keys(load: Load) -> None:
    manifest = accepted(
        load("components: [{id: c, configurations: [{id: m, value: auto, read_only: true, description: how}]}]")
    )
    assert manifest.resources == {
        component("c"): Resources(
            configurations=(Configuration("m", "auto", DataType.STRING, read_only=True, description="how"),)
        )
    }


def test_a_fault_needs_only_a_code_and_a_severity(load: Load) -> None:
    assert fault(load, "{code: P_LOW, severity: ERROR}") == DeclaredFault(FaultSpec("P_LOW", Severity.ERROR))


def test_a_fault_has_all_its_keys(load: Load) -> None:
    item = """{code: P, severity: 3, description: low, status: HEALED, occurrence_count: 7,
               first_occurred: 1786538411.5, last_occurred: 2026-08-12T14:40:12+02:00,
               fail: 3, heal: never, snapshot: [pressure, "pump:speed"], symptoms: [Q, R]}"""
    assert fault(load, item) == DeclaredFault(
        FaultSpec("P", Severity.CRITICAL, "low", Debounce(3, None), ("pressure", "pump:speed"), ("Q", "R")),
        status=FaultStatus.HEALED,
        first_occurred_ns=1_786_538_411_500_000_000,
        last_occurred_ns=1_786_538_412_000_000_000,
        occurrence_count=7,
    )


def test_a_time_without_zone_is_utc(load: Load) -> None:
    item = "{code: P, severity: 1, first_occurred: 2026-08-12 12:40:11}"
    assert fault(load, item).first_occurred_ns == 1_786_538_411_000_000_000


@pytest.mark.parametrize(
    "keys",
    [
        "severity: 4",
        "severity: FATAL",
        "severity: 1, status: BROKEN",
        "severity: 1, occurrence_count: -1",
        "severity: 1, occurrence_count: true",
        "severity: 1, first_occurred: yesterday",
        "severity: 1, first_occurred: -5",
        "severity: 1, last_occurred: 1.0e+30",
        "severity: 1, last_occurred: true",
        "severity: 1, fail: 0",
        "severity: 1, heal: sometimes",
    ],
)
def test_a_key_of_a_fault_out_of_range_is_a_problem(load: Load, keys: str) -> None:
    problems = refused(load(f"apps: [{{id: a, faults: [{{code: P, {keys}}}]}}]"))
    assert [problem.code for problem in problems] == ["G003"]


def test_an_overlong_id_is_a_problem(load: Load) -> None:
    items = {"data": "id", "configurations": "id", "faults": "code"}
    for section, key in items.items():
        text = f"apps: [{{id: a, {section}: [{{{key}: {'x' * 600}, value: 1, severity: 1}}]}}]"
        assert "G004" in [problem.code for problem in refused(load(text))]


def test_assets_have_resources_too(load: Load) -> None:
    manifest = accepted(load("assets: [{id: v, model: m, data: [{id: x, value: 1}]}]"))
    assert manifest.tree.components[0].data == ("x",)
    assert list(manifest.resources) == [component("v")]


def test_resources_of_a_section_that_is_no_list_are_a_problem(load: Load) -> None:
    problems = refused(load("apps: [{id: a, data: {id: x, value: 1}}]"))
    assert [(problem.code, problem.path) for problem in problems] == [("G003", "apps[0].data")]


def test_a_configuration_has_a_unit_and_a_range(load: Load) -> None:
    manifest = accepted(
        load("""
        apps:
          - id: a
            configurations:
              - {id: limit, value: 4, type: double, unit: bar, min: 0, max: 10, step: 0.5}
              - {id: mode, value: auto, enum: [auto, manual], pattern: "[a-z]+"}
        """)
    )
    limit, mode = manifest.resources[app("a")].configurations
    assert (limit.unit, limit.range) == ("bar", ValueRange(0, 10, 0.5))
    assert mode.range == ValueRange(choices=("auto", "manual"), pattern=re.compile("[a-z]+"))


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ("value: 4, min: 5", "G009"),
        ("value: 4, min: 9, max: 1", "G009"),
        ("value: 4, step: 0", "G003"),
        ("value: 4, max: high", "G003"),
        ("value: 4, enum: []", "G003"),
        ("value: 4, enum: [a]", "G003"),
        ("value: 4, enum: [1, 2]", "G009"),
        ("value: text, min: 1", "G009"),
        ('value: text, pattern: "("', "G003"),
        ('value: 4, pattern: "4"', "G009"),
        ("value: 4, minimum: 1", "G007"),
    ],
)
def test_a_range_that_makes_no_sense_is_a_problem(load: Load, keys: str, code: str) -> None:
    problems = refused(load(f"apps: [{{id: a, configurations: [{{id: x, {keys}}}]}}]"))
    assert code in [problem.code for problem in problems]


@pytest.mark.parametrize(
    ("apply", "target"),
    [
        ("[set, x]", CommandTarget),
        ("{command: set it, shell: true}", CommandTarget),
        ('{url: "http://h/x"}', WebTarget),
        ("{file: x.txt, timeout: 2}", FileTarget),
    ],
)
def test_a_configuration_says_who_is_told_of_its_values(load: Load, apply: str, target: type) -> None:
    manifest = accepted(load(f"apps: [{{id: a, configurations: [{{id: x, value: 1, apply: {apply}}}]}}]"))
    (found,) = manifest.resources[app("a")].configurations
    assert isinstance(found.target, target)
    assert found.apply_timeout_s == (2.0 if "timeout" in apply else WRITE_TIMEOUT_S)


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ("apply: {}", "G009"),
        ('apply: {file: x, url: "http://h/x"}', "G009"),
        ("apply: {file: x, other: 1}", "G007"),
        ('apply: {url: "http://h/x", method: GET}', "G003"),
        ("apply: [set, x], read_only: true", "G009"),
        ("apply: []", "G009"),
    ],
)
def test_an_apply_that_makes_no_sense_is_a_problem(load: Load, keys: str, code: str) -> None:
    problems = refused(load(f"apps: [{{id: a, configurations: [{{id: x, value: 1, {keys}}}]}}]"))
    assert code in [problem.code for problem in problems]
