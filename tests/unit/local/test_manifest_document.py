"""A file that is no manifest is refused with a reason, whatever is in it."""

import os
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.local.manifest.document import MANIFEST_DEPTH_LIMIT, MANIFEST_LIMIT_BYTES
from gateway.local.manifest.load import LoadedManifest, load_manifest
from gateway.local.manifest.problem import ManifestProblem
from tests.unit.local.conftest import accepted, refused

VERSION = b'manifest_version: "1.0"\n'


def load_bytes(content: bytes, folder: Path) -> LoadedManifest | list[ManifestProblem]:
    path = folder / "manifest.yaml"
    path.write_bytes(content)
    return load_manifest(path, strict=True)


def bomb(levels: int) -> bytes:
    """Each level holds the one before nine times."""
    first = b"a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    others = (b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, levels))
    return VERSION + first + b"".join(others)


@pytest.mark.parametrize(
    ("content", "code", "line", "words"),
    [
        (b"", "G002", 1, "the file is empty"),
        (b"# only a comment\n", "G002", 1, "the file is empty"),
        (b"- a\n- b\n", "G002", 1, "found a list, allowed is a mapping"),
        (b"\n\njust text\n", "G002", 3, "found 'just text', allowed is a mapping"),
        (VERSION + b"areas: [\n", "G002", 3, "not valid YAML"),
        (
            VERSION + b"areas:\n\t- a\n",
            "G002",
            3,
            "not valid YAML: a tab at the beginning of the line; indent with spaces",
        ),
        (VERSION + b"---\na: b\n", "G002", 2, "expected a single document"),
        (VERSION + b"areas: *nobody\n", "G002", 2, "undefined alias"),
        (VERSION + b"metadata:\n  name: \xff\n", "G002", 3, "found byte 0xff, allowed is UTF-8"),
        (VERSION + b"areas: \x07\n", "G005", 2, "U+0007"),
        (VERSION + b"areas: &all [*all]\n", "G002", 2, "an alias contains itself"),
        (b"areas: []\n", "R001", 1, "manifest_version is missing"),
        (b"areas: []\nmanifest_version: 2\n", "R001", 2, "found '2', allowed is '1.0'"),
    ],
)
def test_a_broken_file_is_refused_with_its_reason_and_line(
    tmp_path: Path, content: bytes, code: str, line: int, words: str
) -> None:
    (problem,) = refused(load_bytes(content, tmp_path))
    assert (problem.code, problem.line) == (code, line)
    assert words in problem.message


@pytest.mark.parametrize("version", [b'"1.0"', b"1.0", b"'1.0'"])
def test_the_version_may_be_written_with_or_without_quotes(tmp_path: Path, version: bytes) -> None:
    assert len(accepted(load_bytes(b"manifest_version: " + version + b"\n", tmp_path)).tree) == 0


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    accepted(load_bytes(b"\xef\xbb\xbf" + VERSION, tmp_path))


def test_a_file_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    accepted(load_bytes(VERSION.ljust(MANIFEST_LIMIT_BYTES, b"\n"), tmp_path))


def test_a_larger_file_is_refused(tmp_path: Path) -> None:
    (problem,) = refused(load_bytes(VERSION.ljust(MANIFEST_LIMIT_BYTES + 1, b"\n"), tmp_path))
    assert problem.code == "G001"
    assert str(MANIFEST_LIMIT_BYTES) in problem.message


@pytest.mark.parametrize("opening", [b"[", b"{a: ", b"- "])
def test_deep_nesting_is_refused_however_deep(tmp_path: Path, opening: bytes) -> None:
    (problem,) = refused(load_bytes(opening * 100_000, tmp_path))
    assert problem.code == "G002"
    assert f"deeper than {MANIFEST_DEPTH_LIMIT}" in problem.message


def test_aliases_that_multiply_are_refused(tmp_path: Path) -> None:
    (problem,) = refused(load_bytes(bomb(12), tmp_path))
    assert problem.code == "G002"
    assert "with all aliases written out" in problem.message


def test_a_few_aliases_are_welcome(tmp_path: Path) -> None:
    accepted(load_bytes(bomb(3), tmp_path))


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    (problem,) = refused(load_manifest(tmp_path / "nothing.yaml", strict=True))
    assert problem.code == "G001"
    assert "No such file" in problem.message


def test_a_folder_or_fifo_is_not_read(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (tmp_path, fifo):
        (problem,) = refused(load_manifest(path, strict=True))
        assert problem.code == "G001"
        assert "not a regular file" in problem.message


def test_an_impossible_file_name_is_a_problem() -> None:
    (problem,) = refused(load_manifest("a\0b", strict=True))
    assert problem.code == "G001"


texts = st.text("aZ0_-:/*é°\x07\n ", max_size=8)
words = (
    st.sampled_from(
        ["id", "name", "apps", "areas", "data", "value", "file", "faults", "type", "depends_on", "hosted_by", "tags"]
    )
    | texts
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=30,
)
sections = st.sampled_from(
    ["areas", "components", "assets", "apps", "functions", "scripts", "config", "metadata", "manifest_version"]
)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(sections, documents | st.lists(st.dictionaries(words, documents))))
def test_no_document_is_too_strange_to_be_judged(document: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        result = load_bytes(yaml.safe_dump(document).encode(), Path(folder))
    assert isinstance(result, LoadedManifest) or result


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=60))
def test_no_bytes_are_too_strange_to_be_judged(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert refused(load_bytes(content, Path(folder)))
