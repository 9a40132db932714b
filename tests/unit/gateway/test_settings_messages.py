"""Every mistake has its file in tests/config/bad; what Grove says of each stands in tests/config/messages.txt."""

from pathlib import Path

import pytest

from gateway.config.reader import SettingsRefused, read_settings

CONFIG = Path(__file__).parents[2] / "config"
FILES = sorted((CONFIG / "bad").glob("*.yaml"))
MESSAGES = (CONFIG / "messages.txt").read_text().splitlines()

SECRETS = ("opensesame",)
"""What stands in the files as a secret; no message may quote it."""


def file_of(message: str) -> str:
    return message.partition(":")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_all_mistakes_of_a_file_are_told_at_once_each_at_its_line(path: Path) -> None:
    refused = read_settings([path])
    assert isinstance(refused, SettingsRefused)
    told = [str(problem).replace(str(path), path.name) for problem in refused.problems]
    assert told == [message for message in MESSAGES if file_of(message) == path.name]


def test_every_message_belongs_to_a_file() -> None:
    assert {file_of(message) for message in MESSAGES} == {path.name for path in FILES}


def test_every_message_tells_what_was_found_and_what_is_allowed() -> None:
    assert [message for message in MESSAGES if ": found " not in message or "; allowed: " not in message] == []


def test_no_message_quotes_a_secret() -> None:
    files_with_secrets = [path for path in FILES if any(secret in path.read_text() for secret in SECRETS)]
    assert len(files_with_secrets) >= 3
    assert [message for message in MESSAGES if any(secret in message for secret in SECRETS)] == []
