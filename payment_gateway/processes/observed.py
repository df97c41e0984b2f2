"""What every process is watched by."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from payment_gateway.infrastructure.logs import configure_logs
from payment_gateway.settings import Settings
from payment_gateway.telemetry.tracing import configure_tracing


@contextmanager
def observed(process: str, settings: Settings) -> Generator[None, None, None]:
    """Log as this process in the block, and record traces where there is somewhere to send them."""
    configure_logs(log_format=settings.log_format, level=settings.log_level, process=process)
    if settings.otlp_endpoint is None:
        yield
        return
    shutdown = configure_tracing(
        endpoint=str(settings.otlp_endpoint),
        sample_ratio=settings.trace_sample_ratio,
        process=process,
    )
    try:
        yield
    finally:
        shutdown()
