"""The page about finding peers has every reason why one is no peer, the figures of the program, and lists that work."""

import ast
from pathlib import Path

import discovery.admission
import peers.candidates
import peers.roster
from discovery.file import FileSettings, FileSource
from peers.peer import DUPLICATE
from tests.docs.pages import DOCS, lines_of, rows, spans
from tests.unit.discovery.readings import running

PAGE = DOCS / "discovery.md"


def reasons(module: str | None, *callers: str) -> set[str]:
    """The first argument of every call of these in the module, where it is written out."""
    assert module is not None
    calls = [node for node in ast.walk(ast.parse(Path(module).read_text())) if isinstance(node, ast.Call)]
    named = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in callers and call.args]
    return {str(first.value) for call in named if isinstance(first := call.args[0], ast.Constant)}


def told() -> tuple[set[str], set[str]]:
    """The words of the two tables."""
    words = [spans(row[0])[0] for row in rows(PAGE, "Why one is no peer")]
    refused, candidates = words[: (first := words.index("not_grove"))], words[first:]
    return {*refused} - {"reason"}, {*candidates} - {"reason"}


def test_every_reason_to_refuse_an_endpoint_is_on_the_page_and_no_other() -> None:
    refused, candidates = told()
    assert refused == reasons(discovery.admission.__file__, "_Refused")
    verdicts = reasons(peers.roster.__file__, "Verdict") | reasons(peers.candidates.__file__, "Verdict") | {DUPLICATE}
    assert verdicts - refused == candidates


async def test_the_list_on_the_page_is_one_that_is_read(tmp_path: Path) -> None:
    listed = tmp_path / "peers.yaml"
    listed.write_text("\n".join(line.text for line in lines_of(PAGE) if line.heading == "Files" and line.in_code))
    async with running(FileSource(listed, FileSettings())) as readings:
        await readings.show("left_arm", "right_arm")
