"""``GET /providers/health`` over a real MongoDB."""

from __future__ import annotations

from datetime import timedelta

from payment_gateway.domain.events.payment import CaptureRequestedEvent, OutcomeUnknownEvent
from tests.integration.query_gateway import (
    PAYPAL_ID,
    START,
    Gateway,
    gateway,
    initiated,
    mongodb_uri,
    paid,
)

__all__ = ["gateway", "mongodb_uri"]

CAPTURE = CaptureRequestedEvent(payment_id=PAYPAL_ID, capture_id="c", provider_order_id="o")
LOST = OutcomeUnknownEvent(
    payment_id=PAYPAL_ID, operation="capture", intent_id="c", reason="ReadTimeout"
)


async def a_checkout_and_a_lost_capture(gateway: Gateway) -> None:
    started, checkout, *_ = paid(PAYPAL_ID)
    await gateway.record(initiated(PAYPAL_ID), started)
    await gateway.record(checkout, at=START + timedelta(milliseconds=250))
    await gateway.record(CAPTURE, at=START + timedelta(minutes=1))
    await gateway.record(LOST, at=START + timedelta(minutes=2))


async def test_shows_how_a_provider_fared_minute_by_minute(gateway: Gateway) -> None:
    await a_checkout_and_a_lost_capture(gateway)

    answer = await gateway.get("/providers/health")

    assert answer.json() == {
        "tenantId": "acme",
        "providers": [
            {
                "providerType": "PAYPAL",
                "attempts": 2,
                "successes": 1,
                "failures": 0,
                "unknowns": 1,
                "successRate": 0.5,
                "latencyMsAverage": 250,
                "latencyMsP50": 300,
                "latencyMsP95": 300,
                "minutes": [
                    {"at": "2026-02-03T04:05:00Z", "successes": 1, "failures": 0, "unknowns": 0},
                    {"at": "2026-02-03T04:07:00Z", "successes": 0, "failures": 0, "unknowns": 1},
                ],
            }
        ],
    }


async def test_what_is_older_than_an_hour_is_not_shown(gateway: Gateway) -> None:
    await a_checkout_and_a_lost_capture(gateway)
    gateway.now = START + timedelta(minutes=61)

    (provider,) = (await gateway.get("/providers/health")).json()["providers"]

    assert (provider["attempts"], provider["unknowns"]) == (1, 1)
    assert provider["latencyMsAverage"] is None


async def test_a_tenant_sees_nothing_of_another(gateway: Gateway) -> None:
    await a_checkout_and_a_lost_capture(gateway)

    answer = await gateway.get("/providers/health", tenant_id="other")

    assert answer.json() == {"tenantId": "other", "providers": []}
