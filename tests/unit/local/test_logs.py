"""The logs of own entities: files, the journal and programs, listed as clients ask and as it is configured."""

import asyncio
import json
import os
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog

from entities.model import App, GatewayTree
from gateway.local.answers import EntityRef, ItemAnswer, ResourceError
from gateway.local.log_store import LogQuery, parse_log_query
from gateway.local.logs.bindings import IdentifierJournal, JournalLogBinding, UnitJournal
from gateway.local.logs.entry import (
    LogContext,
    LogFailure,
    LogOrigin,
    LogReading,
    LogSeverity,
    render_entry,
    render_time,
)
from gateway.local.logs.journal_log import JournalLog
from gateway.local.logs.kept import KEPT_ENTRIES, KeptEntries, log_numbers
from gateway.local.logs.program_log import ProgramLog
from gateway.local.own import OwnEntities
from gateway.local.source import Changed, EntityResources, Offer
from tests.unit.local.conftest import START_NS, HandClock, MakeOwn, app

ARM = app("arm")
ALL = LogQuery()


class LogsOnly:
    """A source with one App, `arm`, and its logs."""

    def __init__(self, *origins: LogOrigin) -> None:
        self.offer = Offer(GatewayTree(apps=(App(id="arm"),)), {ARM: EntityResources(logs=origins)})

    async def start(self) -> None: ...

    async def run(self, changed: Changed) -> None: ...

    async def close(self) -> None: ...


def own_with(clock: HandClock, *origins: LogOrigin) -> OwnEntities:
    return OwnEntities([LogsOnly(*origins)], clock=clock)


async def entries(own: OwnEntities, query: LogQuery = ALL, ref: EntityRef = ARM) -> list[dict[str, Any]]:
    reading = await own.read_log(ref, query)
    assert reading.failures == ()
    return [render_entry(entry) for entry in reading.entries]


def messages(items: Sequence[dict[str, Any]]) -> list[str]:
    return [item["message"] for item in items]


@pytest.fixture
def program(clock: HandClock) -> ProgramLog:
    return ProgramLog("arm", clock, log_numbers(clock))


async def test_an_entity_without_logs_has_no_entries(make_own: MakeOwn) -> None:
    assert await make_own("apps: [{id: arm}]").read_log(ARM, ALL) == LogReading(START_NS)


async def test_what_a_program_appends_is_an_entry(clock: HandClock, program: ProgramLog) -> None:
    own = own_with(clock, program)
    program.append(LogSeverity.WARNING, "hot\x1b", LogContext("motor", "spin", "motor.py", 12))
    clock.advance(0.5)
    program.append(LogSeverity.INFO, "cold")
    first = START_NS // 1_000_000
    assert await entries(own) == [
        {
            "id": f"log_{first}",
            "timestamp": "2026-08-12T12:41:40.000000000Z",
            "severity": "warning",
            "message": r"hot\x1b",
            "context": {"node": "motor", "function": "spin", "file": "motor.py", "line": 12},
        },
        {
            "id": f"log_{first + 1}",
            "timestamp": "2026-08-12T12:41:40.500000000Z",
            "severity": "info",
            "message": "cold",
            "context": {"node": "arm"},
        },
    ]


async def test_a_query_asks_from_a_severity_on_and_for_a_context(clock: HandClock, program: ProgramLog) -> None:
    own = own_with(clock, program)
    for severity in LogSeverity:
        program.append(severity, severity.word, LogContext(f"/plant/{severity.word}"))
    assert messages(await entries(own, LogQuery(LogSeverity.ERROR))) == ["error", "fatal"]
    assert messages(await entries(own, LogQuery(context="plant/w"))) == ["warning"]
    assert messages(await entries(own, LogQuery(LogSeverity.ERROR, "warning"))) == []


async def test_the_configuration_says_which_and_how_many_are_shown(clock: HandClock, program: ProgramLog) -> None:
    own = own_with(clock, program)
    for number in range(200):
        program.append(LogSeverity.DEBUG if number % 2 else LogSeverity.ERROR, str(number))
    assert messages(await entries(own)) == [str(number) for number in range(100, 200)]
    own.write_log_configuration(ARM, {"severity_filter": "error", "max_entries": 3})
    assert messages(await entries(own)) == ["194", "196", "198"]
    assert messages(await entries(own, LogQuery(LogSeverity.FATAL))) == []


