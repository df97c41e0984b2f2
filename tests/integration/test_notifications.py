"""Handlers are told of events: mail over a real socket, a line in the log, each at least once with a key."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import structlog
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from payment_gateway.application.notifications import (
    Notice,
    NotificationFailed,
    NotificationHandler,
)
from payment_gateway.application.sagas.notification_loop import RETRIES, NotificationLoop
from payment_gateway.infrastructure.notifications.handlers import (
    LogHandler,
    configured_handlers,
    tell,
)
from payment_gateway.infrastructure.notifications.queue import MongoNotificationQueue
from payment_gateway.infrastructure.persistence.mongodb import (
    Database,
    open_session,
    transaction,
)
from payment_gateway.settings import Settings
from tests.integration.test_webhook_sender import ShopsServer
from tests.mongodb_fixture import database, mongodb_uri
from tests.smtp_server import SmtpReceiver, smtp_receiver
from tests.unit.application.gateway_fixture import Shop, open_shop

__all__ = ["database", "mongodb_uri"]


@pytest.fixture
async def mail() -> AsyncGenerator[SmtpReceiver, None]:
    async with smtp_receiver() as listening:
        yield listening


def email_handler(mail: SmtpReceiver) -> NotificationHandler:
    settings = Settings(
        notify_email_to=("ops@shop.example",),
        notify_email_from="gateway@pay.example",
        smtp_port=mail.port,
        smtp_encryption="none",
    )
    (handler,) = configured_handlers(settings)
    return handler


async def told(
    shop: Shop, database: Database, handler: NotificationHandler, *types: str
) -> NotificationLoop:
    """Return the loop of a handler whose queue has followed the payments of the shop."""
    queue = MongoNotificationQueue(database, handler.name, types, now=lambda: shop.now)
    await queue.install()
    payment = await shop.initiate()
    events = (await shop.store.read(f"payment-{payment.state.payment_id}")).events
    async with open_session(database) as session:
        for _ in range(2):  # as after a commit that nobody heard of
            async with transaction(session):
                await queue.handle(events, session)
    return NotificationLoop(handler, queue, tell, shop.gateway)


async def test_a_mail_for_each_event_named_by_its_id(
    database: Database, mail: SmtpReceiver
) -> None:
    shop = await open_shop()
    loop = await told(shop, database, email_handler(mail), "PaymentInitiated")

    assert await loop.run_once() == 1
    assert await loop.run_once() == 0
    (sent,) = mail.mails
    assert sent["Subject"] == "PaymentInitiated (demo)"
    assert sent["To"] == "ops@shop.example"
    assert sent["Message-ID"].endswith("@pay.example>")
    assert '"amount": "19.99"' in str(sent.get_payload())


async def test_a_mail_that_is_refused_for_now_is_sent_later_under_the_same_name(
    database: Database, mail: SmtpReceiver
) -> None:
    shop = await open_shop()
    loop = await told(shop, database, email_handler(mail), "PaymentInitiated")
    mail.refusals = 1

    assert await loop.run_once() == 1
    assert (mail.mails, await loop.run_once()) == ([], 0)
    shop.later(seconds=RETRIES[0].total_seconds())
    assert await loop.run_once() == 1
    assert len(mail.mails) == 1


@pytest.mark.parametrize(("name", "arrives"), [("localhost", True), ("other.example", False)])
async def test_over_tls_the_mail_server_has_to_be_who_it_says(
    database: Database, tmp_path: Path, name: str, arrives: bool
) -> None:
    server = ShopsServer(tmp_path, name)
    shop = await open_shop()
    async with smtp_receiver(server.server) as mail:
        settings = Settings(
            notify_email_to=("ops@shop.example",),
            smtp_host="localhost",
            smtp_port=mail.port,
            smtp_encryption="tls",
            smtp_ca_file=tmp_path / "server.pem",
        )
        (handler,) = configured_handlers(settings)
        loop = await told(shop, database, handler, "PaymentInitiated")
        assert await loop.run_once() == 1
        assert len(mail.mails) == int(arrives)


async def test_a_line_in_the_log_for_each_event(database: Database) -> None:
    shop = await open_shop()
    loop = await told(shop, database, LogHandler())
    with capture_logs(processors=[merge_contextvars]) as lines:
        assert await loop.run_once() == 3
        structlog.get_logger().info("afterwards")
    assert lines.pop().keys() == {"event", "log_level"}
    written = [one for one in lines if one["event"] == "analytics.event"]
    assert sorted(one["type"] for one in written) == [
        "CheckoutCreated",
        "PaymentInitiated",
        "ProviderAttemptStarted",
    ]
    assert len({one["event_id"] for one in written}) == 3
    for one in written:
        assert one["causation_id"] == one["event_id"]
        assert (one["tenant_id"], one["payment_id"]) == ("demo", one["paymentId"])
    assert len({one["correlation_id"] for one in written}) == 1


async def test_what_is_not_told_is_logged_for_whom_it_was(database: Database) -> None:
    class Failing:
        name = "log"

        async def handle(self, notice: Notice) -> None:
            raise NotificationFailed("nobody listens")

    shop = await open_shop()
    loop = await told(shop, database, Failing(), "PaymentInitiated")
    with capture_logs(processors=[merge_contextvars]) as lines:
        assert await loop.run_once() == 1

    (failed,) = lines
    assert (failed["event"], failed["tenant_id"]) == ("notification.failed", "demo")
    assert failed["causation_id"] == failed["event_id"]
    assert failed.keys() >= {"payment_id", "correlation_id"}


async def test_what_happened_long_ago_is_not_told(database: Database, mail: SmtpReceiver) -> None:
    shop = await open_shop()
    payment = await shop.initiate()
    events = (await shop.store.read(f"payment-{payment.state.payment_id}")).events
    shop.later(days=2)
    queue = MongoNotificationQueue(database, "email", (), now=lambda: shop.now)
    async with open_session(database) as session, transaction(session):
        await queue.handle(events, session)
    assert await queue.claim(shop.now, limit=10) == []


def test_a_handler_that_is_not_configured_does_not_run() -> None:
    assert configured_handlers(Settings()) == ()
    (only,) = configured_handlers(Settings(notify_log=True))
    assert only.name == "log"
