"""Real manifests and the ones in the documentation load; each rule is documented."""

import re
from pathlib import Path

import pytest
import structlog

from entities.model import EntityKind
from gateway.local.manifest.load import load_manifest
from gateway.local.manifest.problem import ProblemSeverity, Rule
from tests.unit.local.conftest import accepted, refused

ROOT = Path(__file__).parents[3]
MANIFESTS = ROOT / "tests" / "data" / "manifests"
GUIDE = (ROOT / "docs" / "manifest.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("demo_nodes", (11, 10, 12, 5)),
        ("external_component_fault", (1, 2, 1, 1)),
        ("flat_robot", (0, 4, 4, 2)),
        ("minimal", (1, 1, 1, 0)),
        ("multi_robot", (7, 5, 6, 3)),
        ("turtlebot3", (4, 5, 10, 4)),
    ],
)
def test_a_real_manifest_loads_in_strict_mode(name: str, counts: tuple[int, ...]) -> None:
    manifest = accepted(load_manifest(MANIFESTS / f"{name}.yaml", strict=True))
    assert tuple(len(manifest.tree.of(kind)) for kind in EntityKind) == counts
    assert manifest.warnings == []


def test_an_external_app_with_a_binding_is_refused_in_strict_mode_only() -> None:
    path = MANIFESTS / "external_app_fault.yaml"
    problems = refused(load_manifest(path, strict=True))
    assert [(problem.code, problem.line) for problem in problems] == [("R013", 54)]
    manifest = accepted(load_manifest(path, strict=False))
    assert [warning.severity for warning in manifest.warnings] == [ProblemSeverity.WARNING]
    assert len(manifest.tree) == 4


def test_every_manifest_of_the_data_folder_is_tested() -> None:
    assert len(list(MANIFESTS.glob("*.yaml"))) == 7


def test_unknown_keys_are_named_in_one_log_line() -> None:
    with structlog.testing.capture_logs() as logs:
        manifest = accepted(load_manifest(MANIFESTS / "demo_nodes.yaml", strict=True))
    assert manifest.ignored_keys == ("apps.category", "areas.category", "functions.category", "scripts")
    assert [(line["event"], line["keys"]) for line in logs] == [
        ("manifest keys ignored", ["apps.category", "areas.category", "functions.category", "scripts"])
    ]


def test_a_manifest_without_unknown_keys_is_loaded_in_silence() -> None:
    with structlog.testing.capture_logs() as logs:
        accepted(load_manifest(MANIFESTS / "minimal.yaml", strict=True))
    assert logs == []


def test_the_guide_has_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_of_the_guide_loads(example: str, tmp_path: Path) -> None:
    path = tmp_path / "manifest.yaml"
    path.write_text(example, encoding="utf-8")
    manifest = accepted(load_manifest(path, strict=True))
    assert len(manifest.tree) > 0
    assert manifest.ignored_keys == ()


@pytest.mark.parametrize("rule", list(Rule), ids=lambda rule: rule.name)
def test_the_guide_describes_a_rule_as_the_code_does(rule: Rule) -> None:
    assert f"| {rule.name} | {rule.severity.value} | {rule.value} |" in GUIDE