async def test_several_logs_of_an_entity_are_one_by_time(clock: HandClock) -> None:
    numbers = log_numbers(clock)
    left, right = ProgramLog("left", clock, numbers), ProgramLog("right", clock, numbers)
    own = own_with(clock, left, right)
    for number, log in enumerate((left, right, right, left)):
        clock.advance(1)
        log.append(LogSeverity.INFO, str(number))
    listed = await entries(own)
    assert messages(listed) == ["0", "1", "2", "3"]
    assert len({item["id"] for item in listed}) == 4


async def test_one_log_that_cannot_be_read_hides_no_other(make_own: MakeOwn, tmp_path: Path, clock: HandClock) -> None:
    (tmp_path / "a.log").write_text("fine\n")
    own = make_own("apps: [{id: arm, logs: [{file: a.log}, {file: b.log, name: second}]}]")
    reading = await own.read_log(ARM, ALL)
    assert [entry.text.message for entry in reading.entries] == ["fine"]
    assert reading.failures == (LogFailure("second", "its file cannot be read: No such file or directory"),)


async def test_entries_keep_their_ids_while_new_ones_come(make_own: MakeOwn, tmp_path: Path, clock: HandClock) -> None:
    path = tmp_path / "arm.log"
    path.write_text("one\ntwo\n")
    own = make_own("apps: [{id: arm, logs: [{file: arm.log}]}]")
    before = await entries(own)
    assert messages(before) == ["one", "two"]
    path.rename(tmp_path / "arm.log.1")
    path.write_text("three\n")
    clock.advance(5)
    after = await entries(own)
    assert after[:2] == before
    assert messages(after) == ["one", "two", "three"]
    assert int(after[2]["id"].removeprefix("log_")) > int(after[1]["id"].removeprefix("log_"))


async def test_fifty_readers_cost_one_reading(make_own: MakeOwn, tmp_path: Path, clock: HandClock) -> None:
    path = tmp_path / "arm.log"
    path.write_text("one\n")
    own = make_own("apps: [{id: arm, logs: [{file: arm.log}]}]")
    await asyncio.gather(*(entries(own) for _ in range(50)))
    with path.open("a") as file:
        file.write("two\n")
    assert messages(await entries(own)) == ["one"]
    clock.advance(1)
    assert messages(await entries(own)) == ["one", "two"]


async def test_the_lines_of_a_trace_are_one_entry_also_when_they_come_later(
    make_own: MakeOwn, tmp_path: Path, clock: HandClock
) -> None:
    path = tmp_path / "arm.log"
    path.write_text("ERROR bang\n  at a\n")
    own = make_own(
        r"""
        apps:
          - id: arm
            logs:
              - file: arm.log
                pattern: '^(?P<severity>[A-Z]+) (?P<message>.*)$'
        """
    )
    (first,) = await entries(own)
    with path.open("a") as file:
        file.write("  at b\nINFO fine\n")
    clock.advance(1)
    whole, fine = await entries(own)
    assert (whole["id"], whole["message"], whole["severity"]) == (first["id"], "bang\n  at a\n  at b", "error")
    assert fine["message"] == "fine"


async def test_a_huge_line_is_marked(make_own: MakeOwn, tmp_path: Path) -> None:
    (tmp_path / "arm.log").write_bytes(b"x" * 10_000 + b"\n")
    (item,) = await entries(make_own("apps: [{id: arm, logs: [{file: arm.log}]}]"))
    assert item["x-medkit"] == {"cut_bytes": 10_000 - len(item["message"])}


async def test_a_log_that_fails_is_logged_when_it_begins_and_when_it_ends(
    make_own: MakeOwn, tmp_path: Path, clock: HandClock
) -> None:
    own = make_own("apps: [{id: arm, logs: [{file: arm.log}]}]")
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            assert len((await own.read_log(ARM, ALL)).failures) == 1
            clock.advance(1)
        (tmp_path / "arm.log").write_text("x\n")
        for _ in range(2):
            await entries(own)
            clock.advance(1)
    assert [line["event"] for line in logs] == ["log file unreadable", "log file readable again"]


async def test_a_pipe_is_refused_at_once(make_own: MakeOwn, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "arm.log")
    reading = await make_own("apps: [{id: arm, logs: [{file: arm.log}]}]").read_log(ARM, ALL)
    assert reading.failures == (LogFailure("arm.log", "it is not a regular file"),)


