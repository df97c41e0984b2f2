"""A payment's story says every attempt, what it proved, and what followed from it."""

from __future__ import annotations

import typing
from dataclasses import fields
from datetime import datetime
from typing import Any

import pytest

from payment_gateway.application.commands.explain_payment import Line, explain_payment
from payment_gateway.application.ports import RecordedEvent
from payment_gateway.domain.events.payment import PaymentEvent, PaymentInitiatedEvent
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from tests.unit.application.gateway_fixture import NOON, Shop
from tests.unit.application.steps import complete, refund
from tests.unit.domain.payment_examples import INITIATED


async def story(shop: Shop, payment_id: PaymentIdVO) -> list[Line]:
    return explain_payment((await shop.store.read(f"payment-{payment_id}")).events)


async def test_a_fallback_and_its_refund_are_told_in_order(shop: Shop) -> None:
    shop.direct.fail("create", "refused")
    payment = (await shop.initiate("PAGADITO", "PAYPAL")).state
    assert payment.checkout is not None
    shop.provider.approve(payment.checkout.provider_order_id)
    await complete(shop, payment.payment_id)
    await refund(shop, payment.payment_id)
    told = await story(shop, payment.payment_id)
    order_id = payment.checkout.provider_order_id
    assert [(line.what, line.why) for line in told] == [
        ("19.99 USD is to be paid for order order-1 at PAGADITO, else PAYPAL", None),
        ("attempt 1: PAGADITO is to be asked, as ERN-1", None),
        ("PAGADITO holds nothing: it refused", "NO"),
        ("attempt 2: PAYPAL is to be asked, as ERN-1-2", None),
        (f"PAYPAL made checkout {order_id}, until 2026-01-01T15:00:00+00:00", None),
        (
            f"the payer approved; the money of {order_id} is asked for",
            None,
        ),
        (f"PAYPAL took 19.99 USD, as C-{order_id}", None),
        ("5.00 USD is to be given back, as refund r1", None),
        ("refund r1 gave back 5.00 USD", None),
    ]
    assert {line.actor for line in told} == {"test"}


@pytest.mark.parametrize("kind", typing.get_args(PaymentEvent), ids=lambda kind: kind.__name__)
async def test_every_kind_of_event_has_words(shop: Shop, kind: type[Any]) -> None:
    event = INITIATED if kind is PaymentInitiatedEvent else kind(**_values(kind))
    history = [_recorded(shop, INITIATED, 0), _recorded(shop, event, 1)]
    line = explain_payment(history)[-1]
    assert line.what
    assert line.revision == 1


def _values(kind: type[Any]) -> dict[str, object]:
    hints = typing.get_type_hints(kind)
    return {one.name: _value(hints[one.name]) for one in fields(kind)} | {
        name: "USD" for name in hints if name == "currency"
    }


def _value(hint: object) -> object:
    kinds = typing.get_args(hint) or (hint,)
    return {str: "text", int: 5_00, datetime: NOON}[kinds[0]]


def _recorded(shop: Shop, event: PaymentEvent, revision: int) -> RecordedEvent:
    return RecordedEvent(
        event=event,
        type=type(event).__name__,
        event_id="e",
        stream="payment-p",
        revision=revision,
        position=revision,
        context=shop.context,
    )
