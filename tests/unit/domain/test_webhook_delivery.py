"""One event on its way to one endpoint."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from payment_gateway.domain.aggregates.webhook_delivery import (
    ParkWebhookDelivery,
    RecordWebhookAttempt,
    ResendWebhookDelivery,
    ScheduleWebhookDelivery,
    WebhookDelivery,
    WebhookDeliveryCommand,
    WebhookDeliveryStatus,
    decide,
    evolve,
)
from payment_gateway.domain.errors import WebhookDeliveryNotFound
from payment_gateway.domain.events.webhook_delivery import (
    WebhookDeliveredEvent,
    WebhookDeliveryAttemptedEvent,
    WebhookDeliveryEvent,
    WebhookDeliveryParkedEvent,
    WebhookDeliveryResentEvent,
    WebhookDeliveryScheduledEvent,
)

LATER = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
OWNER = {"tenant_id": "demo", "delivery_id": "d-1", "endpoint_id": "e-1"}
END, NEW_END = LATER + timedelta(days=3), LATER + timedelta(days=9)
WHAT = {"event_id": "ev-1", "event_type": "PaymentCompleted", "source": "payment-p"}
SCHEDULE = ScheduleWebhookDelivery(**OWNER, **WHAT, retry_until=END)
SCHEDULED = WebhookDeliveryScheduledEvent(**OWNER, **WHAT, retry_until=END)
RESEND = ResendWebhookDelivery(retry_until=NEW_END)
RESENT = WebhookDeliveryResentEvent(**OWNER, **WHAT, retry_until=NEW_END)
DELIVERED = WebhookDeliveredEvent(**OWNER, attempts=1)


def parked(reason: str) -> WebhookDeliveryParkedEvent:
    return WebhookDeliveryParkedEvent(**OWNER, reason=reason)


def attempted(attempt: int = 1, **fields: Any) -> WebhookDeliveryAttemptedEvent:
    known: dict[str, Any] = {
        "attempt": attempt,
        "status": 503,
        "error": "status_503",
        "duration_ms": 12,
        "subject_id": None,
        "excerpt": None,
        "next_at": LATER,
    }
    return WebhookDeliveryAttemptedEvent(**{**OWNER, **known, **fields})


def attempt(**fields: Any) -> RecordWebhookAttempt:
    known: dict[str, Any] = {
        "after_attempts": 0,
        "status": 503,
        "error": "status_503",
        "duration_ms": 12,
        "subject_id": None,
        "excerpt": None,
        "next_at": LATER,
        "gone": False,
    }
    return RecordWebhookAttempt(**{**known, **fields})


def delivery_after(*history: WebhookDeliveryEvent) -> WebhookDelivery | None:
    delivery = None
    for event in history:
        delivery = evolve(delivery, event)
    return delivery


def decided(
    command: WebhookDeliveryCommand, *history: WebhookDeliveryEvent
) -> list[WebhookDeliveryEvent]:
    return decide(command, delivery_after(*history))


class TestSending:
    def test_it_is_scheduled_once(self) -> None:
        assert decided(SCHEDULE) == [SCHEDULED]
        assert decided(SCHEDULE, SCHEDULED) == []

    def test_an_attempt_that_failed_has_another_before_it(self) -> None:
        assert decided(attempt(), SCHEDULED) == [attempted()]
        after = delivery_after(SCHEDULED, attempted())
        assert after is not None
        assert (after.is_open, after.next_at, after.attempts) == (True, LATER, 1)

    def test_an_attempt_that_succeeded_ends_it(self) -> None:
        succeeded = attempt(status=204, error=None)
        assert decided(succeeded, SCHEDULED) == [
            attempted(status=204, error=None, next_at=None),
            DELIVERED,
        ]

    def test_the_last_attempt_of_the_schedule_parks_it(self) -> None:
        assert decided(attempt(next_at=None), SCHEDULED) == [
            attempted(next_at=None),
            parked("exhausted"),
        ]

    def test_an_endpoint_that_is_gone_gets_no_further_attempt(self) -> None:
        gone = attempt(status=410, error="status_410", gone=True)
        assert decided(gone, SCHEDULED) == [
            attempted(status=410, error="status_410", next_at=None),
            parked("gone"),
        ]

    def test_of_two_processes_that_sent_it_only_the_first_is_kept(self) -> None:
        assert decided(attempt(), SCHEDULED, attempted()) == []
        assert decided(attempt(after_attempts=1), SCHEDULED, attempted()) == [attempted(2)]

    def test_an_attempt_that_ends_after_the_delivery_did_changes_nothing(self) -> None:
        first = attempted(status=200, error=None, next_at=None)
        assert decided(attempt(after_attempts=1), SCHEDULED, first, DELIVERED) == []

    def test_what_is_not_open_is_not_parked(self) -> None:
        command = ParkWebhookDelivery(reason="endpoint_paused")
        assert decided(command, SCHEDULED) == [parked("endpoint_paused")]
        assert decided(command, SCHEDULED, parked("exhausted")) == []


class TestResending:
    @pytest.mark.parametrize("end", [DELIVERED, parked("exhausted")])
    def test_what_has_ended_begins_anew(self, end: WebhookDeliveryEvent) -> None:
        assert decided(RESEND, SCHEDULED, attempted(), end) == [RESENT]
        after = delivery_after(SCHEDULED, attempted(), end, RESENT)
        assert after is not None
        assert after.status is WebhookDeliveryStatus.SCHEDULED
        assert (after.attempts, after.round_attempts, after.next_at) == (1, 0, None)
        assert after.retry_until == NEW_END

    def test_what_is_still_on_its_way_is_not_sent_twice(self) -> None:
        assert decided(RESEND, SCHEDULED, attempted()) == []

    def test_nothing_is_done_with_one_that_is_unknown(self) -> None:
        for command in (attempt(), ParkWebhookDelivery(reason="gone"), RESEND):
            with pytest.raises(WebhookDeliveryNotFound):
                decided(command)
