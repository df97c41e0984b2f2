"""Times what the driver sends to MongoDB."""

from __future__ import annotations

from typing import Final

from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from payment_gateway.telemetry.metrics import MONGODB_COMMAND_DURATION, MONGODB_FAILURES

MICROSECONDS: Final = 1_000_000


class CommandMetrics(CommandListener):
    """Told by the driver of every command; commands' names are the server's own, a small set."""

    def started(self, event: CommandStartedEvent) -> None:
        """Do nothing: what counts is known at the end."""

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Time a command that succeeded."""
        self._observe(event)

    def failed(self, event: CommandFailedEvent) -> None:
        """Time and count a command that failed."""
        self._observe(event)
        MONGODB_FAILURES.labels(event.command_name).inc()

    def _observe(self, event: CommandSucceededEvent | CommandFailedEvent) -> None:
        duration_s = event.duration_micros / MICROSECONDS
        MONGODB_COMMAND_DURATION.labels(event.command_name).observe(duration_s)
