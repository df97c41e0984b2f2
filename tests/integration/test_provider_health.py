"""``GET /providers/health`` over a real MongoDB."""

from __future__ import annotations

from datetime import timedelta

from payment_gateway.domain.events.payment import (
    CaptureRequestedEvent,
    OutcomeUnknownEvent,
    PaymentFailedEvent,
)
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


NONE = {"initiated": 0, "completed": 0, "failed": 0, "cancelled": 0, "expired": 0}


def fared(**counts: object) -> dict[str, object]:
    quiet: dict[str, object] = {"successes": 0, "failures": 0, "unknowns": 0, "amounts": []}
    quiet |= {"latencyMsP50": None, "latencyMsP95": None}
    return {**quiet, "payments": {**NONE, "successRate": None}, **counts}


async def test_shows_how_a_provider_fared_minute_by_minute(gateway: Gateway) -> None:
    await a_checkout_and_a_lost_capture(gateway)

    answer = await gateway.get("/providers/health")

    one = {**NONE, "initiated": 1, "successRate": None}
    assert answer.json() == {
        "tenantId": "acme",
        "providers": [
            {
                **fared(successes=1, unknowns=1, latencyMsP50=300, latencyMsP95=300, payments=one),
                "providerType": "PAYPAL",
                "attempts": 2,
                "successRate": 0.5,
                "latencyMsAverage": 250,
                "minutes": [
                    {
                        **fared(successes=1, latencyMsP50=300, latencyMsP95=300, payments=one),
                        "at": "2026-02-03T04:05:00Z",
                    },
                    {**fared(unknowns=1), "at": "2026-02-03T04:07:00Z"},
                ],
            }
        ],
    }


async def test_shows_payments_and_money_by_provider_and_minute(gateway: Gateway) -> None:
    await gateway.record(initiated(PAYPAL_ID), *paid(PAYPAL_ID))
    for at in (START, START + timedelta(minutes=2)):
        failed_id = await gateway.record(initiated(currency="JPY"), at=at)
        failed = PaymentFailedEvent(payment_id=failed_id, reason="REFUSED")
        await gateway.record(failed, at=at + timedelta(minutes=1))

    (provider,) = (await gateway.get("/providers/health")).json()["providers"]

    ended = {**NONE, "initiated": 3, "completed": 1, "failed": 2, "successRate": 0.3333}
    assert provider["payments"] == ended
    assert provider["amounts"] == [{"currency": "USD", "captured": "19.99", "refunded": "5.00"}]
    assert [minute["payments"]["initiated"] for minute in provider["minutes"]] == [2, 0, 1, 0]
    assert [minute["payments"]["successRate"] for minute in provider["minutes"]] == [1, 0, None, 0]
    assert [len(minute["amounts"]) for minute in provider["minutes"]] == [1, 0, 0, 0]


async def test_a_provider_that_was_only_chosen_has_no_rate(gateway: Gateway) -> None:
    await gateway.record(initiated())

    (provider,) = (await gateway.get("/providers/health")).json()["providers"]

    assert (provider["attempts"], provider["successRate"]) == (0, None)
    assert provider["payments"]["initiated"] == 1


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
