"""Traces by OpenTelemetry: a payment's way through every process, also across time.

The trace of a request goes into the metadata of the events that it causes (W3C ``traceparent``). Whoever takes
such an event up later (a projection, a reactor, a delivery) goes on in that trace. Without an endpoint to
send to nothing is recorded, and a span costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

import httpx
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from opentelemetry.instrumentation.httpx import RequestInfo

__all__ = [
    "Span",
    "SpanKind",
    "StatusCode",
    "configure_tracing",
    "current_trace_id",
    "current_traceparent",
    "following",
    "span",
]

NAMESPACE: Final = "payment-gateway"
# Spans that wait to be sent; of more, the newest are dropped: tracing never holds up a payment.
QUEUE_SPANS_MAX: Final = 8_192
EXPORT_EVERY_MS: Final = 2_000
EXPORT_TIMEOUT_S: Final = 5.0

# Traces that go on in one batch; of a larger one the rest ends before it.
FOLLOWED_MAX: Final = 50


class _Recording:
    """Whether spans are recorded; asked where making them would cost something for nothing."""

    is_on = False


_RECORDING: Final = _Recording()
_TRACEPARENT: Final = "traceparent"
_W3C: Final = TraceContextTextMapPropagator()
_TRACER: Final = trace.get_tracer(NAMESPACE)


def configure_tracing(*, endpoint: str, sample_ratio: float, process: str) -> Callable[[], None]:
    """Record spans from now on and send them off; return what sends the last ones at the end.

    Args:
        endpoint: Where an OTLP receiver listens over HTTP, ``http://collector:4318``.
        sample_ratio: Which share of the traces that begin here is recorded, from 0 to 1. One that
            began elsewhere is recorded where it was there.
        process: Which kind of process this is.
    """
    # Heavy, and of no use to a process that records nothing.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    from opentelemetry.instrumentation.pymongo import PymongoInstrumentor
    from opentelemetry.instrumentation.redis import RedisInstrumentor
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_NAMESPACE, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from payment_gateway.telemetry.queries_left_out import QueriesLeftOut
    from payment_gateway.telemetry.sampling import by_requests

    provider = TracerProvider(
        resource=Resource.create(
            {SERVICE_NAMESPACE: NAMESPACE, SERVICE_NAME: f"{NAMESPACE}-{process}"}
        ),
        sampler=by_requests(sample_ratio),
    )
    exporter = OTLPSpanExporter(
        endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_TIMEOUT_S
    )
    provider.add_span_processor(QueriesLeftOut())
    provider.add_span_processor(
        BatchSpanProcessor(
            exporter,
            max_queue_size=QUEUE_SPANS_MAX,
            schedule_delay_millis=EXPORT_EVERY_MS,
            export_timeout_millis=EXPORT_TIMEOUT_S * 1000,
        )
    )
    trace.set_tracer_provider(provider)
    _RECORDING.is_on = True
    HTTPXClientInstrumentor().instrument(
        request_hook=_origin_alone, async_request_hook=_async_origin_alone
    )
    PymongoInstrumentor().instrument()
    RedisInstrumentor().instrument()
    return provider.shutdown


def current_traceparent() -> str | None:
    """Return the trace context of what is going on, as it is passed on; ``None`` without one."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    return carrier.get(_TRACEPARENT)


def current_trace_id() -> str | None:
    """Return the id of the trace of what is going on, in hex; ``None`` without one."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


@contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    traceparent: str | None = None,
    attributes: Mapping[str, str | int] | None = None,
) -> Generator[Span, None, None]:
    """Record what happens in the block; an exception marks it as failed, by its kind alone.

    Args:
        name: Of few values: what is done, not to what.
        kind: Its place in the trace.
        traceparent: Of what caused it, where that is not what is going on right now.
        attributes: Ids and kinds; never a secret, never anything personal.
    """
    if not _RECORDING.is_on:
        yield trace.INVALID_SPAN
        return
    parent: Context | None = None
    if traceparent is not None:
        parent = _W3C.extract({_TRACEPARENT: traceparent})
    with _TRACER.start_as_current_span(
        name,
        context=parent,
        kind=kind,
        attributes=attributes,
        record_exception=False,  # a message may say too much
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_status(StatusCode.ERROR, type(error).__name__)
            raise


@contextmanager
def following(name: str, traceparents: Sequence[str]) -> Generator[None, None, None]:
    """Go on in the traces of what is handled in the block: one span for each, as long as they are few.

    What the block does itself belongs to the first of them.
    """
    traces = list(dict.fromkeys(traceparents))[:FOLLOWED_MAX] if _RECORDING.is_on else []
    with ExitStack() as stack:
        for traceparent in reversed(traces):
            stack.enter_context(span(name, kind=SpanKind.CONSUMER, traceparent=traceparent))
        yield


def _origin_alone(current: Span, request: RequestInfo) -> None:
    """Record where a request goes, without what a path, a query or a user part may give away."""
    if current.is_recording() and isinstance(request.url, httpx.URL):
        url = request.url
        origin = httpx.URL(scheme=url.scheme, host=url.host, port=url.port)
        for attribute in ("url.full", "http.url"):
            current.set_attribute(attribute, str(origin))


async def _async_origin_alone(current: Span, request: RequestInfo) -> None:
    _origin_alone(current, request)