@pytest.mark.parametrize(("severity", "context"), [("loud", None), ("", None), ("DEBUG", None), (None, "x" * 257)])
def test_a_bad_log_query_is_refused(severity: str | None, context: str | None) -> None:
    answer = parse_log_query(severity, context)
    assert isinstance(answer, ResourceError)
    assert (answer.status, answer.code) == (400, "invalid-parameter")


def test_log_settings_are_kept_for_each_entity(make_own: MakeOwn) -> None:
    own = make_own("apps: [{id: arm}, {id: leg}]")
    default = ItemAnswer(200, {"severity_filter": "debug", "max_entries": 100})
    assert own.log_configuration(ARM) == default
    assert own.write_log_configuration(ARM, {"max_entries": 5}) == ItemAnswer(204, None)
    assert own.write_log_configuration(ARM, {"severity_filter": "error"}) == ItemAnswer(204, None)
    assert own.log_configuration(ARM) == ItemAnswer(200, {"severity_filter": "error", "max_entries": 5})
    assert own.log_configuration(app("leg")) == default


@pytest.mark.parametrize(
    "body",
    [
        {"max_entries": 0},
        {"max_entries": 10_001},
        {"max_entries": "5"},
        {"max_entries": True},
        {"severity_filter": "loud"},
        {"severity_filter": ["error"]},
        {"severity_filter": "error", "max_entries": -1},
        [],
        None,
    ],
)
def test_bad_log_settings_are_refused_and_change_nothing(make_own: MakeOwn, body: Any) -> None:
    own = make_own("apps: [{id: arm}]")
    answer = own.write_log_configuration(ARM, body)
    assert isinstance(answer, ResourceError)
    assert answer.status == 400
    assert own.log_configuration(ARM).body == {"severity_filter": "debug", "max_entries": 100}


@pytest.mark.parametrize("value", [[1.5] * 100_000, "x" * 100_000, {str(n): n for n in range(100_000)}])
def test_a_refusal_does_not_repeat_what_is_long(make_own: MakeOwn, value: Any) -> None:
    for key in ("severity_filter", "max_entries"):
        answer = make_own("apps: [{id: arm}]").write_log_configuration(ARM, {key: value})
        assert isinstance(answer, ResourceError)
        assert len(str(answer)) < 500


@pytest.mark.parametrize(("seconds", "year"), [(300_000_000_000, "9999"), (-300_000_000_000, "0001")])
def test_a_time_that_no_date_can_be_is_the_nearest_that_can(seconds: int, year: str) -> None:
    """Of a file on a disk whose times have more room than dates."""
    assert render_time(seconds * 1_000_000_000).startswith(f"{year}-")


def test_what_is_kept_is_bounded_and_without_a_hole(clock: HandClock, program: ProgramLog) -> None:
    kept = KeptEntries(log_numbers(clock))
    for _ in range(KEPT_ENTRIES + 5):
        program.append(LogSeverity.INFO, "x")
    listed = asyncio.run(program.read())
    assert len(listed) == KEPT_ENTRIES
    assert listed[0].number == START_NS // 1_000_000 + 5
    kept.add([listed[0].text])
    kept.add([listed[1].text], follows=False)
    assert len(kept.all()) == 1


