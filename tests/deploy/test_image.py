"""The Dockerfile builds what it should from what is there. No Docker engine is needed: it is read, not run."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from gateway.config.reader import LoadedSettings, read_settings

ROOT = Path(__file__).parents[2]

Instruction = tuple[str, str]


def instructions() -> list[list[Instruction]]:
    """The Dockerfile's stages, each a list of (keyword, arguments); what precedes the first FROM is left out."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    stages: list[list[Instruction]] = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        keyword, _, arguments = line.partition(" ")
        if keyword == "FROM":
            stages.append([])
        if stages:
            stages[-1].append((keyword, arguments.strip()))
    return stages


def of(stage: list[Instruction], keyword: str) -> list[str]:
    return [arguments for each, arguments in stage if each == keyword]


def copied_from_here() -> list[str]:
    """The sources of every COPY out of the build context."""
    copies = [copy for stage in instructions() for copy in of(stage, "COPY") if not copy.startswith("--from")]
    return [source for copy in copies for source in shlex.split(copy)[:-1]]


@pytest.fixture
def final() -> list[Instruction]:
    return instructions()[-1]


def test_what_builds_it_is_not_in_it(final: list[Instruction]) -> None:
    assert len(instructions()) == 2
    assert of(final, "COPY")[0] == "--from=build /opt/grove /opt/grove"
    assert not any("pip" in run for run in of(final, "RUN"))


def test_it_does_not_run_as_root(final: list[Instruction]) -> None:
    assert of(final, "USER") == ["grove"]
    assert "useradd" in of(final, "RUN")[0]
    keywords = [keyword for keyword, _ in final]
    assert "RUN" not in keywords[keywords.index("USER") :]


def test_promise_58_its_health_is_what_grove_health_says(final: list[Instruction]) -> None:
    (check,) = of(final, "HEALTHCHECK")
    assert check.endswith('CMD ["grove", "health"]')


def test_promise_58_its_settings_name_the_port_and_the_volume_it_declares(final: list[Instruction]) -> None:
    server = yaml.safe_load((ROOT / "deploy/image.yaml").read_text())["server"]
    assert server["host"] == "0.0.0.0"
    assert of(final, "EXPOSE") == [str(server["port"])] == ["8080"]
    assert of(final, "VOLUME") == [server["state_dir"]] == ["/var/lib/grove"]


def test_promise_58_it_starts_with_these_settings(final: list[Instruction]) -> None:
    (entrypoint,) = of(final, "ENTRYPOINT")
    *command, settings = json.loads(entrypoint)
    assert command == ["grove", "run", "-c"]
    assert f"deploy/image.yaml {settings}" in of(final, "COPY")


def test_promise_58_what_the_page_puts_behind_the_image_s_name_starts_with_the_image_s_settings() -> None:
    page = (ROOT / "docs/docker.md").read_text()
    given = re.findall(r"grove-gateway -p ([^\s`]+)", page)
    assert {assignment.partition(":=")[0] for assignment in given} == {"server.port", "cors.allowed_origins"}
    outcome = read_settings([ROOT / "deploy/image.yaml"], {"GROVE_NAME": "cell_3"}, given)
    assert isinstance(outcome, LoadedSettings)
    server, cors = outcome.settings.server, outcome.settings.cors
    assert (server.host, server.port, outcome.settings.name) == ("0.0.0.0", 9090, "cell_3")
    assert cors.allowed_origins == ("http://localhost:3000", "http://localhost:5173")
    assert "-e GROVE_NAME=cell_3" in page
    assert "http://localhost:8080/api/v1/health" in page


def test_everything_it_copies_is_there_and_let_through() -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    sources = copied_from_here()
    assert {source for source in sources if not (ROOT / source).exists()} == set()
    assert set(sources) == let_through


def test_every_package_of_the_wheel_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) <= set(copied_from_here())


def test_its_libraries_are_the_locked_ones() -> None:
    builds = of(instructions()[0], "RUN")
    assert "/opt/grove/bin/pip install -r /src/requirements.lock" in builds
    assert any("--no-deps /src" in run for run in builds)
