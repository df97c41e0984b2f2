"""The figures of a day are those of its payments, recounted from scratch."""

from __future__ import annotations

from collections import Counter
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.domain.aggregates import payment_state
from payment_gateway.domain.events.payment import (
    OutcomeUnknownEvent,
    PaymentCompletedEvent,
    PaymentEvent,
    PaymentFailedEvent,
)
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.mongodb import Document
from projections.daily_stats import LONGER, MODEL, TIME_CLASSES_S, outcome_of, time_class
from projections.daily_stats_answers import day_answer
from projections.read_model import Key, apply, fold, sum_totals
from tests.unit.projections.payment_histories import record_all
from tests.unit.projections.payment_logs import (
    deliveries,
    domain_events,
    logs,
    of_payment,
    tenant_of,
)
from tests.unit.projections.test_payment_details import (
    COMPLETED,
    INITIATED,
    refund_completed,
    refund_requested,
)

UNKNOWN = OutcomeUnknownEvent(payment_id="p", operation="capture", intent_id="c", reason="timeout")


def totals_of(log: list[RecordedEvent]) -> dict[str, Document]:
    return sum_totals(MODEL, fold(MODEL, log))


def recounted(log: list[RecordedEvent]) -> dict[str, Counter[str]]:
    """Count by the aggregates alone, payment by payment."""
    days: dict[str, Counter[str]] = {}
    for history in of_payment(log).values():
        payment = payment_state.fold(domain_events(history))
        assert payment is not None
        day = history[0].context.at.astimezone(UTC).date().isoformat()
        place = f"{tenant_of(history)}|{day}|{payment.provider}|{payment.amount.currency}"
        counts = days.setdefault(place, Counter())
        counts["payments"] += 1
        counts[outcome_of(payment.status)] += 1
        counts["initiatedMinor"] += payment.amount.amount_minor
        counts["capturedMinor"] += payment.captured.amount_minor if payment.captured else 0
        counts["refundedMinor"] += payment.refunded.amount_minor
        taken = [one for one in history if isinstance(one.event, PaymentCompletedEvent)]
        if taken:
            took = taken[0].context.at - history[0].context.at
            counts["count"] += 1
            counts["sumMs"] += round(took.total_seconds() * 1000)
    return {place: +counts for place, counts in days.items()}


def flat(total: Document) -> Counter[str]:
    amounts = ("payments", "initiatedMinor", "capturedMinor", "refundedMinor")
    times = total.get("timeToComplete", {})
    return +Counter(
        {
            **total["outcomes"],
            **{name: total[name] for name in amounts},
            "count": times.get("count", 0),
            "sumMs": times.get("sumMs", 0),
        }
    )


class TestAnyLog:
    @given(logs())
    def test_its_totals_are_those_of_a_recount(self, log: list[RecordedEvent]) -> None:
        assert {place: flat(total) for place, total in totals_of(log).items()} == recounted(log)

    @given(logs())
    def test_the_parts_add_up(self, log: list[RecordedEvent]) -> None:
        for total in totals_of(log).values():
            shown = day_answer(total)
            assert sum(shown.outcomes.model_dump().values()) == shown.payments
            classes = total.get("timeToComplete", {}).get("classes", {})
            assert sum(classes.values()) == shown.time_to_complete.count
            assert shown.success_rate is None or 0 <= shown.success_rate <= 1

    @given(st.data())
    def test_repeated_delivery_ends_in_the_same_facts(self, data: st.DataObject) -> None:
        log = data.draw(logs())
        documents: dict[Key, Document] = {}

        for batch in data.draw(deliveries(log)):
            for event in batch:
                documents.update(apply(MODEL, documents, event))

        assert documents == fold(MODEL, log)


class TestOneDay:
    def test_a_doubt_that_ends_well_moves_to_the_completed(self) -> None:
        in_doubt: list[PaymentEvent] = [INITIATED, UNKNOWN]

        (before,) = totals_of(record_all(in_doubt)).values()
        (after,) = totals_of(record_all([*in_doubt, COMPLETED])).values()

        assert day_answer(before).outcomes.unknown == 1
        assert day_answer(before).success_rate is None
        assert day_answer(after).outcomes.unknown == 0
        assert day_answer(after).outcomes.completed == 1
        assert day_answer(after).success_rate == 1.0

    def test_a_refund_counts_for_the_day_of_its_payment(self) -> None:
        events: list[PaymentEvent] = [
            INITIATED,
            COMPLETED,
            refund_requested("r", 40_00),
            refund_completed("r", 40_00),
        ]

        (total,) = totals_of(record_all(events)).values()

        shown = day_answer(total)
        assert (shown.initiated, shown.captured, shown.refunded) == ("100.00", "100.00", "40.00")
        assert shown.outcomes.completed == 1
        assert shown.time_to_complete.average_s == 1.0
        assert shown.time_to_complete.p50_s == 2

    def test_a_failure_lowers_the_success_rate(self) -> None:
        failed = record_all([INITIATED, PaymentFailedEvent(payment_id="p", reason="REFUSED")])

        (total,) = totals_of(failed).values()

        assert day_answer(total).success_rate == 0.0

    def test_every_status_counts_as_something(self) -> None:
        assert all(outcome_of(status) for status in PaymentStatusVO)

    @pytest.mark.parametrize(
        ("complete_ms", "expected"),
        [(0, "2"), (2000, "2"), (2001, "5"), (86_400_000, "86400"), (86_400_001, LONGER)],
    )
    def test_a_time_is_counted_in_the_first_class_that_holds_it(
        self, complete_ms: int, expected: str
    ) -> None:
        assert list(TIME_CLASSES_S) == sorted(TIME_CLASSES_S)
        assert time_class(complete_ms) == expected
