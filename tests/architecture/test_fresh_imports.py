"""Every module of ours can be imported, and warns about nothing.

There is no circle among them (test_imports.py), so which one comes first makes no difference.
"""

import subprocess
import sys

import pytest

from tests.architecture.source import ROOT, modules

IMPORT_ALL = """
import importlib, sys

for name in sys.argv[1].split(","):
    importlib.import_module(name)
"""

LOADED_BY_COMMAND = """
import sys
from gateway.cli import main

sys.stdout = None
try:
    main(sys.argv[1].split())
except SystemExit:
    sys.stdout = sys.__stdout__
    print(*{each.partition(".")[0] for each in sys.modules})
"""


def test_every_module_imports_without_a_warning() -> None:
    ours = [name for name in modules() if not name.endswith("__main__")]
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_ALL, ",".join(ours)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)


@pytest.mark.parametrize("command", ["version", "health --help", "peers --help"])
def test_a_question_does_not_load_what_runs_a_gateway(command: str) -> None:
    """The image asks for its health every few seconds."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED_BY_COMMAND, command], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {*done.stdout.split()}
    assert "typer" in loaded
    assert loaded & {"yaml", "structlog", "peers", "uvloop"} == set()


def test_a_gateway_that_guards_nothing_does_not_load_what_guards() -> None:
    told = "import sys, gateway.lifecycle; print(*(name.partition('.')[0] for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {*done.stdout.split()}
    assert "peers" in loaded
    assert loaded & {"cryptography", "jwt", "watchfiles"} == set()
