"""`make` and `.ci/run` find a Python, say what is missing, do nothing twice, and report honestly."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTHING: Mapping[str, str] = {}


def run(
    *command: str | Path, path: str, cwd: Path = ROOT, env: Mapping[str, str] = NOTHING
) -> subprocess.CompletedProcess[str]:
    """Without what a surrounding make has put into the environment."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "PYTHON"}
    return subprocess.run(
        command, cwd=cwd, env={**inherited, "PATH": path, **env}, capture_output=True, text=True, check=False
    )


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def works(path: Path) -> Path:
    """The Python that runs these tests, under another name."""
    return script(path, f'exec "{sys.executable}" "$@"')


def is_broken(path: Path) -> Path:
    """As a version manager's command for a version that is not selected."""
    return script(path, 'echo "not selected" >&2; exit 127')


def lacks_venv(path: Path) -> Path:
    """As Debian's python3 without python3-venv."""
    hide = "import sys; sys.modules['ensurepip'] = None; exec(sys.argv[1])"
    return script(path, f'exec "{sys.executable}" -c "{hide}" "$2"')


def is_old(path: Path) -> Path:
    pretend = "import sys; sys.version_info = (3, 10, 1); exec(sys.argv[1])"
    return script(path, f'exec "{sys.executable}" -c "{pretend}" "$2"')


class FindPython:
    """`.ci/find-python` on a machine that has only these commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, **env: str) -> subprocess.CompletedProcess[str]:
        return run("/bin/sh", ROOT / ".ci/find-python", path=str(self.folder), env=env)


@pytest.fixture
def find_python(tmp_path: Path) -> FindPython:
    return FindPython(tmp_path)


def test_a_command_that_does_not_run_is_passed_over(find_python: FindPython, tmp_path: Path) -> None:
    is_broken(tmp_path / "python3.13")
    works(tmp_path / "python3.12")
    found = find_python()
    assert (found.returncode, found.stderr) == (0, "")
    assert Path(found.stdout.strip()).samefile(sys._base_executable)  # type: ignore[attr-defined]  # not in typeshed


def test_one_that_cannot_make_environments_is_passed_over(find_python: FindPython, tmp_path: Path) -> None:
    lacks_venv(tmp_path / "python3.13")
    works(tmp_path / "python3")
    assert find_python().returncode == 0


def test_python_in_the_environment_names_the_only_candidate(find_python: FindPython, tmp_path: Path) -> None:
    is_broken(tmp_path / "python3")
    mine = works(tmp_path / "mine")
    assert find_python().returncode == 1
    assert find_python(PYTHON=str(mine)).returncode == 0


@dataclass(frozen=True, slots=True)
class Broken:
    """A machine on which there is no Python to use, and what must be said there."""

    message: str
    commands: Mapping[str, Callable[[Path], Path]] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)


BROKEN = {
    "nothing": Broken("Install one, on Debian and Ubuntu: sudo apt-get install python3 python3-venv"),
    "too old": Broken("Found no Python 3.11 or newer", {"python3": is_old}),
    "no venv": Broken("-venv", {"python3": lacks_venv}),
    "wrong PYTHON": Broken("PYTHON=/no/such is not a Python 3.11 or newer", {"python3": works}, {"PYTHON": "/no/such"}),
}


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN)
def test_what_is_missing_is_said_with_what_to_do(find_python: FindPython, tmp_path: Path, case: Broken) -> None:
    for name, make in case.commands.items():
        make(tmp_path / name)
    found = find_python(**case.env)
    assert (found.returncode, found.stdout) == (1, "")
    assert case.message in found.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `make setup` reads, and the stamps of a set-up that is done."""
    for name in ("Makefile", "pyproject.toml", "requirements-dev.lock"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").mkdir()
    for age_s, name in (
        (20, "requirements-dev.lock"),
        (20, "pyproject.toml"),
        (10, ".venv/.packages"),
        (5, ".venv/.ready"),
    ):
        touch(tmp_path / name, age_s)
    return tmp_path


def touch(path: Path, age_s: float) -> None:
    path.touch()
    then = path.stat().st_mtime - age_s
    os.utime(path, (then, then))


def planned(checkout: Path) -> str:
    """What `make setup` would do."""
    result = run("make", "-n", "setup", path=os.environ["PATH"], cwd=checkout)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_what_is_set_up_is_left_alone(checkout: Path) -> None:
    assert "pip" not in planned(checkout)


def test_a_changed_lock_makes_the_environment_anew(checkout: Path) -> None:
    touch(checkout / "requirements-dev.lock", age_s=0)
    plan = planned(checkout)
    assert "-m venv --clear .venv" in plan
    assert "--no-deps --editable ." in plan


def test_a_changed_project_file_only_installs_the_project_again(checkout: Path) -> None:
    touch(checkout / "pyproject.toml", age_s=0)
    plan = planned(checkout)
    assert "venv --clear" not in plan
    assert "--no-deps --editable ." in plan


def test_make_alone_lists_every_target() -> None:
    listed = run("make", path=os.environ["PATH"]).stdout
    makefile = (ROOT / "Makefile").read_text()
    targets = next(line for line in makefile.splitlines() if line.startswith(".PHONY:")).split()[1:]
    assert [target for target in targets if f"make {target} " not in listed] == []


@pytest.mark.parametrize("code", [0, 2])
def test_ci_prints_the_summaries_last_and_keeps_the_exit_code(tmp_path: Path, code: int) -> None:
    summaries = ["===== 12 passed, 1 skipped in 3.20s =====", "===== 1 failed, 2 passed in 61.00s (0:01:01) ====="]
    printed = "\n".join(f"echo '{line}'; echo other" for line in summaries)
    script(tmp_path / "make", f"{printed}\nexit {code}")
    result = run("bash", ROOT / ".ci/run", path=f"{tmp_path}:{os.environ['PATH']}", cwd=tmp_path)
    assert result.stdout.splitlines()[-2:] == summaries
    assert result.returncode == code
