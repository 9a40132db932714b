"""Each mistake is reported by its code and line; all mistakes at once; the messages help."""

import re

import pytest

from gateway.local.manifest.problem import Rule
from tests.unit.local.conftest import Load, refused

MISTAKES = [
    ("R002", 3, "areas: [{id: a}, {id: b, subareas: [\n  {id: a}]}]"),
    ("R003", 4, "components: [{id: a}]\nassets:\n  - {id: a}"),
    ("R004", 4, "apps:\n  - {id: a}\n  - {id: a}"),
    ("R005", 3, "functions: [{id: a},\n  {id: a}]"),
    ("R006", 3, "components:\n  - {id: a, area: nowhere}"),
    ("R006", 2, "components: [{id: a, parent_component_id: nothing}]"),
    ("R006", 2, "areas: [{id: a, parent_area: nowhere}]"),
    ("R006", 3, "areas:\n  - {id: a, parent_area: b}\n  - {id: b, parent_area: a}"),
    ("R006", 2, "components: [{id: a, parent_component_id: a}]"),
    ("R006", 2, "areas: [{id: c}, {id: a, subareas: [{id: b, parent_area: c}]}]"),
    ("R007", 4, "apps:\n  - id: a\n    is_located_on: nothing"),
    ("R007", 3, "areas: [{id: x}]\napps: [{id: a, is_located_on: x}]"),
    ("R008", 5, "apps:\n  - id: a\n    depends_on:\n      - nobody"),
    ("R008", 2, "components: [{id: a, depends_on: [nobody]}]"),
    ("R008", 2, "functions: [{id: a, depends_on: [nobody]}]"),
    ("R009", 2, "functions: [{id: a, hosted_by: [nobody]}]"),
    (
        "R010",
        4,
        "apps:\n  - {id: a, ros_binding: {node_name: n}}\n  - {id: b, ros_binding: {node_name: n, namespace: '*'}}",
    ),
    ("R011", 3, "apps:\n  - {id: a, depends_on: [b]}\n  - {id: b, depends_on: [c]}\n  - {id: c, depends_on: [a]}"),
    ("R011", 2, "apps: [{id: a, depends_on: [a]}]"),
    ("R012", 3, "scripts: [{id: a},\n  {id: a}]"),
    ("R013", 4, "apps:\n  - external: true\n    ros_binding: {node_name: n}\n    id: a"),
    ("G002", 4, "apps:\n  - id: a\n    id: b"),
    ("G002", 3, "apps:\n  - {id: a, <<: {name: b}}"),
    ("G002", 3, "apps:\n  - {id: a, [b]: c}"),
    ("G003", 2, "apps: {id: a}"),
    ("G003", 3, "apps:\n  - a"),
    ("G003", 2, "apps: [{id: a, external: maybe}]"),
    ("G003", 2, "apps: [{id: a, name: [b]}]"),
    ("G003", 2, "apps: [{id: a, tags: [b, ~]}]"),
    ("G003", 2, "config: {unmanifested_nodes: wran}"),
    ("G004", 2, "apps: [{id: a b}]"),
    ("G004", 2, 'apps: [{id: ""}]'),
    ("G004", 2, f"apps: [{{id: {'x' * 257}}}]"),
    ("G004", 2, "apps: [{id: é}]"),
    ("G005", 2, 'apps: [{id: a, name: "b\\x07"}]'),
    ("G005", 2, 'apps: [{id: a, name: "two\\nlines"}]'),
    ("G005", 2, 'apps: [{id: a, description: "b\\x1b[31m"}]'),
    ("G005", 2, 'apps: [{id: a, tags: ["\\x7f"]}]'),
    ("G006", 3, "apps:\n  - {name: a}"),
    ("G006", 2, "apps: [{id: a, data: [{id: x}]}]"),
    ("G006", 2, "apps: [{id: a, data: [{value: 1}]}]"),
    ("G006", 2, "apps: [{id: a, configurations: [{id: x}]}]"),
    ("G006", 2, "apps: [{id: a, faults: [{code: x}]}]"),
    ("G007", 4, "apps:\n  - id: a\n    data: [{id: x, value: 1, wirtable: true}]"),
    ("G007", 2, "apps: [{id: a, configurations: [{id: x, value: 1, units: bar}]}]"),
    ("G007", 2, "apps: [{id: a, faults: [{code: x, severity: 1, staus: CLEARED}]}]"),
    ("G008", 2, "apps: [{id: a, data: [{id: x, value: 1}, {id: x, value: 2}]}]"),
    ("G008", 2, "apps: [{id: a, faults: [{code: x, severity: 1}, {code: x, severity: 2}]}]"),
    ("G009", 2, "areas: [{id: a, data: [{id: x, value: 1}]}]"),
    ("G009", 2, "functions: [{id: a, faults: [{code: x, severity: 1}]}]"),
    ("G009", 2, "apps: [{id: a, data: [{id: x, file: f, value: 1}]}]"),
    ("G009", 2, "apps: [{id: a, data: [{id: x, psutil: cpu_count, writable: true}]}]"),
    ("G009", 2, 'apps: [{id: a, data: [{id: x, file: ""}]}]'),
    ("G009", 2, "apps: [{id: a, faults: [{code: x, severity: 1, first_occurred: 9, last_occurred: 8}]}]"),
]


