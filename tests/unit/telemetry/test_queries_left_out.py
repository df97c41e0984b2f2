"""A request's query never reaches a trace."""

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from payment_gateway.telemetry.queries_left_out import QueriesLeftOut


def recorded(**attributes: str) -> dict[str, object]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(QueriesLeftOut())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    named = {name.replace("_", "."): value for name, value in attributes.items()}
    provider.get_tracer("test").start_span("GET", attributes=named).end()
    provider.shutdown()
    (span,) = exporter.get_finished_spans()
    return dict(span.attributes or {})


def test_that_there_was_a_query_is_all_that_is_recorded() -> None:
    assert recorded(url_path="/api/v1/payments", url_query="apiKey=secret") == {
        "url.path": "/api/v1/payments",
        "url.query": "REDACTED",
    }


def test_of_no_query_nothing_is_recorded() -> None:
    assert recorded(url_path="/livez") == {"url.path": "/livez"}
    assert recorded() == {}
