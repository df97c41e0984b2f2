"""Logs in which the histories of several payments, of several tenants, are interleaved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from hypothesis import strategies as st

from payment_gateway.domain.events.payment import PaymentEvent, PaymentInitiatedEvent
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from tests.unit.projections.payment_histories import START, histories, recorded

TENANTS: Final = ("acme", "other")
PAYMENTS_MAX: Final = 4


def _owned(event: PaymentEvent, payment_id: str, tenant_id: str, order_id: str) -> PaymentEvent:
    if isinstance(event, PaymentInitiatedEvent):
        return replace(event, payment_id=payment_id, tenant_id=tenant_id, order_id=order_id)
    return replace(event, payment_id=payment_id)


def payment_id_of(number: int) -> str:
    """Return the id of one of a log's payments; they begin with different digits."""
    return f"{number * 5:x}0000000-0000-5000-8000-000000000000"


@st.composite
def logs(draw: st.DrawFn) -> list[RecordedEvent]:
    """Logs of one to four payments; time passes irregularly, over days, and never goes back."""
    told = draw(st.lists(histories(), min_size=1, max_size=PAYMENTS_MAX))
    tenants = [draw(st.sampled_from(TENANTS)) for _ in told]
    left = {
        number: [
            _owned(event, payment_id_of(number), tenants[number], f"order-{number % 2}")
            for event in one
        ]
        for number, one in enumerate(told)
    }
    log: list[RecordedEvent] = []
    revisions = dict.fromkeys(left, 0)
    at = START
    while left:
        number = draw(st.sampled_from(sorted(left)))
        at += timedelta(seconds=draw(st.sampled_from((0, 1, 40, 600, 50_000))))
        event = recorded(
            left[number].pop(0),
            revisions[number],
            position=len(log) + 1,
            tenant_id=tenants[number],
            at=at,
        )
        log.append(replace(event, event_id=f"event-{len(log) + 1}"))
        revisions[number] += 1
        if not left[number]:
            del left[number]
    return log


def of_payment(log: Sequence[RecordedEvent]) -> dict[str, list[RecordedEvent]]:
    """Return the histories in a log, by the id of their payment."""
    found: dict[str, list[RecordedEvent]] = {}
    for event in log:
        found.setdefault(event.stream.removeprefix("payment-"), []).append(event)
    return found


def tenant_of(history: Sequence[RecordedEvent]) -> str:
    """Return whose payment a history is."""
    return history[0].context.tenant_id


def domain_events(history: Sequence[RecordedEvent]) -> list[PaymentEvent]:
    """Return what happened, without its place in the log."""
    return [one.event for one in history if isinstance(one.event, PaymentEvent)]


@st.composite
def deliveries(draw: st.DrawFn, log: Sequence[RecordedEvent]) -> list[list[RecordedEvent]]:
    """Batches in which a log may be delivered: after a crash, again from further back."""
    batches: list[list[RecordedEvent]] = []
    reached = 0
    while reached < len(log):
        back = draw(st.integers(0, reached))
        end = draw(st.integers(reached + 1, len(log)))
        batches.append(list(log[back:end]))
        reached = end
    return batches
