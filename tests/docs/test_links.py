"""Every page leads somewhere and can be found; what the code cites exists."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, all_pages, anchor, headings, links
from tests.docs.source import citations, sources


def broken(page: Path) -> list[str]:
    """The links of a page that lead to no file, or to no heading of it."""
    found = []
    for link in links(page):
        if "://" in link:
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (fragment and fragment not in map(anchor, headings(target))):
            found.append(link)
    return found


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_all_links_of_a_page_lead_to_what_is_there(page: Path) -> None:
    assert broken(page) == []


def test_a_link_to_a_heading_that_is_gone_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n[a](#one) [b](#two) [c](other.md) [d](https://example.org)\n")
    assert broken(page) == ["#two", "other.md"]


def test_the_index_leads_to_every_document() -> None:
    listed = {(DOCS / link.partition("#")[0]).resolve() for link in links(DOCS / "README.md")}
    assert [str(page) for page in DOCS.rglob("*.md") if page.name != "README.md" and page not in listed] == []


def test_every_section_the_code_cites_is_there() -> None:
    found = list(citations())
    assert len(found) > 20
    missing = [
        cited
        for cited in found
        if not (ROOT / cited.page).exists() or (cited.section and cited.section not in headings(ROOT / cited.page))
    ]
    assert missing == []


def test_the_code_cites_no_page_that_is_not_in_the_repository() -> None:
    named = {(str(path), page) for path in sources() for page in re.findall(r"[\w./-]+\.md\b", path.read_text())}
    assert [cited for cited in sorted(named) if not (ROOT / cited[1]).exists()] == []
