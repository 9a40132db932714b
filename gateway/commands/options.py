"""The options of the commands that ask a running gateway."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_URL = "http://127.0.0.1:8080"


class Output(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    JSON = "json"


Url = Annotated[str, typer.Argument(metavar="[URL]", help="Where the gateway answers.")]
OutputOption = Annotated[Output, typer.Option("-o", "--output", help="As a table or as JSON.")]
TokenFile = Annotated[
    Path | None, typer.Option("--token-file", metavar="FILE", help="A token to show; see grove token new.")
]
