"""Mail is handed to the server that it is meant for, under TLS, by whoever may: or not at all."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import structlog

from payment_gateway.application.notifications import (
    Notice,
    NotificationFailed,
    NotificationHandler,
)
from payment_gateway.infrastructure.notifications.handlers import configured_handlers
from payment_gateway.settings import Settings
from tests.integration.test_webhook_sender import ShopsServer
from tests.smtp_server import SmtpReceiver, smtp_receiver

USER, PASSWORD = "gateway", "planted-password"
NOTICE = Notice(event_id="ev-1", tenant_id="demo", document={"type": "PaymentCompleted"})


def handler_of(
    mail: SmtpReceiver, folder: Path, *, password: str | None = PASSWORD
) -> NotificationHandler:
    settings = Settings.model_validate(
        {
            "notify_email_to": ("ops@shop.example",),
            "smtp_host": "localhost",
            "smtp_port": mail.port,
            "smtp_ca_file": folder / "server.pem",
            "smtp_user": USER if password else None,
            "smtp_password": password,
        }
    )
    assert settings.smtp_encryption == "starttls", "unless it is said otherwise"
    (handler,) = configured_handlers(settings)
    return handler


async def test_after_starttls_it_logs_in_and_hands_the_mail_over(tmp_path: Path) -> None:
    server = ShopsServer(tmp_path, "localhost")
    async with smtp_receiver(starttls=server.server, accounts={USER: PASSWORD}) as mail:
        await handler_of(mail, tmp_path).handle(NOTICE)
    assert [one["Subject"] for one in mail.mails] == ["PaymentCompleted (demo)"]
    assert mail.users == [USER]
    assert [line.split()[0].upper() for line in mail.in_clear] == [b"EHLO", b"STARTTLS"]


async def test_a_server_that_is_another_is_told_neither_password_nor_mail(tmp_path: Path) -> None:
    server = ShopsServer(tmp_path, "other.example")
    async with smtp_receiver(starttls=server.server, accounts={USER: PASSWORD}) as mail:
        with pytest.raises(NotificationFailed, match="SSLCertVerificationError"):
            await handler_of(mail, tmp_path).handle(NOTICE)
    assert (mail.mails, mail.users) == ([], [])


async def test_a_server_that_cannot_encrypt_is_told_neither_password_nor_mail(
    tmp_path: Path,
) -> None:
    ShopsServer(tmp_path, "localhost")
    async with smtp_receiver(accounts={USER: PASSWORD}) as mail:
        with pytest.raises(NotificationFailed, match="SMTPNotSupportedError"):
            await handler_of(mail, tmp_path).handle(NOTICE)
    assert (mail.mails, mail.users) == ([], [])
    assert not [line for line in mail.in_clear if b"AUTH" in line.upper()]


async def test_who_is_not_let_in_hands_nothing_over_and_the_password_is_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    server = ShopsServer(tmp_path, "localhost")
    with structlog.testing.capture_logs() as lines, caplog.at_level(logging.DEBUG):
        async with smtp_receiver(starttls=server.server, accounts={USER: "another"}) as mail:
            handler = handler_of(mail, tmp_path)
            with pytest.raises(NotificationFailed) as failed:
                await handler.handle(NOTICE)
    assert mail.mails == []
    assert str(failed.value) == "SMTPAuthenticationError"
    told = f"{failed.value!r} {handler!r} {lines} {caplog.text} {capfd.readouterr()}"
    assert PASSWORD not in told


async def test_where_nobody_has_to_log_in_nobody_does(tmp_path: Path) -> None:
    server = ShopsServer(tmp_path, "localhost")
    async with smtp_receiver(starttls=server.server) as mail:
        await handler_of(mail, tmp_path, password=None).handle(NOTICE)
    assert (len(mail.mails), mail.users) == (1, [])
