"""The JSON Schema for editors knows what the manifest reader knows, and sees the mistakes that it can."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml

from gateway.local.manifest.document import read_document
from gateway.local.manifest.fields import Fields
from gateway.local.manifest.load import load_manifest
from gateway.local.manifest.plain import plain_value
from gateway.local.manifest.problem import Report
from gateway.local.manifest.reader import EntityReader
from gateway.local.manifest_schema.document import manifest_schema, manifest_schema_text
from tests.unit.local.test_manifest_data import MISTAKES as DATA_MISTAKES
from tests.unit.local.test_manifest_files import EXAMPLES
from tests.unit.local.test_manifest_rules import MISTAKES

ROOT = Path(__file__).parents[3]
SCHEMA: Final = manifest_schema()
VALIDATOR: Final = jsonschema.Draft7Validator(SCHEMA)

COMPLETE = """
manifest_version: "1.0"
metadata: {}
config: {}
discovery: {}
areas: [{id: a, subareas: [{id: b}]}]
components:
  - id: c
    identity: {extra: {}}
    data:
      - {id: a, value: 1, rules: [{code: b, above: 1}]}
      - {id: b, file: f, write: [a, "{value}"]}
      - {id: c, command: [a], write: {command: [a]}}
      - {id: d, http: "http://x/", write: {}}
      - {id: e, psutil: {reading: disk_usage.free}}
      - {id: f, psutil: {reading: disk_io_counters.read_count}}
      - {id: g, psutil: {reading: net_io_counters.errin}}
      - {id: h, psutil: {reading: sensors_fans, chip: x}}
      - {id: i, http: {url: "http://x/", headers: {A: {env: B}}}}
    operations:
      - {id: a, command: [a], arguments: [{name: a}]}
      - {id: b, http: "http://x/"}
    configurations: [{id: a, value: 1}]
    logs:
      - {file: f, format: json, fields: {}}
      - {file: g, format: pattern, pattern: "(?P<time>.)"}
      - {journal: {unit: u}}
assets: [{id: d}]
apps:
  - id: a
    ros_binding: {}
    data: [{id: i, value: 1}]
    faults: [{code: a, severity: 1}]
    rules: [{code: c, item: i, below: 1}]
functions: [{id: a, hosts: [a]}, {id: b, hosted_by: [a]}]
"""
"""Every mapping that the reader looks into."""

UNSEEN_RULES: Final = frozenset({"R001", "R002", "R003", "R004", "R005", "R006", "R007", "R008", "R009", "R010"}) | {
    *("R011", "R012", "R013", "G001", "G002", "G005", "G008")
}
"""Rules about several places of a manifest, about files and syntax, about characters."""


def parsed(text: str) -> Any:
    """The manifest as JSON; None where it is no YAML that has a JSON form."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        return None if root is None else plain_value(root)
    except (ValueError, yaml.YAMLError):
        return None


def complaints(document: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(document)]


def manifests() -> Iterator[tuple[str, str]]:
    """Every manifest that somebody may take as an example."""
    for folder in ("tests/data/manifests", "examples", "gateway/demo/manifests"):
        for path in sorted((ROOT / folder).rglob("*.yaml")):
            text = path.read_text()
            if "manifest_version" in text:
                yield str(path.relative_to(ROOT)), text
    for number, text in enumerate(EXAMPLES, start=1):
        yield f"docs/manifest.md, {number}", text
    yield "complete", COMPLETE


ALL: Final = dict(manifests())


def test_the_shipped_file_is_up_to_date() -> None:
    """`grove check --schema > docs/manifest.schema.json` makes it."""
    assert (ROOT / "docs/manifest.schema.json").read_text() == manifest_schema_text()
    assert json.loads(manifest_schema_text()) == SCHEMA


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", ALL)
def test_an_example_fits(name: str) -> None:
    assert complaints(parsed(ALL[name])) == []


def test_there_are_examples() -> None:
    assert len(ALL) > 25


def text_of_rule(text: str) -> str:
    return 'manifest_version: "1.0"\n' + text


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, _, text in MISTAKES if code not in UNSEEN_RULES])
def test_a_mistake_that_can_be_seen_is_seen(code: str, text: str) -> None:
    document = parsed(text_of_rule(text))
    unseen = "first_occurred: 9" in text or "external: true" in text or "components: [{id: a, faults" in text
    assert document is None or (complaints(document) == []) is unseen


