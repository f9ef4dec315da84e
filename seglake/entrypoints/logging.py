"""Every line of log, ours or a library's, goes through one chain: filter, context, redaction, one renderer.

Whoever handles a request binds its id with ``structlog.contextvars.bound_contextvars(request_id=...)``; it is then on
each line written meanwhile. A line below the configured level costs one method call. Secrets: see redaction.py.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any, Final, Literal, TextIO, cast

import structlog

from seglake.entrypoints.redaction import Redactor

LogFormat = Literal["auto", "console", "json"]

_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure_logging(
    *,
    level: str = "info",
    log_format: LogFormat = "auto",
    stream: TextIO | None = None,
    hidden: Iterable[str] = (),
) -> None:
    """Sets structlog and the standard library's logging up; may be called again, the last call counts.

    ``stream`` defaults to standard error, ``auto`` means people on a terminal and JSON elsewhere. ``hidden`` are
    secrets in force, which no line may show.
    """
    out = sys.stderr if stream is None else stream
    threshold = _LEVELS[level]
    for_people = log_format == "console" or (log_format == "auto" and out.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            Redactor(hidden),
            _people(colors=out.isatty()) if for_people else _json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Lossy(out))),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in [known for known in root.handlers if isinstance(known, _Bridge)]:
        root.removeHandler(handler)
    root.addHandler(_Bridge())
    root.setLevel(threshold)
    # asyncio tells of every slow callback at DEBUG, aiohttp's access log is ours to write.
    logging.getLogger("asyncio").setLevel(max(threshold, logging.INFO))
    logging.getLogger("aiohttp.access").setLevel(logging.CRITICAL)


class _Lossy:
    """A log whose disk is full, or whose reader went away, loses lines; whoever wrote one does not notice."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """As many characters as there are, written or not."""
        try:
            self._stream.write(text)
        except (OSError, ValueError):
            pass
        return len(text)

    def flush(self) -> None:
        """Tries to."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            pass


class _Bridge(logging.Handler):
    """Hands records of the standard library's logging to structlog, under the event text they carry."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        try:
            message = record.getMessage()
        except Exception as error:  # noqa: BLE001 - a line that cannot be formatted never breaks its caller
            # Not `handleError`: it prints the arguments as they are.
            log.error("unreadable_log_record", logger=record.name, template=str(record.msg), problem=error)
        else:
            log.log(record.levelno, message, logger=record.name, exc_info=record.exc_info or None)


def _people(*, colors: bool) -> Callable[[Any, str, MutableMapping[str, Any]], str]:
    # Tracebacks arrive as cleaned text; the renderer's pretty ones show local variables, and those hold secrets.
    return structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)


def _json(_logger: object, _method: str, event: Mapping[str, Any]) -> str:
    # Redaction has left only what JSON knows.
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))
