"""The page about https does what it says, command by command."""

import asyncio
import base64
import hashlib
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


@pytest.mark.skipif(shutil.which("openssl") is None, reason="a reader of this page has openssl")
async def test_the_command_that_says_a_pin_fails_without_the_certificate(tmp_path: Path) -> None:
    (command,) = [step.body for step in steps(PAGE) if "openssl dgst" in step.body]
    process = await asyncio.create_subprocess_shell(
        command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode != 0
    assert said == b"", f"the pin of nothing is {base64.b64encode(hashlib.sha256().digest()).decode()}"


def test_nothing_is_removed_that_the_page_needs_further_down() -> None:
    typed = [step.body for step in steps(PAGE) if step.action == "run"]
    (removed,) = [position for position, body in enumerate(typed) if "rm -f" in body]
    assert removed == len(typed) - 1
