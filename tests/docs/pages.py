"""The pages as data: headings, links, tables, words in code type, and the steps that can be run."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

API = DOCS / "api.md"
CONFIGURATION = DOCS / "configuration.md"

_FENCE = re.compile(r"```(\w*)")
_HEADING = re.compile(r"(#{1,6}) (.+)")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_MARKER = re.compile(r"<!-- (\w+)(?:: (\S+))? -->")
_SPAN = re.compile(r"`([^`]+)`")
_WORD = re.compile(r"[A-Za-z_][\w-]*")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page: the heading it stands under, and whether it stands in a block of code."""

    text: str
    heading: str
    in_code: bool


@dataclass(frozen=True, slots=True)
class Step:
    """Something a marker (`<!-- run -->`, `<!-- terminal: a -->`) says to do; `body` is the block behind it."""

    action: str
    name: str
    body: str = ""


def all_pages() -> list[Path]:
    """Every page for people."""
    return [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]


@cache
def lines_of(page: Path) -> Sequence[Line]:
    """The lines of a page without its fences."""
    found, heading, in_code = [], "", False
    for text in page.read_text().splitlines():
        if _FENCE.match(text):
            in_code = not in_code
        elif not in_code and (match := _HEADING.fullmatch(text)):
            heading = match[2]
            found.append(Line(text, heading, in_code=False))
        else:
            found.append(Line(text, heading, in_code))
    return found


def headings(page: Path) -> list[str]:
    """All headings of a page."""
    return [match[2] for line in lines_of(page) if not line.in_code and (match := _HEADING.fullmatch(line.text))]


def anchor(heading: str) -> str:
    """What a link to the heading ends with, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def links(page: Path) -> list[str]:
    """The targets of all links of a page."""
    return [target for line in lines_of(page) if not line.in_code for target in _LINK.findall(line.text)]


def rows(page: Path, *under: str) -> Iterator[list[str]]:
    """The rows of all tables under these headings (or all), without their heads, as lists of cells."""
    head = True
    for line in lines_of(page):
        if line.in_code or not line.text.startswith("|"):
            head = True
            continue
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.text)[1:-1]]
        if set(line.text) <= set("|- "):
            head = False
        elif not head and (not under or line.heading in under):
            yield cells


def spans(text: str) -> list[str]:
    """What stands in code type in a text."""
    return _SPAN.findall(text)


def code_words(page: Path) -> frozenset[str]:
    """Every word of a page that stands in code type or in a block of code."""
    text = "\n".join(line.text for line in lines_of(page) if not line.in_code)
    code = [*spans(text), *(line.text for line in lines_of(page) if line.in_code)]
    return frozenset(word for part in code for word in _WORD.findall(part))


def steps(page: Path) -> list[Step]:
    """The steps of a page in order. A marker takes the block that follows it; one without a block stands alone."""
    found: list[Step] = []
    waiting: Step | None = None
    block: list[str] | None = None
    for text in page.read_text().splitlines():
        if block is not None:
            if _FENCE.match(text):
                found.append(Step(waiting.action, waiting.name, "\n".join(block)) if waiting else Step("", ""))
                waiting, block = None, None
            else:
                block.append(text)
        elif match := _MARKER.fullmatch(text):
            if waiting is not None:
                found.append(waiting)
            waiting = Step(match[1], match[2] or "")
        elif _FENCE.match(text):
            block = []
    return [step for step in found if step.action]
