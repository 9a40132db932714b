"""The program at the top of the page about programs runs as it is printed."""

import shutil
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, steps
from tests.docs.terminals import Terminals


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="a reader of this page has curl and jq")
async def test_the_program_of_the_page_answers_as_the_page_says(tmp_path: Path) -> None:
    async with Terminals(tmp_path) as terminals:
        await terminals.follow(steps(DOCS / "sdk.md"))
