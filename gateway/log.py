"""The log: structlog on standard error, readable on a terminal, JSON lines otherwise.

`GROVE_LOG=json|console` and `GROVE_LOG_LEVEL=debug|info|warning|error` decide, before there are
settings. What libraries send to the standard library's logging comes out in the same form.
"""

import logging
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, TextIO

import structlog

from gateway.config.problems import EnvironmentVariable, Problem, printable, shown
from gateway.config.sources import LOG_PREFIX

FORMATS: Final = ("json", "console")
LEVELS: Final = ("debug", "info", "warning", "error")

_FORMAT_VARIABLE: Final = "GROVE_LOG"
_LEVEL_VARIABLE: Final = "GROVE_LOG_LEVEL"
_DEFAULT_LEVEL: Final = "info"

_SILENT: Final = ("zeroconf",)
"""Libraries whose errors we report ourselves, once, with the remedy; they would repeat them at every attempt."""

_CHATTY: Final = ("aiosqlite", "watchfiles")
"""Libraries that are never heard below `warning`: the first tells every statement with all its values, secrets among
them; the second every change of a file in a watched folder, and a log there is changed by that very line."""

_SHARED: Final[tuple[structlog.typing.Processor, ...]] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


@dataclass(frozen=True, slots=True)
class LogOptions:
    """How to log: one of `FORMATS`, one of `LEVELS`."""

    format: str
    level: str


def parse_log_options(environ: Mapping[str, str], *, terminal: bool) -> LogOptions | tuple[Problem, ...]:
    """What the environment asks for; `terminal`: whether the log goes to one."""
    problems = tuple(_problems(environ))
    if problems:
        return problems
    default = "console" if terminal else "json"
    return LogOptions(environ.get(_FORMAT_VARIABLE, default), environ.get(_LEVEL_VARIABLE, _DEFAULT_LEVEL))


def set_up_logging(options: LogOptions, stream: TextIO) -> None:
    """Send everything logged in this process to `stream`, replacing what was set up before."""
    level = logging.getLevelNamesMapping()[options.level.upper()]
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(options, stream)],
            foreign_pre_chain=[*_SHARED, _name_the_library],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for library in _SILENT:
        logging.getLogger(library).setLevel(logging.CRITICAL)
    for library in _CHATTY:
        logging.getLogger(library).setLevel(max(level, logging.WARNING))


def _problems(environ: Mapping[str, str]) -> Iterator[Problem]:
    allowed = {_FORMAT_VARIABLE: FORMATS, _LEVEL_VARIABLE: LEVELS}
    for name, text in sorted(environ.items()):
        if name.startswith(LOG_PREFIX) and text not in allowed.get(name, ()):
            known = name in allowed
            yield Problem(
                EnvironmentVariable(name),
                "",
                shown(text) if known else "an unknown variable",
                f"one of {', '.join(allowed[name])}" if known else " and ".join(allowed),
            )


def _renderers(options: LogOptions, stream: TextIO) -> list[structlog.typing.Processor]:
    if options.format == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback
    colors = stream.isatty()
    return [_one_line, structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]


def _name_the_library(logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    record = event.get("_record")
    event["library"] = record.name if record is not None else getattr(logger, "name", "")
    return event


def _one_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape control characters: what peers and clients send must not draw on the terminal."""
    for key, value in event.items():
        if isinstance(value, str) and key not in ("exception", "stack"):
            event[key] = printable(value)
    return event
