"""How commands print: tables on a terminal and in a pipe, trees, JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.config.problems import printable

PIPE_WIDTH: Final = 500
"""Columns of a table that is not on a terminal; wide enough never to cut a cell."""


def console() -> Console:
    """Standard output, in colour only on a terminal."""
    plain = Console(highlight=False)
    return plain if plain.is_terminal else Console(highlight=False, width=PIPE_WIDTH)


def cell(value: Any) -> Text:
    """`value` as text that cannot draw on the terminal: it came from a gateway."""
    match value:
        case None:
            return Text("-")
        case bool():
            return Text("yes" if value else "no")
        case list() | tuple():
            return Text(", ".join(cell(item).plain for item in value) or "-")
        case _:
            return Text(printable(str(value)))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """One table on standard output; the last column may fold."""
    console().print(make_table(columns, rows))


def make_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """The table that `print_table` prints, for what is drawn again and again."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=index < len(columns) - 1)
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    return table


def print_pairs(pairs: Mapping[str, Any]) -> None:
    """Labels and values, one below the other."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in pairs.items():
        table.add_row(Text(label), cell(value))
    console().print(table)


def print_json(value: Any) -> None:
    """`value` as JSON for other programs."""
    print(json.dumps(value, indent=2))  # noqa: T201 -- rich would fold long lines


def print_line(text: str) -> None:
    """One line as it is."""
    console().print(cell(text), soft_wrap=True)
