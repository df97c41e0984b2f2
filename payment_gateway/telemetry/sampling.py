"""Which traces are recorded."""

from __future__ import annotations

from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import (
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import SpanKind


def by_requests(share: float) -> Sampler:
    """Return what records a share of the traces that begin here, and each that was recorded elsewhere."""
    return ParentBased(_BeginsWithRequest(TraceIdRatioBased(share)))


class _BeginsWithRequest(Sampler):
    """Lets a trace begin with a request alone: what a process does by itself, all the time, is none."""

    def __init__(self, share: Sampler) -> None:
        self._share: Final = share

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        *rest: Any,
        **named: Any,
    ) -> SamplingResult:
        """Return whether a span that has no parent is recorded."""
        if kind is SpanKind.SERVER:
            return self._share.should_sample(parent_context, trace_id, name, kind, *rest, **named)
        return SamplingResult(Decision.DROP)

    def get_description(self) -> str:
        """Return what this is called in the provider's own words."""
        return f"BeginsWithRequest({self._share.get_description()})"
