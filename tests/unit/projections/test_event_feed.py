"""A tenant's feed has every event once, in order, without gaps, however it is delivered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.mongodb import Document
from projections.event_feed import MODEL, entry_answer
from projections.payment_events import event_answer
from projections.read_model import Key, apply, fold
from tests.unit.projections.payment_histories import histories, record_all
from tests.unit.projections.payment_logs import TENANTS, deliveries, logs

Documents = dict[Key, Document]


def feed(documents: Documents, tenant_id: str) -> list[Document]:
    mine = [
        one for key, one in documents.items() if key.part == "" and one["tenantId"] == tenant_id
    ]
    return sorted(mine, key=lambda entry: int(entry["sequence"]))


def deliver(batches: Sequence[Sequence[RecordedEvent]]) -> Documents:
    documents: Documents = {}
    for event in (event for batch in batches for event in batch):
        documents.update(apply(MODEL, documents, event))
    return documents


class TestAnyLog:
    @given(logs())
    def test_each_tenant_sees_its_own_events_once_in_order_and_without_gaps(
        self, log: list[RecordedEvent]
    ) -> None:
        documents = fold(MODEL, log)

        for tenant_id in TENANTS:
            mine = [event for event in log if event.context.tenant_id == tenant_id]
            entries = feed(documents, tenant_id)
            assert [entry["sequence"] for entry in entries] == list(range(1, len(mine) + 1))
            assert [entry["_id"] for entry in entries] == [event.event_id for event in mine]

    @given(st.data())
    def test_repeated_delivery_ends_in_the_same_feed(self, data: st.DataObject) -> None:
        log = data.draw(logs())

        assert deliver(data.draw(deliveries(log))) == fold(MODEL, log)

    @given(logs(), st.data())
    def test_a_payment_that_was_parked_comes_last_and_leaves_no_gap(
        self, log: list[RecordedEvent], data: st.DataObject
    ) -> None:
        stream = data.draw(st.sampled_from(sorted({event.stream for event in log})))
        parked = [event for event in log if event.stream == stream]
        others = [event for event in log if event.stream != stream]

        documents = deliver([others, parked, log])

        for tenant_id in TENANTS:
            expected = [e for e in [*others, *parked] if e.context.tenant_id == tenant_id]
            entries = feed(documents, tenant_id)
            assert [entry["_id"] for entry in entries] == [event.event_id for event in expected]
            assert [entry["sequence"] for entry in entries] == list(range(1, len(entries) + 1))

    @given(histories().map(record_all))
    def test_an_entry_is_shown_as_the_payments_history_shows_it(
        self, history: list[RecordedEvent]
    ) -> None:
        history = [replace(one, event_id=f"e{one.revision}") for one in history]
        entries = feed(fold(MODEL, history), "acme")

        assert [entry_answer(entry) for entry in entries] == [
            event_answer(one, payment_id=entries[0]["paymentId"], currency="USD") for one in history
        ]


@given(logs())
def test_nothing_sealed_or_internal_is_kept(log: list[RecordedEvent]) -> None:
    kept = str(fold(MODEL, log))

    assert "sealed" not in kept
    assert "subjectId" not in kept


def test_an_event_before_the_first_is_not_guessed_at() -> None:
    from tests.unit.projections.test_payment_details import COMPLETED

    with pytest.raises(AssertionError, match="before PaymentInitiatedEvent"):
        fold(MODEL, record_all([COMPLETED]))
