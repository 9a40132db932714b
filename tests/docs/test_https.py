"""The page about https does what it says, command by command."""

import shutil
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, steps
from tests.docs.terminals import Terminals

PAGE = DOCS / "https.md"


@pytest.mark.skipif(
    not all(map(shutil.which, ("curl", "jq", "openssl"))), reason="a reader of this page has curl, jq and openssl"
)
async def test_every_command_of_the_page_says_what_the_page_says(tmp_path: Path) -> None:
    async with Terminals(tmp_path) as terminals:
        await terminals.follow(steps(PAGE))