def test_a_program_may_append_from_many_threads(program: ProgramLog) -> None:
    def append() -> None:
        for _ in range(500):
            program.append(LogSeverity.INFO, "x")

    threads = [threading.Thread(target=append) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [entry.number for entry in asyncio.run(program.read())]
    assert len(numbers) == 2000
    assert sorted(set(numbers)) == numbers


def line(number: int, **fields: Any) -> str:
    told = {"__CURSOR": f"s=abc;i={number}", "__REALTIME_TIMESTAMP": str((START_NS + number) // 1000)}
    return json.dumps({**told, "MESSAGE": f"m{number}", "PRIORITY": "6", "SYSLOG_IDENTIFIER": "nginx", **fields})


MakeJournal = Callable[[str], str]


@pytest.fixture
def journalctl(tmp_path: Path) -> MakeJournal:
    """A program that prints the lines of `journal` newest first, and then runs the rest of a shell script."""

    def make(script: str) -> str:
        path = tmp_path / "journalctl"
        newest = f'tac {tmp_path}/journal 2>/dev/null | head -n "${{lines#--lines=}}"'
        find_lines = 'for word in "$@"; do case "$word" in --lines=*) lines="$word";; esac; done'
        prints = f'echo "$@" > {tmp_path}/asked\n{find_lines}\n{newest}'
        path.write_text(f"#!/bin/sh\n{prints}\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return make


def journal_of(clock: HandClock, journalctl: str) -> OwnEntities:
    binding = JournalLogBinding("web", UnitJournal("nginx.service"))
    return own_with(clock, JournalLog(binding, clock, log_numbers(clock), journalctl=journalctl))


async def test_the_journal_of_a_unit_is_its_log(clock: HandClock, journalctl: MakeJournal, tmp_path: Path) -> None:
    odd = {
        "MESSAGE": [104, 105, 255],
        "PRIORITY": "3",
        "CODE_FILE": "main.c",
        "CODE_LINE": "7",
        "CODE_FUNC": "main",
    }
    journal = tmp_path / "journal"
    journal.write_text(f"{line(1)}\nnot json\n{line(2, **odd)}\n")
    own = journal_of(clock, journalctl(""))
    before = await entries(own)
    assert messages(before) == ["m1", r"hi\xff"]
    assert before[1]["severity"] == "error"
    assert before[1]["context"] == {"node": "nginx", "function": "main", "file": "main.c", "line": 7}
    assert "--unit=nginx.service" in (tmp_path / "asked").read_text()
    with journal.open("a") as file:
        file.write(f"{line(3, MESSAGE=None)}\n{line(4, MESSAGE=['a', 'b'])}\n")
    clock.advance(1)
    after = await entries(own)
    assert after[:2] == before
    assert "does not show" in after[2]["message"]
    assert after[3]["message"] == "a\nb"


async def test_of_a_long_journal_what_is_new_follows_what_is_known(
    clock: HandClock, journalctl: MakeJournal, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"

    def write(first: int, end: int) -> None:
        with journal.open("a") as file:
            file.writelines(f"{line(number)}\n" for number in range(first, end))

    write(0, 2000)
    own = journal_of(clock, journalctl(""))
    own.write_log_configuration(ARM, {"max_entries": 10_000})
    before = await entries(own)
    assert messages(before) == [f"m{number}" for number in range(1000, 2000)]
    for end in (2001, 2500):  # one new entry, and more than are asked for at first
        write(1000 + len(before), end)
        clock.advance(1)
        after = await entries(own)
        assert after[: len(before)] == before
        assert messages(after) == [f"m{number}" for number in range(1000, end)]
        before = after
    write(2500, 4000)  # so many that something is missing in between
    clock.advance(1)
    assert messages(await entries(own)) == [f"m{number}" for number in range(3000, 4000)]


TO_PEOPLE = """case "$*" in *--output=json*) ;; *) echo '{}' >&2;; esac"""
"""Who is asked for JSON does not say it."""


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (TO_PEOPLE.format("No journal files were found."), "keeps no journal"),
        (TO_PEOPLE.format("Hint: You are currently not seeing messages from other users."), "systemd-journal"),
        ("echo 'Failed to open: Input/output error' >&2; exit 1", "Failed to open: Input/output error"),
        ("exit 3", "exit code 3"),
    ],
)
async def test_a_journal_that_cannot_be_read_is_an_error(
    clock: HandClock, journalctl: MakeJournal, script: str, reason: str
) -> None:
    (failure,) = (await journal_of(clock, journalctl(script)).read_log(ARM, ALL)).failures
    assert failure.log == "web"
    assert reason in failure.reason


async def test_an_empty_journal_is_an_empty_list(clock: HandClock, journalctl: MakeJournal) -> None:
    assert await entries(journal_of(clock, journalctl(""))) == []


async def test_a_machine_without_journalctl_says_so(clock: HandClock) -> None:
    (failure,) = (await journal_of(clock, "/nowhere/journalctl").read_log(ARM, ALL)).failures
    assert failure.reason == "journalctl is not installed on this machine"


async def test_a_journalctl_that_hangs_holds_nobody_up_for_long(clock: HandClock, journalctl: MakeJournal) -> None:
    own = journal_of(clock, journalctl("exec sleep 5"))
    (failure,) = (await own.read_log(ARM, ALL)).failures
    assert "too long" in failure.reason


async def test_an_identifier_is_asked_as_one(clock: HandClock, journalctl: MakeJournal, tmp_path: Path) -> None:
    binding = JournalLogBinding("ssh", IdentifierJournal("sshd"))
    own = own_with(clock, JournalLog(binding, clock, log_numbers(clock), journalctl=journalctl("")))
    await entries(own)
    assert "--identifier=sshd" in (tmp_path / "asked").read_text()
