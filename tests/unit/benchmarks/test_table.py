"""The table says what was measured, against whom, and whether it is enough."""

import pytest

from benchmarks.table import Figure, Goal, Rival, Row, render_table


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (Figure(27_431.0, "/s"), "27.4 k/s"),
        (Figure(1_234.0, "/s"), "1.23 k/s"),
        (Figure(812.0, "/s"), "812 /s"),
        (Figure(0.0819, "ms"), "0.08 ms"),
        (Figure(3661.4, "kB"), "3661 kB"),
        (Figure(1, ""), "1"),
    ],
)
def test_a_figure_has_three_digits_and_its_unit(figure: Figure, text: str) -> None:
    assert str(figure) == text


def test_the_ratio_is_our_figure_over_the_rivals() -> None:
    row = Row("list", Figure(600, "/s"), Rival("nginx", Figure(1000, "/s")), Goal("ratio", ">=", 0.6))
    assert row.cells() == ("list", "600 /s", "nginx 1 k/s", "0.60", ">= 0.6 x", "yes")


def test_a_goal_of_our_own_figure_needs_no_rival() -> None:
    late = Row("death", Figure(250, "ms"), goal=Goal("figure", "<=", 200))
    assert late.cells() == ("death", "250 ms", "-", "-", "<= 200 ms", "no")


def test_a_rival_that_is_not_installed_leaves_a_dash_and_judges_nothing() -> None:
    row = Row("list", Figure(600, "/s"), Rival("nginx", None), Goal("ratio", ">=", 0.6))
    assert row.cells() == ("list", "600 /s", "nginx -", "-", ">= 0.6 x", "-")


def test_the_columns_of_all_lines_are_aligned() -> None:
    rows = [Row("a", Figure(1, "ms")), Row("something longer", Figure(123_456, "/s"))]
    head, rule, *body = render_table(rows).splitlines()
    assert len({len(line) for line in (head, rule, *body)}) == 1
    assert [cell.strip() for cell in body[1].split("|")[1:-1]] == ["something longer", "123 k/s", "-", "-", "-", "-"]
    assert set(rule) == set("|-")
