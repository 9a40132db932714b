"""The log as it comes out of a process."""

import json
import subprocess
import sys

import pytest

from gateway.config.problems import Problem
from gateway.log import LogOptions, parse_log_options

PROGRAM = """
import logging, sys, structlog
from gateway.log import LogOptions, set_up_logging
set_up_logging(LogOptions(sys.argv[1], sys.argv[2]), sys.stderr)
log = structlog.get_logger()
log.debug("peer asked", peer="b")
logging.getLogger("watchfiles.main").info("3 changes detected")
logging.getLogger("aiosqlite").debug("executing %s", "INSERT INTO secrets")
logging.getLogger("aiosqlite").warning("iterdump completed unexpectedly")
log.info("peer up", peer="b\\n\\x1b[31m", rtt_ms=3)
logging.getLogger("aiohttp.server").warning("odd request from %s", "c")
try:
    raise ValueError("broken")
except ValueError:
    log.exception("refresh failed")
"""


def logged(log_format: str, level: str) -> list[str]:
    command = [sys.executable, "-c", PROGRAM, log_format, level]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_json_lines_hold_the_event_and_its_fields() -> None:
    events = [json.loads(line) for line in logged("json", "info")]
    iterdump, up, odd, failed = events
    assert iterdump["library"] == "aiosqlite"
    assert (up["event"], up["level"], up["peer"], up["rtt_ms"]) == ("peer up", "info", "b\n\x1b[31m", 3)
    assert (odd["event"], odd["level"], odd["library"]) == ("odd request from c", "warning", "aiohttp.server")
    assert "ValueError: broken" in failed["exception"]
    assert all(event["timestamp"].endswith("Z") for event in events)


def test_on_the_console_nothing_that_is_logged_can_draw() -> None:
    lines = logged("console", "info")
    assert "\x1b" not in "".join(lines)
    assert r"peer=b\n\x1b[31m" in lines[1]
    assert "odd request from c" in lines[2]
    assert lines[-1] == "ValueError: broken"


def test_a_log_in_a_watched_folder_does_not_tell_that_it_grows() -> None:
    assert "3 changes detected" not in "".join(logged("json", "debug"))


def test_what_is_stored_is_not_logged_statement_by_statement() -> None:
    for level in ("debug", "info"):
        lines = "".join(logged("json", level))
        assert "INSERT" not in lines
        assert "iterdump completed unexpectedly" in lines
    assert "iterdump" not in "".join(logged("json", "error"))


@pytest.mark.parametrize(("level", "first"), [("debug", "peer asked"), ("error", "refresh failed")])
def test_the_level_decides_what_is_logged(level: str, first: str) -> None:
    assert json.loads(logged("json", level)[0])["event"] == first


def test_a_terminal_gets_text_everything_else_json() -> None:
    assert parse_log_options({}, terminal=True) == LogOptions("console", "info")
    assert parse_log_options({}, terminal=False) == LogOptions("json", "info")


def test_the_environment_decides_otherwise() -> None:
    environ = {"GROVE_LOG": "console", "GROVE_LOG_LEVEL": "debug"}
    assert parse_log_options(environ, terminal=False) == LogOptions("console", "debug")


def test_every_bad_variable_is_told() -> None:
    problems = parse_log_options({"GROVE_LOG": "xml", "GROVE_LOG_LEVEL": "", "GROVE_LOGLEVEL": "info"}, terminal=False)
    assert not isinstance(problems, LogOptions)
    assert all(isinstance(problem, Problem) for problem in problems)
    assert [str(problem) for problem in problems] == [
        "environment variable GROVE_LOG: found 'xml'; allowed: one of json, console",
        "environment variable GROVE_LOGLEVEL: found an unknown variable; allowed: GROVE_LOG and GROVE_LOG_LEVEL",
        "environment variable GROVE_LOG_LEVEL: found ''; allowed: one of debug, info, warning, error",
    ]
