"""Keeps what stands behind the question mark of an address out of traces."""

from __future__ import annotations

from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor

QUERY: Final = "url.query"
REDACTED: Final = "REDACTED"


class QueriesLeftOut(SpanProcessor):
    """Says that a request had a query, not what was in it: people put keys and names there.

    FastAPI records the query as it begins a request's span, but for a list of other vendors' parameters.
    """

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - not asked
        """Write over the query of a span that begins."""
        if span.attributes and QUERY in span.attributes:
            span.set_attribute(QUERY, REDACTED)
