"""Events of payments on their way to tenants' endpoints, over real sockets and a real MongoDB."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from payment_gateway.application.commands.deliver_webhook import Delivering
from payment_gateway.application.sagas.webhook_delivery_loop import (
    IN_FLIGHT_PER_ENDPOINT_MAX,
    WebhookDeliveryLoop,
)
from payment_gateway.application.sagas.webhook_delivery_schedule import (
    DISABLE_AFTER,
    FAILURES_MIN,
    RETRIES,
)
from payment_gateway.application.services.webhook_delivery_service import (
    GIVE_UP_AFTER,
    delivery_id_of,
)
from payment_gateway.application.webhook_deliveries import Answered, DeliveryFilter, Signed
from payment_gateway.domain.aggregates.webhook_delivery import WebhookDeliveryStatus
from payment_gateway.domain.errors import WebhookDeliveryNotFound
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO
from payment_gateway.infrastructure.persistence.mongodb import Database
from tests.fake_deliveries import FakeReceiver
from tests.http_receiver import HttpReceiver, Reply, http_receiver
from tests.integration.delivery_world import (
    TOKENS,
    DeliveryWorld,
    delivery_world,
    following,
    subscription_of,
)
from tests.mongodb_fixture import database, mongodb_uri

__all__ = ["database", "mongodb_uri"]

DELIVERED, PARKED = WebhookDeliveryStatus.DELIVERED, WebhookDeliveryStatus.PARKED
SCHEDULED = WebhookDeliveryStatus.SCHEDULED


@pytest.fixture
async def world(database: Database) -> AsyncGenerator[DeliveryWorld, None]:
    async with delivery_world(database) as opened:
        yield opened


@pytest.fixture
async def receiver() -> AsyncGenerator[HttpReceiver, None]:
    async with http_receiver() as listening:
        yield listening


class BrokenSender(FakeReceiver):
    """A sender with a mistake in it."""

    async def send(self, signed: Signed) -> Answered:
        raise ZeroDivisionError


def real_now() -> datetime:
    return datetime.now(UTC)


async def sent_now(world: DeliveryWorld) -> None:
    """Send what is due with the clock at the real time: verifiers refuse what was signed long ago."""
    noon, world.shop.now = world.shop.now, real_now()
    await world.send_due()
    world.shop.now = noon


class TestSending:
    async def test_every_event_of_a_payment_arrives_once(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        endpoint_id, _ = await world.endpoint(receiver.url)
        payment_id = await world.pay()

        assert await world.send_due() == 3
        assert await world.send_due() == 0

        told = sorted(one.json["type"] for one in receiver.taken)
        assert told == sorted(await world.types(f"payment-{payment_id}"))
        assert {one.status for one in await world.deliveries(endpoint_id)} == {DELIVERED}

    async def test_the_body_is_the_event_as_it_is_shown_everywhere(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        await world.endpoint(receiver.url, "PaymentInitiated")
        payment_id = await world.pay()
        await world.send_due()

        (taken,) = receiver.taken
        stored = (await world.shop.store.read(f"payment-{payment_id}")).events[0]
        body = taken.json
        assert set(body) == {"type", "version", "timestamp", "data"}
        assert body["version"] == 1
        assert (body["type"], body["timestamp"]) == ("PaymentInitiated", "2026-01-01T12:00:00Z")
        event = body["data"]
        assert event["id"] == stored.event_id == taken.headers["webhook-id"]
        assert (event["paymentId"], event["revision"]) == (payment_id.value, 0)
        assert (event["data"]["amount"], event["data"]["currency"]) == ("19.99", "USD")
        assert taken.headers["content-type"] == "application/json"

    async def test_nothing_that_is_sealed_or_internal_is_sent(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        await world.endpoint(receiver.url)
        await world.pay()
        await world.send_due()

        for taken in receiver.taken:
            assert not {"personal", "subjectId", "fingerprint", "handle"} & set(
                taken.json["data"]["data"]
            )

    async def test_the_token_leads_a_query_to_what_the_event_says(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        await world.endpoint(receiver.url, "CheckoutCreated")
        payment_id = await world.pay()
        await world.send_due()

        stored = (await world.shop.store.read(f"payment-{payment_id}")).events[-1]
        token = receiver.taken[0].headers["consistency-token"]
        assert TOKENS.decode("demo", token) == stored.position
        assert TOKENS.decode("rival", token) is None

    async def test_what_was_before_an_endpoint_is_not_sent_to_it(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        await world.pay(1)
        endpoint_id, _ = await world.endpoint(receiver.url)
        assert await world.deliveries(endpoint_id) == []

    async def test_another_tenants_endpoint_learns_nothing(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        rival = replace(world.context, tenant_id="rival")
        await world.gateway.tenants.create(
            TenantIdVO("rival"), name=None, return_urls=(), context=rival
        )
        await world.endpoint(receiver.url, tenant="rival")
        await world.pay()

        assert await world.send_due() == 0
        assert receiver.taken == []


class TestSignatures:
    """Checked with the specification's own library, which goes by the real time."""

    async def test_a_public_verifier_accepts_it(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        _, secret = await world.endpoint(receiver.url, "PaymentInitiated")
        await world.pay()
        await sent_now(world)

        (taken,) = receiver.taken
        body = Webhook(secret).verify(taken.body, dict(taken.headers))
        assert body == taken.json
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(taken.body.replace(b"19.99", b"91.99"), dict(taken.headers))

    async def test_while_secrets_overlap_either_verifies_and_afterwards_the_new_one_alone(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        endpoint_id, old = await world.endpoint(receiver.url, "PaymentInitiated")
        rotated = await world.gateway.webhook_endpoints.rotate(
            endpoint_id, overlap_s=3600, context=replace(world.context, at=real_now())
        )
        await world.pay(1)
        await sent_now(world)
        first = receiver.taken[0]
        for secret in (old, rotated.secret):
            assert Webhook(secret).verify(first.body, dict(first.headers))

        ended = await world.gateway.webhook_endpoints.rotate(
            endpoint_id, overlap_s=0, context=replace(world.context, at=real_now())
        )
        await world.pay(2)
        await sent_now(world)
        second = receiver.taken[1]
        assert Webhook(ended.secret).verify(second.body, dict(second.headers))
        for secret in (old, rotated.secret):
            with pytest.raises(WebhookVerificationError):
                Webhook(secret).verify(second.body, dict(second.headers))


class TestRetries:
    async def test_what_failed_is_sent_again_later_with_the_same_id(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        endpoint_id, _ = await world.endpoint(receiver.url, "PaymentInitiated")
        receiver.replies = [Reply(500), Reply(503)]
        await world.pay()

        assert await world.send_due() == 1
        assert await world.send_due() == 0  # not yet
        world.later(seconds=RETRIES[0].total_seconds())
        assert await world.send_due() == 1
        world.later(seconds=RETRIES[1].total_seconds())
        assert await world.send_due() == 1

        assert len({one.headers["webhook-id"] for one in receiver.taken}) == 1
        (record,) = await world.deliveries(endpoint_id)
        assert record.status is DELIVERED
        assert [one.error for one in record.attempts] == ["status_500", "status_503", None]
        assert await world.types(f"delivery-{record.delivery_id}") == [
            "WebhookDeliveryScheduled",
            "WebhookDeliveryAttempted",
            "WebhookDeliveryAttempted",
            "WebhookDeliveryAttempted",
            "WebhookDelivered",
        ]

    async def test_a_redirect_is_not_followed(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        async with http_receiver() as elsewhere:
            receiver.always = Reply(302, {"Location": elsewhere.url})
            endpoint_id, _ = await world.endpoint(receiver.url, "PaymentInitiated")
            await world.pay()
            await world.send_due()
            assert elsewhere.taken == []
        (record,) = await world.deliveries(endpoint_id)
        assert record.attempts[0].error == "status_302"

    @pytest.mark.parametrize("as_date", [False, True])
    async def test_a_receiver_that_asks_for_time_is_given_it(
        self, world: DeliveryWorld, receiver: HttpReceiver, as_date: bool
    ) -> None:
        until = world.shop.now + timedelta(hours=2)
        asked = format_datetime(until, usegmt=True) if as_date else "7200"
        receiver.always = Reply(429, {"Retry-After": asked})
        endpoint_id, _ = await world.endpoint(receiver.url, "PaymentInitiated")
        await world.pay()
        await world.send_due()

        (record,) = await world.deliveries(endpoint_id)
        assert record.next_at == until

    async def test_after_three_days_it_is_parked_and_can_be_resent(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        receiver.always = Reply(500)
        endpoint_id, _ = await world.endpoint(receiver.url, "PaymentInitiated")
        await world.pay()
        began = world.shop.now
        for _ in range(100):
            await world.send_due()
            (record,) = await world.deliveries(endpoint_id)
            if record.next_at is None:
                break
            world.shop.now = record.next_at
        assert (record.status, record.parked_reason) == (PARKED, "exhausted")
        assert world.shop.now - began == GIVE_UP_AFTER
        assert len(receiver.taken) == record.attempt_count > len(RETRIES)

        receiver.always = Reply(200)
        await world.gateway.webhook_deliveries.resend(record.delivery_id, world.context)
        await world.caught_up()
        assert await world.send_due() == 1
        (record,) = await world.deliveries(endpoint_id)
        assert (record.status, record.parked_reason) == (DELIVERED, None)
        assert len({one.headers["webhook-id"] for one in receiver.taken}) == 1

    async def test_an_answer_is_kept_sealed_and_masked_and_never_read_to_its_end(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        told = b"No such customer: jane@example.org, card 4111 1111 1111 1111. " + b"x " * 5_000_000
        receiver.always = Reply(400, body=told)
        endpoint_id, _ = await world.endpoint(receiver.url, "PaymentInitiated")
        await world.pay()
        await world.send_due()

        (record,) = await world.deliveries(endpoint_id)
        kept = record.attempts[0].excerpt
        assert kept is not None
        assert "customer" not in kept
        (opened,) = await world.gateway.webhook_deliveries.open_excerpts(
            record.attempts, tenant_id="demo"
        )
        assert opened is not None
        assert opened.startswith("No such customer: [e-mail], card [number].")
        assert receiver.body_sent < len(told)


class TestFairness:
    async def test_a_slow_endpoint_holds_up_no_other(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        async with http_receiver() as slow:
            slow.always = Reply(200, after_s=600)
            await world.endpoint(slow.url)
            await world.endpoint(receiver.url)
            for number in range(6):
                await world.pay(number)
            loop = world.loop()
            running = asyncio.create_task(loop.run())
            try:
                await receiver.wait_for(18)
                await slow.wait_for(IN_FLIGHT_PER_ENDPOINT_MAX)
                assert slow.most_under_way == IN_FLIGHT_PER_ENDPOINT_MAX
                assert receiver.most_under_way <= IN_FLIGHT_PER_ENDPOINT_MAX
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    async def test_a_receiver_that_dribbles_its_answer_is_given_up(
        self, database: Database, receiver: HttpReceiver
    ) -> None:
        async with delivery_world(database, total_timeout_s=1.0) as world:
            receiver.always = Reply(200, body=b"." * 10_000, between_s=0.05)
            endpoint_id, _ = await world.endpoint(receiver.url, "PaymentInitiated")
            await world.pay()
            await world.send_due()
            (record,) = await world.deliveries(endpoint_id)
            assert record.attempts[0].error == "timeout"


class TestFaultsOfOurs:
    async def test_what_nobody_expected_ends_the_process_instead_of_being_lost(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        await world.endpoint(receiver.url, "PaymentInitiated")
        await world.pay()
        loop = WebhookDeliveryLoop(
            replace(world.gateway, webhook_sender=BrokenSender()),
            Delivering(queue=world.queue, random=lambda: 0.5),
        )
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(loop.run(), 30)


class TestEndpointsThatDoNotTakeEvents:
    async def test_gone_is_never_asked_again(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        receiver.always = Reply(410)
        endpoint_id, _ = await world.endpoint(receiver.url, "PaymentInitiated")
        await world.pay(1)
        await world.send_due()
        await world.pay(2)

        assert await world.send_due() == 0
        (record,) = await world.deliveries(endpoint_id)
        assert (record.status, record.parked_reason) == (PARKED, "gone")
        ((endpoint, listed),) = await world.gateway.webhook_endpoints.list_of("demo")
        assert (endpoint.enabled, endpoint.disabled_reason) == (False, "gone")
        assert listed.disabled_at == world.shop.now

    async def test_after_days_of_failures_an_endpoint_is_disabled(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        receiver.always = Reply(500)
        endpoint_id, _ = await world.endpoint(receiver.url, "PaymentInitiated")
        began = world.shop.now
        for number in range(FAILURES_MIN):
            await world.pay(number)
            await world.send_due()
            endpoint = await world.gateway.webhook_endpoints.find(endpoint_id, tenant_id="demo")
            assert endpoint.enabled
        world.shop.now = began + DISABLE_AFTER
        await world.pay(FAILURES_MIN)
        await world.send_due()

        endpoint = await world.gateway.webhook_endpoints.find(endpoint_id, tenant_id="demo")
        assert (endpoint.enabled, endpoint.disabled_reason) == (False, "failing")
        assert (await world.types(f"endpoint-{endpoint_id}"))[-1] == "WebhookEndpointDisabled"

    async def test_one_success_begins_the_count_anew(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        endpoint_id, _ = await world.endpoint(receiver.url, "PaymentInitiated")
        receiver.replies = [Reply(500)]
        await world.pay(1)
        await world.send_due()
        assert (await world.queue.failing(endpoint_id)) is not None
        await world.pay(2)
        await world.send_due()
        assert (await world.queue.failing(endpoint_id)) is None

    async def test_while_paused_nothing_is_scheduled_and_what_is_due_is_parked(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        endpoint_id, _ = await world.endpoint(receiver.url, "PaymentInitiated")
        receiver.replies = [Reply(500)]
        await world.pay(1)
        await world.send_due()
        await world.gateway.webhook_endpoints.change(
            endpoint_id, url=None, types=None, enabled=False, context=world.context
        )
        await world.pay(2)
        world.later(minutes=1)
        await world.send_due()

        (record,) = await world.deliveries(endpoint_id)
        assert (record.status, record.parked_reason) == (PARKED, "endpoint_paused")
        assert len(receiver.taken) == 1

    async def test_enabled_again_before_an_attempt_is_due_it_goes_on(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        endpoint_id, _ = await world.endpoint(receiver.url, "PaymentInitiated")
        receiver.replies = [Reply(500)]
        await world.pay(1)
        await world.send_due()
        for enabled in (False, True):
            await world.gateway.webhook_endpoints.change(
                endpoint_id, url=None, types=None, enabled=enabled, context=world.context
            )
        world.later(minutes=1)
        await world.send_due()
        (record,) = await world.deliveries(endpoint_id)
        assert record.status is DELIVERED

    async def test_a_test_arrives_even_at_a_paused_endpoint(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        endpoint_id, _ = await world.endpoint(receiver.url, enabled=False)
        requested = await world.gateway.webhook_endpoints.request_test(endpoint_id, world.context)
        event_id = requested.event_id
        await world.caught_up()
        await world.send_due()

        (taken,) = receiver.taken
        assert taken.headers["webhook-id"] == event_id
        assert (taken.json["type"], taken.json["data"]["paymentId"]) == (
            "WebhookTestRequested",
            None,
        )
        (record,) = await world.deliveries(endpoint_id)
        assert record.delivery_id == delivery_id_of(endpoint_id, event_id)

    async def test_a_deleted_endpoint_gets_nothing_more(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        endpoint_id, _ = await world.endpoint(receiver.url, "PaymentInitiated")
        await world.pay(1)
        await world.gateway.webhook_endpoints.delete(endpoint_id, world.context)
        await world.pay(2)
        await world.send_due()

        assert receiver.taken == []
        (record,) = await world.deliveries(endpoint_id)
        assert record.parked_reason == "endpoint_deleted"


class TestResending:
    async def test_a_range_by_time_and_type(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        endpoint_id, _ = await world.endpoint(receiver.url)
        await world.pay(1)
        world.later(hours=1)
        since = world.shop.now
        await world.pay(2)
        await world.send_due()
        assert len(receiver.taken) == 6

        which = (await world.deliveries(endpoint_id, types=("PaymentInitiated",), since=since))[0]
        resent = await world.gateway.webhook_deliveries.resend_range(
            DeliveryFilter(endpoint_id=endpoint_id, types=("PaymentInitiated",), since=since),
            world.context,
        )
        await world.caught_up()
        assert (resent.resent, resent.has_more) == (1, False)
        assert await world.send_due() == 1
        assert receiver.taken[-1].headers["webhook-id"] == which.event_id

    async def test_another_tenants_delivery_does_not_exist(
        self, world: DeliveryWorld, receiver: HttpReceiver
    ) -> None:
        endpoint_id, _ = await world.endpoint(receiver.url, "PaymentInitiated")
        await world.pay()
        await world.send_due()
        (record,) = await world.deliveries(endpoint_id)
        rival = replace(world.context, tenant_id="rival")
        with pytest.raises(WebhookDeliveryNotFound):
            await world.gateway.webhook_deliveries.resend(record.delivery_id, rival)


class TestMongoDBLost:
    async def test_built_again_from_the_log_nothing_is_sent_twice(
        self, world: DeliveryWorld, receiver: HttpReceiver, database: Database
    ) -> None:
        endpoint_id, _ = await world.endpoint(receiver.url, "PaymentInitiated", "CheckoutCreated")
        receiver.replies = [Reply(500)]
        await world.pay()
        await world.send_due()
        before = await world.deliveries(endpoint_id)
        assert {one.status for one in before} == {DELIVERED, SCHEDULED}

        await database.client.drop_database(database.name)
        await world.queue.install()
        again = replace(world, subscription=subscription_of(world.queue, world.shop, database))
        async with following(again):
            await again.caught_up()
            assert await again.deliveries(endpoint_id) == before
            assert await again.send_due() == 0
        assert len(receiver.taken) == 2
