"""The tutorial does what it says, command by command."""

import shutil
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, Step, lines_of, steps
from tests.docs.terminals import Terminals, as_pattern

PAGE = DOCS / "getting-started.md"

needs_tools = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("jq")), reason="a reader of these pages has curl and jq"
)


def chapters() -> dict[str, list[Step]]:
    """The steps of the page by the folder they are done in; each begins with nothing running."""
    found: dict[str, list[Step]] = {}
    for step in steps(PAGE):
        if step.action == "folder":
            found[step.name] = []
        found[next(reversed(found))].append(step)
    return found


@needs_tools
@pytest.mark.parametrize("chapter", chapters())
async def test_every_command_of_the_tutorial_says_what_the_page_says(chapter: str, tmp_path: Path) -> None:
    async with Terminals(tmp_path) as terminals:
        await terminals.follow(chapters()[chapter])


def test_every_question_of_the_tutorial_has_its_answer_on_the_page() -> None:
    actions = [step.action for step in steps(PAGE)]
    asked = [actions[index + 1] for index, action in enumerate(actions) if action == "run"]
    assert len(asked) > 10
    assert set(asked) == {"output"}


def test_no_gateway_of_the_tutorial_is_started_unseen() -> None:
    """A block with `grove run` that is not marked would be a command nobody tries."""
    marked = [line for step in steps(PAGE) for line in step.body.splitlines() if line.startswith("grove run")]
    shown = [line.text for line in lines_of(PAGE) if line.in_code and line.text.startswith("grove run")]
    assert marked == shown


def test_an_output_is_compared_to_the_letter_but_for_its_dots() -> None:
    pattern = as_pattern("a [b]...d\n...\ne")
    assert pattern.fullmatch("a [b]cd\nx\ny\ne  \n")
    assert pattern.fullmatch("a [b]d\ne\n")
    assert not pattern.fullmatch("a b d\ne\n")
    assert not pattern.fullmatch("a [b]cd\ne\nf\n")
