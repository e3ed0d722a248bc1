"""The program's log: structlog, JSON or console, and nothing in it that a client said.

Locals are never shown, and an exception is written as its type and where it was raised: messages
of libraries quote their input.
"""

import json
import logging
import sys
import traceback
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, TextIO, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.telemetry.lines import open_lines
from shared.telemetry.output import BufferedOutput

_MAX_FRAMES: Final = 12
_URGENT: Final = frozenset({"error", "critical"})


class LogFormat(StrEnum):
    """How a line looks."""

    JSON = "json"
    CONSOLE = "console"


def configure_logs(
    *, service: str, instance: str, log_format: LogFormat, level: str = "info"
) -> None:
    """Set up structlog and the standard library's logging for this process. Call it once."""
    output = BufferedOutput(sys.stdout)
    renderer: Processor = (
        structlog.processors.JSONRenderer(serializer=_to_json)
        if log_format is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _bind(service=service, instance=instance),
        _safe_exception,
        _errors_at_once(output),
    ]
    minimum = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(minimum),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", output)),
        cache_logger_on_first_use=True,
    )
    open_lines(
        output.line if log_format is LogFormat.JSON else None,
        is_off=minimum > logging.INFO,
        # What is bound by now holds for the process, such as a worker's number.
        **{
            **structlog.contextvars.get_contextvars(),
            "service": service,
            "instance": instance,
        },
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _library_message],
            use_get_message=False,
            pass_foreign_args=True,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def get_logger(**bound: object) -> structlog.typing.FilteringBoundLogger:
    """A logger. It may be made at import: it is configured at its first line."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(**bound)
    return logger


def describe_exception(error: BaseException) -> dict[str, Any]:
    """An exception as its type, the types it came from, and the code's places; no message."""
    frames = traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:]
    described: dict[str, Any] = {
        "error": type(error).__qualname__,
        "where": [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames],
    }
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        described["cause"] = type(cause).__qualname__
    return described


def _short(filename: str) -> str:
    return "/".join(filename.rsplit("/", 3)[-3:])


def _to_json(event: EventDict, *, default: Callable[[Any], Any]) -> str:
    try:
        return orjson.dumps(event, default=default).decode()
    except TypeError:  # a lone surrogate, or a number of more than 64 bits
        return json.dumps(event, default=default)


def _bind(**fixed: str) -> Processor:
    def add(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        for key, value in fixed.items():
            event.setdefault(key, value)
        return event

    return add


def _errors_at_once(output: BufferedOutput) -> Processor:
    def hurry(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        if event.get("level") in _URGENT:
            output.hurry()
        return event

    return hurry


def _safe_exception(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, tuple):
        info = info[1]
    if isinstance(info, BaseException):
        event.update(describe_exception(info))
    return event


def _library_message(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Keep a library's format string and drop its arguments, which may quote what was said.

    Without arguments there is no telling a constant from a text that was put together: the place
    in the code then says what it was.
    """
    record, arguments = event.get("_record"), event.pop("positional_args", ())
    if isinstance(record, logging.LogRecord):
        event["event"] = str(record.msg)[:200] if arguments else "a library reported something"
        event["library"] = record.name
        event["where"] = f"{_short(record.pathname)}:{record.lineno}"
        if record.exc_info and record.exc_info[1] is not None:
            event.update(describe_exception(record.exc_info[1]))
    return event
