"""The audit log has an entry for everything that anybody did."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.domain.events.erasure import SubjectForgottenEvent
from payment_gateway.domain.events.payment import OperatorAnsweredEvent
from payment_gateway.domain.events.tenant import TenantCreatedEvent
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.event_types import EVENT_TYPES
from payment_gateway.infrastructure.persistence.mongodb import Document
from projections.audit_log import MODEL
from projections.read_model import Key, apply, fold
from tests.reference_pages import STREAMS
from tests.unit.projections.payment_histories import START, record_all, recorded
from tests.unit.projections.payment_logs import deliveries, logs
from tests.unit.projections.test_payment_details import INITIATED

# Nobody's doing, and what is removed after a while or when somebody is forgotten.
NOT_AUDITED = {"canary", "idempotency", "subject"}


@given(logs())
def test_every_event_of_a_payment_has_one_entry_that_says_who_and_when(
    log: list[RecordedEvent],
) -> None:
    entries = fold(MODEL, log)

    assert list(entries) == [Key(event.event_id) for event in log]
    for event, entry in zip(log, entries.values(), strict=True):
        assert entry["tenantId"] == event.context.tenant_id
        assert (entry["actor"], entry["at"]) == (event.context.actor, event.context.at)
        assert (entry["type"], entry["subject"]) == (event.type, event.stream)
        assert entry["correlationId"] == event.context.correlation_id
    assert "sealed" not in str(entries)


@given(st.data())
def test_repeated_delivery_ends_in_the_same_entries(data: st.DataObject) -> None:
    log = data.draw(logs())
    documents: dict[Key, Document] = {}

    for batch in data.draw(deliveries(log)):
        for event in batch:
            documents.update(apply(MODEL, documents, event))

    assert documents == fold(MODEL, log)


def test_every_kind_of_event_is_read() -> None:
    kinds = {kind: name.partition("-")[0] for kind, name in STREAMS.items()}
    expected = {category for kind, category in kinds.items() if kind not in NOT_AUDITED}

    assert expected <= set(MODEL.categories), "a kind of stream that the audit log does not read"
    names = {
        known.name
        for known in EVENT_TYPES
        if known.event.__module__.split(".")[-1] not in NOT_AUDITED
    }
    assert names == MODEL.events


def test_what_was_done_to_a_tenant_names_no_payment() -> None:
    event = TenantCreatedEvent(tenant_id="acme", name="Acme", return_origins=())
    done = replace(recorded(INITIATED, 0), event=event, type="TenantCreated", stream="tenant-acme")

    (entry,) = fold(MODEL, [done]).values()

    assert entry == {
        "_id": "event-0",
        "position": 1,
        "tenantId": "acme",
        "at": START,
        "actor": "key-1",
        "type": "TenantCreated",
        "reason": None,
        "subject": "tenant-acme",
        "revision": 0,
        "correlationId": "cor",
    }


def test_that_somebody_was_forgotten_says_who_did_it_and_why() -> None:
    before = recorded(INITIATED, 0)
    done = replace(
        before,
        event=SubjectForgottenEvent(tenant_id="acme", subject_id="s-1"),
        type="SubjectForgotten",
        stream="erasure-s-1",
        context=replace(before.context, actor="operator:ana", reason="asked by letter"),
    )

    (entry,) = fold(MODEL, [done]).values()

    assert (entry["type"], entry["subject"]) == ("SubjectForgotten", "erasure-s-1")
    assert (entry["actor"], entry["reason"]) == ("operator:ana", "asked by letter")


def test_a_persons_note_is_why() -> None:
    answered = OperatorAnsweredEvent(
        payment_id="p", question="payment", refund_id=None, answer="failed", note="I called them"
    )

    (_, entry) = fold(MODEL, record_all([INITIATED, answered])).values()

    assert (entry["reason"], entry["paymentId"]) == ("I called them", "p")
