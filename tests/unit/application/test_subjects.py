"""People who are forgotten: their data is gone, their payments are not, and they may come back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from payment_gateway.application.commands.initiate_payment import initiate_payment
from payment_gateway.application.ports import EventStoreUnavailable
from payment_gateway.application.services.personal_data_service import SubjectForgotten
from payment_gateway.application.services.subject_service import Subject
from payment_gateway.domain.errors import SubjectNotFound
from payment_gateway.domain.events.erasure import SubjectForgottenEvent
from payment_gateway.domain.events.payment import PaymentInitiatedEvent
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.subject_id import (
    erasure_stream,
    key_stream,
    origin_of,
    successor_of,
)
from tests.unit.application.gateway_fixture import Shop, request
from tests.unit.application.webhook_steps import NotifiedShop, order_of

ANA = {"reference": "customer-17", "name": "Ana", "email": "ana@example.com"}
REFERENCE = "customer-17"


async def bought(shop: Shop, number: int = 1, **changes: Any) -> PaymentInitiatedEvent:
    """Return how a payment of the customer begins."""
    asked = {"customer": ANA, "custom_params": {"locker": "planted"}, **changes}
    executed = await initiate_payment(
        replace(request(number=f"ERN-{number}"), **asked), shop.context, shop.gateway
    )
    history = await shop.store.read(f"payment-{executed.state.payment_id}")
    initiated = history.events[0].event
    assert isinstance(initiated, PaymentInitiatedEvent)
    return initiated


async def opened(shop: Shop, initiated: PaymentInitiatedEvent) -> dict[str, Any] | None:
    assert initiated.personal is not None
    assert initiated.subject_id is not None
    return await shop.gateway.personal_data.open(
        initiated.personal, tenant_id="demo", subject_id=initiated.subject_id
    )


async def forget(shop: Shop, reference: str = REFERENCE, **context: Any) -> Subject:
    return await shop.gateway.subjects.forget(reference, replace(shop.context, **context))


async def erasures(shop: Shop, subject_id: str) -> list[Any]:
    return [one.event for one in (await shop.store.read(erasure_stream(subject_id))).events]


class TestForgetting:
    async def test_what_was_sealed_of_a_person_cannot_be_opened_any_more(self, shop: Shop) -> None:
        payments = [await bought(shop, 1), await bought(shop, 2)]
        assert await opened(shop, payments[0]) is not None

        subject = await forget(shop)

        assert not subject.readable
        assert [await opened(shop, one) for one in payments] == [None, None]

    async def test_others_stay_as_they_are(self, shop: Shop) -> None:
        await bought(shop, 1)
        other = await bought(shop, 2, customer={"reference": "customer-18"})

        await forget(shop)

        assert await opened(shop, other) is not None

    async def test_it_is_an_event_with_actor_and_reason_and_nothing_personal(
        self, shop: Shop
    ) -> None:
        initiated = await bought(shop)
        assert initiated.subject_id is not None

        await forget(shop, reason="asked by letter")

        (recorded,) = (await shop.store.read(erasure_stream(initiated.subject_id))).events
        assert recorded.event == SubjectForgottenEvent(
            tenant_id="demo", subject_id=initiated.subject_id
        )
        assert (recorded.context.actor, recorded.context.reason) == (
            shop.context.actor,
            "asked by letter",
        )
        assert REFERENCE not in str(recorded)

    async def test_again_it_changes_nothing(self, shop: Shop) -> None:
        initiated = await bought(shop)
        assert initiated.subject_id is not None
        first = await forget(shop)

        again = await forget(shop)

        assert again == first
        assert len(await erasures(shop, initiated.subject_id)) == 1

    async def test_at_the_same_moment_it_is_done_once(self, shop: Shop) -> None:
        initiated = await bought(shop)
        assert initiated.subject_id is not None

        done = await asyncio.gather(*(forget(shop) for _ in range(8)))

        assert len(set(done)) == 1
        assert len(await erasures(shop, initiated.subject_id)) == 1

    async def test_nobody_of_that_reference(self, shop: Shop) -> None:
        await bought(shop)

        with pytest.raises(SubjectNotFound):
            await forget(shop, "customer-99")
        with pytest.raises(SubjectNotFound):
            await shop.gateway.subjects.find("customer-99", tenant_id="demo")

    async def test_another_tenants_customer_is_nobody(self, shop: Shop) -> None:
        initiated = await bought(shop)

        with pytest.raises(SubjectNotFound):
            await forget(shop, tenant_id="rival")

        assert await opened(shop, initiated) is not None

    async def test_answers_that_are_kept_for_the_tenant_are_dropped(self, shop: Shop) -> None:
        await bought(shop)
        await forget(shop)

        assert shop.dropped_answers == ["demo"]

    async def test_one_that_broke_off_is_gone_on_with(self, shop: Shop) -> None:
        """The process died between the event and the key."""
        initiated = await bought(shop)

        class Dying:
            async def destroy(self, stream: str) -> None:
                raise EventStoreUnavailable(stream)

        dying = replace(shop.gateway.subjects, streams=Dying())
        with pytest.raises(EventStoreUnavailable):
            await dying.forget(REFERENCE, shop.context)
        assert (await dying.find(REFERENCE, tenant_id="demo")).readable

        subject = await forget(shop)

        assert not subject.readable
        assert await opened(shop, initiated) is None


class TestComingBack:
    async def test_a_later_payment_is_another_subjects_and_can_be_read(self, shop: Shop) -> None:
        before = await bought(shop, 1)
        await forget(shop)

        after = await bought(shop, 2)

        assert after.subject_id is not None
        assert after.subject_id != before.subject_id
        assert await opened(shop, before) is None
        assert (await opened(shop, after) or {})["customer"] == ANA
        found = await shop.gateway.subjects.find(REFERENCE, tenant_id="demo")
        assert found.readable
        assert found.subject_ids == (before.subject_id, after.subject_id)

    async def test_forgotten_again_nothing_is_left_of_either_time(self, shop: Shop) -> None:
        payments = [await bought(shop, 1)]
        for number in (2, 3):
            await forget(shop)
            payments.append(await bought(shop, number))
        subject = await forget(shop)

        assert [await opened(shop, one) for one in payments] == [None, None, None]
        assert len(set(subject.subject_ids)) == 3

    async def test_an_old_order_that_is_sent_again_makes_no_new_key(self, shop: Shop) -> None:
        initiated = await bought(shop, 1)
        await forget(shop)

        assert await bought(shop, 1) == initiated

        subject = await shop.gateway.subjects.find(REFERENCE, tenant_id="demo")
        assert subject.subject_ids == (initiated.subject_id,)

    async def test_a_key_is_never_made_again_for_who_was_forgotten(self, shop: Shop) -> None:
        initiated = await bought(shop)
        assert initiated.subject_id is not None
        await forget(shop)

        with pytest.raises(SubjectForgotten):
            await shop.gateway.personal_data.seal(
                ANA, subject_id=initiated.subject_id, context=shop.context
            )

        assert (await shop.store.read(key_stream(initiated.subject_id))).destroyed

    async def test_what_a_provider_says_later_is_forgotten_with_them(self, shop: Shop) -> None:
        initiated = await bought(shop)
        await forget(shop)
        notified = NotifiedShop(shop)
        payment_id = PaymentIdVO(initiated.payment_id)
        await notified.receive("CHECKOUT.ORDER.APPROVED", await order_of(shop, payment_id))
        assert (await shop.gateway.subjects.find(REFERENCE, tenant_id="demo")).readable

        assert not (await forget(shop)).readable

    async def test_what_a_receiver_says_of_their_payments_is_not_kept(self, shop: Shop) -> None:
        initiated = await bought(shop)
        assert initiated.subject_id is not None
        deliveries, context = shop.gateway.webhook_deliveries, shop.context
        whose = initiated.subject_id
        assert await deliveries.seal_excerpt("said", subject_id=whose, context=context)

        await forget(shop)

        assert await deliveries.seal_excerpt("said", subject_id=whose, context=context) is None


class TestPaymentsWithoutCustomer:
    async def test_are_named_by_their_own_id(self, shop: Shop) -> None:
        initiated = await bought(shop, customer=None)
        assert initiated.subject_id == initiated.payment_id

        assert not (await forget(shop, initiated.payment_id)).readable

        assert await opened(shop, initiated) is None

    async def test_one_with_a_customer_is_not_forgotten_by_its_id(self, shop: Shop) -> None:
        initiated = await bought(shop)

        with pytest.raises(SubjectNotFound):
            await forget(shop, initiated.payment_id)

        assert await opened(shop, initiated) is not None


def test_ids_are_counted_up_and_lead_back_to_the_first() -> None:
    second = successor_of("WH-1.demo")
    third = successor_of(second)

    assert len({"WH-1.demo", second, third}) == 3
    assert {origin_of(one) for one in ("WH-1.demo", second, third)} == {"WH-1.demo"}
    assert origin_of("a~b") == "a~b"


def test_nobody_without_the_secret_can_guess_whose_id_it_is(shop: Shop) -> None:
    from payment_gateway.application.services.subject_service import customer_subject_id
    from payment_gateway.infrastructure.security.envelope import MasterKey

    ours = customer_subject_id(REFERENCE, "demo", shop.gateway.fingerprint)

    assert ours == customer_subject_id(REFERENCE, "demo", shop.gateway.fingerprint)
    assert ours != customer_subject_id(REFERENCE, "demo", MasterKey(b"o" * 32).fingerprint)
    assert ours != customer_subject_id(REFERENCE, "rival", shop.gateway.fingerprint)