UNSEEN_DATA: Final = (
    "[::1",
    "99999",
    "headers: {Authorization: x}",
    "headers: {Host: x}",
    "headers: {'A B': x}",
    "psutil: sensors_fans",
    "cpu_count, path",
    "cpu_percent, type",
    "cpu_count, type",
    "pattern: '('",
    "match: '('",
    "match: x, writable",
    "type: string, scale",
    "type: bool, offset",
    "type: string, min",
    "min: 3, max: 2",
    "value: 1, min: 3",
    "writable: false",
    "write: {}",
    "write: {body: on}",
)
"""What takes understanding: of a URL's parts, of secrets, of what a reading needs, of two keys together."""


@pytest.mark.parametrize("item", [item for item, _, _, _ in DATA_MISTAKES])
def test_a_mistake_in_a_data_item_is_seen_unless_it_takes_understanding(item: str) -> None:
    document = parsed(text_of_rule(f"apps: [{{id: a, data: [{{id: x, {item}}}]}}]"))
    assert (complaints(document) == []) is any(words in item for words in UNSEEN_DATA)


def known_keys(tmp_path: Path) -> Mapping[str, set[str]]:
    """What the reader looks for, by the path of the mapping."""
    known: dict[str, set[str]] = {}
    for text in ALL.values():
        path = tmp_path / "manifest.yaml"
        path.write_text(text)
        report = Report()
        root = read_document(path, report)
        assert root is not None
        EntityReader(tmp_path).read(Fields(root, "", report))
        for place, keys in report.known_keys.items():
            known.setdefault(place, set()).update(keys)
    return known


def _resolved(schema: Any) -> Iterator[Mapping[str, Any]]:
    """The schemas that describe one place: without references, lists and choices."""
    if "$ref" in schema:
        yield from _resolved(SCHEMA["definitions"][schema["$ref"].removeprefix("#/definitions/")])
    elif "anyOf" in schema and "properties" not in schema:
        for one in schema["anyOf"]:
            yield from _resolved(one)
    elif schema.get("type") == "array":
        yield from _resolved(schema["items"])
    else:
        yield schema


def _below(schema: Any, key: str) -> Iterator[Mapping[str, Any]]:
    for one in _resolved(schema):
        if key in one.get("properties", {}):
            yield from _resolved(one["properties"][key])
        elif isinstance(one.get("additionalProperties"), dict):
            yield from _resolved(one["additionalProperties"])


def schema_keys(path: str) -> set[str]:
    """The keys the schema has at this place."""
    places: list[Mapping[str, Any]] = [SCHEMA]
    for part in path.split(".") if path else []:
        places = [found for place in places for found in _below(place, part)]
    return {key for place in places for key in place.get("properties", {})}


OWN_COLUMNS: Final = {"assets": {"invoice"}}
"""What examples have beside: an asset takes any column."""


def test_the_schema_has_the_keys_that_the_reader_knows(tmp_path: Path) -> None:
    known = known_keys(tmp_path)
    assert len(known) > 20
    for path, keys in known.items():
        if not path.endswith(".extra"):
            assert (path, schema_keys(path)) == (path, keys - OWN_COLUMNS.get(path, set()))


def test_every_key_is_described_in_the_manual(tmp_path: Path) -> None:
    manual = (ROOT / "docs/manifest.md").read_text()
    described = set(re.findall(r"`([A-Za-z_]+)(?:: [^`]*)?`", manual))
    known = known_keys(tmp_path)
    every = {key for path, keys in known.items() for key in keys if not path.endswith(".extra")}
    every |= SCHEMA["properties"].keys()
    older = {"serial", "hw_rev", "hardware_rev", "fw", "firmware", "endpoint"}
    assert every - described - older == {"invoice"}


def test_what_is_shown_in_an_editor_is_described(tmp_path: Path) -> None:
    for name, schema in SCHEMA["definitions"].items():
        assert schema["description"], name
        assert [key for key, value in schema["properties"].items() if "description" not in value] == []


def test_a_manifest_that_fits_may_still_be_refused(tmp_path: Path) -> None:
    """The schema is for editors; what is true is told by the reader."""
    text = 'manifest_version: "1.0"\napps: [{id: a, is_located_on: nowhere}]\n'
    (tmp_path / "manifest.yaml").write_text(text)
    assert complaints(parsed(text)) == []
    assert isinstance(load_manifest(tmp_path / "manifest.yaml", strict=True), list)
