"""Lines that are written while something is done say for whom, and on account of what."""

from __future__ import annotations

from datetime import UTC, datetime

import structlog
from structlog.testing import LogCapture

from payment_gateway.application.log_context import logged_for
from payment_gateway.application.ports import CommandContext

CONTEXT = CommandContext(
    tenant_id="demo",
    actor="recovery",
    correlation_id="c-1",
    causation_id="e-1",
    at=datetime(2026, 5, 4, tzinfo=UTC),
)


def test_each_line_in_the_block_has_the_ids_and_none_after_it() -> None:
    written = LogCapture()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, written])
    try:
        log = structlog.get_logger()
        with logged_for(CONTEXT, payment_id="p-1", split_id=None):
            log.info("circuit.changed")
        log.info("afterwards")
    finally:
        structlog.reset_defaults()

    within, after = written.entries
    assert within == {
        "event": "circuit.changed",
        "log_level": "info",
        "tenant_id": "demo",
        "correlation_id": "c-1",
        "causation_id": "e-1",
        "payment_id": "p-1",
    }
    assert after == {"event": "afterwards", "log_level": "info"}
