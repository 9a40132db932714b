"""What the README shows is what one sees."""

import re
import shutil
import signal
import sys
from os import kill
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Step, steps
from tests.docs.terminals import Terminals, as_pattern
from tests.federation.eventually import eventually

PAGE = ROOT / "README.md"

LINES_OF_TWO_SCREENS = 110

START_S = 60.0


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="a reader of this page has curl and jq")
async def test_the_demo_shows_what_the_readme_says(tmp_path: Path) -> None:
    """Its ports are moved; then one of its gateways is ended as it suggests, and the others go on."""
    async with Terminals(tmp_path) as terminals:
        ports = tuple(terminals.ports)
        demo = f"import sys; from gateway.demo.run import run_demo; sys.exit(run_demo({ports}))"
        await terminals.start("demo", [sys.executable, "-c", demo])
        for step in steps(PAGE):
            match step:
                case Step("demo", _, body):
                    await eventually(lambda: "Ctrl-C stops all three." in terminals.log("demo"), START_S)
                    shown = as_pattern(f"{terminals.ported(body)}\n...")
                    assert shown.fullmatch(terminals.log("demo")), terminals.log("demo")
                case Step("kill", name):
                    pid = re.search(rf"# ends {name} .*\n *kill (\d+)\n", terminals.log("demo"))
                    assert pid, terminals.log("demo")
                    kill(int(pid[1]), signal.SIGTERM)
                case _:
                    await terminals.follow([step])
        assert await terminals.stop("demo") == 0
        assert terminals.log("demo").endswith("stopped\n")


def test_the_readme_fits_two_screens() -> None:
    assert len(PAGE.read_text().splitlines()) <= LINES_OF_TWO_SCREENS
