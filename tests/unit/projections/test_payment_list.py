"""What a list and an order show of a payment is what its events say, whichever way they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.domain.aggregates import payment_state
from payment_gateway.domain.events.payment import PaymentEvent
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.mongodb import Document
from projections import order_payments, payment_details, payment_list
from projections.payment_list_answers import (
    ListedPayment,
    OrderPayment,
    fields_shown,
    listed_payment,
    order_payment,
)
from projections.read_model import Key, ReadModel, apply, fold
from tests.unit.projections.payment_histories import histories, record_all
from tests.unit.projections.payment_logs import deliveries, logs

MODELS = pytest.mark.parametrize("model", [payment_list.MODEL, order_payments.MODEL])


def document_of(model: ReadModel, events: list[PaymentEvent]) -> Document:
    (document,) = fold(model, record_all(events)).values()
    return document


class TestAnyHistory:
    @MODELS
    @given(histories())
    def test_the_document_says_what_the_aggregate_says(
        self, model: ReadModel, events: list[PaymentEvent]
    ) -> None:
        payment = payment_state.fold(events)
        assert payment is not None

        document = document_of(model, events)

        assert document["tenantId"] == payment.tenant_id
        assert document["orderId"] == payment.order_id
        assert document["externalReferenceNumber"] == payment.external_reference
        assert document["status"] == payment.status.value
        assert document["providerType"] == payment.provider
        assert document["failureReason"] == payment.failure
        assert document["refundedMinor"] == payment.refunded.amount_minor
        captured = payment.captured.amount_minor if payment.captured else None
        assert document["capturedMinor"] == captured
        open_disputes = {one for one, is_open in payment.disputes.items() if is_open}
        assert set(document["openDisputes"]) == open_disputes

    @given(histories())
    def test_an_order_shows_where_the_payer_can_pay_and_what_moved_the_money(
        self, events: list[PaymentEvent]
    ) -> None:
        payment = payment_state.fold(events)
        assert payment is not None

        document = document_of(order_payments.MODEL, events)

        checkout = payment.checkout
        assert document["checkoutUrl"] == (checkout.url if checkout else None)
        assert document["expiresAt"] == (checkout.expires_at if checkout else None)
        assert document["providerReference"] == payment.provider_reference

    @MODELS
    @given(histories())
    def test_it_shows_nothing_that_the_payment_itself_shows_otherwise(
        self, model: ReadModel, events: list[PaymentEvent]
    ) -> None:
        details = document_of(payment_details.MODEL, events)
        document = document_of(model, events)

        for field in fields_shown(OrderPayment):
            if field in document:
                assert document[field] == details[field], field

    @MODELS
    @given(st.data())
    def test_repeated_delivery_ends_in_the_same_documents(
        self, model: ReadModel, data: st.DataObject
    ) -> None:
        log = data.draw(logs())
        documents: dict[Key, Document] = {}

        for batch in data.draw(deliveries(log)):
            for event in batch:
                documents.update(apply(model, documents, event))

        assert documents == fold(model, log)


@given(logs())
def test_a_document_has_every_field_that_is_shown_and_nothing_sealed(
    log: list[RecordedEvent],
) -> None:
    listed = fold(payment_list.MODEL, log)
    ordered = fold(order_payments.MODEL, log)

    for document in listed.values():
        assert listed_payment(document).payment_id == document["_id"]
        assert set(document) - set(fields_shown(ListedPayment)) == {"openDisputes", "position"}
    for document in ordered.values():
        assert order_payment(document).payment_id == document["_id"]
        assert set(document) - set(fields_shown(OrderPayment)) == {"openDisputes", "position"}
    assert "sealed" not in str(listed) + str(ordered)
