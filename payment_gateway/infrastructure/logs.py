"""Structured logs, from the first line: an event name and ids, never a secret."""

from __future__ import annotations

import logging
import sys
from typing import Any, Final, Literal

import structlog
from structlog.typing import EventDict

from payment_gateway.infrastructure.log_redaction import masked, redact
from payment_gateway.telemetry.tracing import current_trace_id

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
# Libraries that say at "info" what only their own authors want to know.
_QUIET: Final = ("httpx", "httpcore", "uvicorn.access", "uvicorn.error", "pymongo", "hpack")


def _add_trace_id(_: Any, __: str, event: EventDict) -> EventDict:
    trace_id = current_trace_id()
    return event if trace_id is None else {**event, "trace_id": trace_id}


def _redact_but_exception(logger: Any, method: str, event: EventDict) -> EventDict:
    """Redact what the renderer for people is given; an exception it has to have as it is."""
    kept = {"exc_info": event["exc_info"]} if "exc_info" in event else {}
    return {**redact(logger, method, event), **kept}


def _mask_line(_: Any, __: str, line: str) -> str:
    """Mask what the renderer for people has put together itself: tracebacks."""
    return masked(line)


def configure_logs(
    *,
    log_format: Literal["json", "console"],
    level: Literal["debug", "info", "warning", "error"],
    process: str,
) -> None:
    """Send every log line of this process, ours and the libraries', to stderr in one form.

    Args:
        log_format: ``json``: one object a line; ``console``: for a person at a terminal.
        level: The least that is written.
        process: Which kind of process this is; it stands in each line.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _add_trace_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer: list[Any] = (
        [structlog.processors.format_exc_info, redact, structlog.processors.JSONRenderer()]
        if log_format == "json"
        else [
            _redact_but_exception,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                # Its own choice shows local variables, and with them secrets.
                exception_formatter=structlog.dev.plain_traceback,
            ),
            _mask_line,
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[level])
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, _LEVELS[level]))
    structlog.contextvars.bind_contextvars(process=process)
