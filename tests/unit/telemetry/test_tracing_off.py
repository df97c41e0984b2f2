"""Where traces are sent nowhere, the places where spans would be made cost nothing that could be measured."""

from __future__ import annotations

import time

import pytest

from payment_gateway.telemetry.tracing import SpanKind, current_traceparent, following, span

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TIMES = 10_000
# Of the processor. A query takes a hundred times as long, a command a thousand times.
AT_MOST_S = 50e-6


def test_nothing_is_recorded_and_a_failure_passes_through() -> None:
    with span("read", traceparent=TRACEPARENT) as current:
        assert not current.is_recording()
        assert current_traceparent() is None
    with pytest.raises(KeyError), span("read"):
        raise KeyError


def test_a_span_costs_next_to_nothing() -> None:
    began = time.process_time()
    for _ in range(TIMES):
        with span("read", kind=SpanKind.CLIENT, traceparent=TRACEPARENT, attributes={"a": "b"}):
            pass
        with following("handle", [TRACEPARENT]):
            pass

    assert (time.process_time() - began) / TIMES < AT_MOST_S
