"""The handlers that there are: e-mail, and a line of JSON in the log for analytics."""

from __future__ import annotations

import asyncio
import json
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Final, Literal

import structlog

from payment_gateway.application.notifications import (
    Notice,
    NotificationFailed,
    NotificationHandler,
)
from payment_gateway.application.services.webhook_delivery_service import Source
from payment_gateway.infrastructure.persistence.event_document import event_document
from payment_gateway.infrastructure.webhook_deliveries.sender import tls_context_of
from payment_gateway.settings import Settings

SMTP_TIMEOUT_S: Final = 20.0
Encryption = Literal["tls", "starttls", "none"]

log = structlog.get_logger("analytics")


async def tell(handler: NotificationHandler, source: Source) -> None:
    """Hand an event to a handler as tenants are shown it; raises ``NotificationFailed``."""
    recorded = source.recorded
    document = event_document(recorded, payment_id=source.payment_id, currency=source.currency)
    document["recordedAt"] = recorded.context.at.isoformat()
    await handler.handle(
        Notice(event_id=recorded.event_id, tenant_id=recorded.context.tenant_id, document=document)
    )


class LogHandler:
    """Writes each event as one structured line, for whatever collects the logs."""

    name: Final = "log"

    async def handle(self, notice: Notice) -> None:
        """Write the line; read again after a crash it has the same ``event_id``."""
        told: dict[str, Any] = dict(notice.document)
        log.info(
            "analytics.event",
            event_id=told.pop("id"),
            tenant_id=notice.tenant_id,
            **{name: told[name] for name in ("type", "paymentId", "recordedAt", "data")},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """Where mail is handed over.

    Attributes:
        encryption: ``tls`` from the first byte, ``starttls`` before anything is said, or ``none``.
        tls: How the server is verified.
        password: For ``user``; both are ``None`` where the server asks for none.
    """

    host: str
    port: int
    encryption: Encryption
    tls: ssl.SSLContext
    user: str | None
    password: str | None


class EmailHandler:
    """Sends each event as a mail; its ``Message-ID`` follows from the event's id, so that repeats are seen."""

    name: Final = "email"

    def __init__(self, server: SmtpServer, *, sender: str, recipients: tuple[str, ...]) -> None:
        self._server: Final = server
        self._sender: Final = sender
        self._recipients: Final = recipients

    async def handle(self, notice: Notice) -> None:
        """Hand the mail over; raises ``NotificationFailed`` where the server does not take it."""
        try:
            await asyncio.to_thread(self._send, self._message(notice))
        except (OSError, smtplib.SMTPException) as error:
            raise NotificationFailed(type(error).__name__) from error

    def _message(self, notice: Notice) -> EmailMessage:
        document = notice.document
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = ", ".join(self._recipients)
        message["Subject"] = f"{document['type']} ({notice.tenant_id})"
        message["Message-ID"] = f"<{notice.event_id}@{self._sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(json.dumps(document, indent=2, ensure_ascii=False))
        return message

    def _send(self, message: EmailMessage) -> None:
        server = self._server
        with self._connected() as smtp:
            if server.encryption == "starttls":
                smtp.starttls(context=server.tls)
            if server.user is not None and server.password is not None:
                smtp.login(server.user, server.password)
            smtp.send_message(message)

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        if server.encryption == "tls":
            return smtplib.SMTP_SSL(
                server.host, server.port, timeout=SMTP_TIMEOUT_S, context=server.tls
            )
        return smtplib.SMTP(server.host, server.port, timeout=SMTP_TIMEOUT_S)


def configured_handlers(settings: Settings) -> tuple[NotificationHandler, ...]:
    """Return the handlers that the settings ask for; one that they do not ask for does not run.

    Raises:
        CertificateFileError: The file of the mail server's authorities cannot be used.
    """
    handlers: list[NotificationHandler] = []
    if settings.notify_log:
        handlers.append(LogHandler())
    if settings.notify_email_to:
        password = settings.smtp_password
        server = SmtpServer(
            host=settings.smtp_host,
            port=settings.smtp_port,
            encryption=settings.smtp_encryption,
            tls=tls_context_of(settings.smtp_ca_file),
            user=settings.smtp_user,
            password=None if password is None else password.get_secret_value(),
        )
        sender, recipients = settings.notify_email_from, settings.notify_email_to
        handlers.append(EmailHandler(server, sender=sender, recipients=recipients))
    return tuple(handlers)
