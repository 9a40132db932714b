"""What is declared of a log: where its entries are and how they are read."""

from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from gateway.local.logs.line_format import LineRules

LOG_NAME_LIMIT = 256
"""Characters of a log's name."""


@dataclass(frozen=True, slots=True)
class FileLogBinding:
    """A file to which somebody writes lines."""

    path: Path
    rules: LineRules


@dataclass(frozen=True, slots=True)
class UnitJournal:
    """What the journal has of a systemd unit."""

    unit: str


@dataclass(frozen=True, slots=True)
class IdentifierJournal:
    """What the journal has under an identifier (`SYSLOG_IDENTIFIER`)."""

    identifier: str


JournalPart = UnitJournal | IdentifierJournal


@dataclass(frozen=True, slots=True)
class JournalLogBinding:
    """A part of the journal of this machine."""

    name: str
    part: JournalPart


LogBinding = FileLogBinding | JournalLogBinding


def log_name(binding: LogBinding) -> str:
    """What a log is called in messages; of one entity each has its own."""
    match binding:
        case FileLogBinding():
            return binding.rules.name
        case JournalLogBinding():
            return binding.name
        case _:
            assert_never(binding)