@pytest.mark.parametrize(("code", "line", "text"), MISTAKES)
def test_a_mistake_is_the_only_problem_and_has_its_code_and_line(load: Load, code: str, line: int, text: str) -> None:
    problems = refused(load(text))
    assert [(problem.code, problem.line) for problem in problems] == [(code, line)]


def test_every_rule_is_broken_somewhere() -> None:
    elsewhere = {"R001", "G001"}
    assert {code for code, _, _ in MISTAKES} | elsewhere == {rule.name for rule in Rule}


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_file(load: Load) -> None:
    problems = refused(
        load("""
        areas:
          - id: bad id
        components:
          - {id: c, area: nowhere}
        apps:
          - id: a
            is_located_on: d
            data:
              - {id: x, value: 1, type: string}
          - id: a
            external: 7
        """)
    )
    assert [(problem.code, problem.line, problem.path) for problem in problems] == [
        ("G004", 3, "areas[0].id"),
        ("R006", 5, "components[0].area"),
        ("R007", 8, "apps[0].is_located_on"),
        ("G003", 10, "apps[0].data[0].value"),
        ("R004", 11, "apps[1].id"),
        ("G003", 12, "apps[1].external"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("apps: [{id: a, data: [{id: x, value: 1, wirtable: true}]}]", "did you mean 'writable'?"),
        ("apps: [{id: a, data: [{id: x, value: 1, type: dobule}]}]", "did you mean 'double'?"),
        ("apps: [{id: a, faults: [{code: x, severity: warn}]}]", "did you mean 'WARN'?"),
        ("components: [{id: engine-ecu}]\napps: [{id: a, is_located_on: engine_ecu}]", "did you mean 'engine-ecu'?"),
        ("areas: [{id: hall}]\napps: [{id: a, is_located_on: hall}]", "'hall', which is of kind area"),
        ("apps: [{id: a}, {id: a}]", "the first is in line 2"),
        ("apps: [{id: a, depends_on: [b]}, {id: b, depends_on: [a]}]", "a -> b -> a"),
        ("apps: [{id: a b}]", "found 'a b', allowed are 1 to 256 of letters, digits, '_' and '-'"),
        ("apps: [{id: a, data: [{id: a;b, value: 1}]}]", "found 'a;b', allowed is text without control characters"),
        ("apps: [{id: a, configurations: [{id: x/.., value: 1}]}]", "it stands in paths; rename it"),
        ("apps: [{id: a, operations: [{id: '100%41', command: [x]}]}]", "'%' before two hex digits"),
        ("apps: [{id: a, faults: [{code: 'x:.', severity: 1}]}]", "'.' or '..' alone between '/' and ':'"),
        ("apps: [{name: x}]", "'id' is missing; write for example 'id: front_camera'"),
    ],
)
def test_a_message_says_what_helps(load: Load, text: str, message: str) -> None:
    assert message in refused(load(text))[0].message


def test_every_separate_cycle_is_reported(load: Load) -> None:
    links = {"a": "b", "b": "a", "c": "d", "d": "c", "e": "e"}
    apps = ", ".join(f"{{id: {app}, depends_on: [{other}]}}" for app, other in links.items())
    messages = [problem.message for problem in refused(load(f"apps: [{apps}]"))]
    found = {frozenset(re.findall(r"\b[a-e]\b", message.partition(":")[2].partition(";")[0])) for message in messages}
    assert found == {frozenset("ab"), frozenset("cd"), frozenset("e")}


def test_two_apps_may_be_bound_to_one_node_name_in_different_namespaces(load: Load) -> None:
    text = "apps: [{id: a, ros_binding: {node_name: n, namespace: /x}}, {id: b, ros_binding: {node_name: n}}]"
    assert not isinstance(load(text), list)


def test_a_problem_reads_as_one_line(load: Load) -> None:
    problem = refused(load("apps: [{id: a, depends_on: [b]}]"))[0]
    assert str(problem).startswith("line 2, apps[0].depends_on[0]: R008 warning: depends_on names 'b'")
