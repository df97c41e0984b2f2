"""Sends an event to an endpoint, signed by the Standard Webhooks specification.

Every request has its own connection, no redirect is followed, and of the answer no more is read than is
kept. httpcore is spoken to directly, since the connection has to go where the address was checked.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore

from payment_gateway.application.webhook_deliveries import Answered, Signed
from payment_gateway.infrastructure.webhook_deliveries.address import (
    AddressRefused,
    CheckedBackend,
    Network,
    Resolve,
    parse_networks,
    resolve,
)
from payment_gateway.infrastructure.webhook_deliveries.excerpt import excerpt_of
from payment_gateway.infrastructure.webhook_deliveries.request import Request, masked, request_of
from payment_gateway.infrastructure.webhooks.providers import CertificateFileError
from payment_gateway.settings import Settings
from payment_gateway.telemetry.metrics import WEBHOOK_ATTEMPT_DURATION, WEBHOOK_ATTEMPTS
from payment_gateway.telemetry.tracing import (
    Span,
    SpanKind,
    StatusCode,
    current_traceparent,
    span,
)

CONNECT_TIMEOUT_S: Final = 5.0
READ_TIMEOUT_S: Final = 10.0
TOTAL_TIMEOUT_S: Final = 20.0
ANSWER_BYTES_MAX: Final = 4 * 1024
_TIMEOUTS: Final = {
    "connect": CONNECT_TIMEOUT_S,
    "read": READ_TIMEOUT_S,
    "write": READ_TIMEOUT_S,
    "pool": CONNECT_TIMEOUT_S,
}


class WebhookHttpSender:
    """Sends over the network.

    Args:
        allowed: Networks to which events may be sent although they are not public, plain HTTP too.
        tls: How receivers are verified.
        encode_token: From tenant and position in the log to a ``Consistency-Token``.
        lookup: Resolves a name.
        total_timeout_s: When the receiver is given up, whatever it is doing.
    """

    def __init__(
        self,
        allowed: Sequence[Network],
        *,
        tls: ssl.SSLContext,
        encode_token: Callable[[str, int], str],
        lookup: Resolve = resolve,
        total_timeout_s: float = TOTAL_TIMEOUT_S,
    ) -> None:
        self._allowed: Final = allowed
        self._tls: Final = tls
        self._encode_token: Final = encode_token
        self._lookup: Final = lookup
        self._total_timeout_s: Final = total_timeout_s

    async def send(self, signed: Signed) -> Answered:
        """Send and return what came of it; nothing of the address or the receiver is raised."""
        recorded = signed.recorded
        with span(
            "webhook send",
            kind=SpanKind.CLIENT,
            traceparent=recorded.context.traceparent,
            attributes=_about(signed),
        ) as current:
            # Where nothing is recorded here the trace is passed on as it came.
            traceparent = current_traceparent() or recorded.context.traceparent
            answered = await self._send(signed, traceparent)
            _tell(current, answered)
        WEBHOOK_ATTEMPTS.labels(_outcome(answered)).inc()
        WEBHOOK_ATTEMPT_DURATION.observe(answered.duration_ms / 1_000)
        return answered

    async def _send(self, signed: Signed, traceparent: str | None) -> Answered:
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._total_timeout_s):
                reply = await self._post(signed, traceparent)
        except AddressRefused:
            return _failed("address_refused", started)
        except (TimeoutError, httpcore.TimeoutException):
            return _failed("timeout", started)
        except httpcore.ConnectError as error:
            return _failed(_connect_error(error), started)
        except UnicodeError:  # the name of a host that cannot be one
            return _failed("connect_failed", started)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol):
            return _failed("connection_failed", started)
        duration_ms = _since_ms(started)
        if 200 <= reply.status < 300:
            return Answered(
                status=reply.status,
                error=None,
                duration_ms=duration_ms,
                retry_after_s=None,
                excerpt="",
            )
        return Answered(
            status=reply.status,
            error=f"status_{reply.status}",
            duration_ms=duration_ms,
            retry_after_s=retry_after_s(reply.header("retry-after"), signed.at),
            excerpt=excerpt_of(reply.body),
        )

    def preview(self, signed: Signed) -> Mapping[str, Any]:
        """Return the request as it would be sent, its signatures masked."""
        return masked(self._request(signed, signed.recorded.context.traceparent))

    def _request(self, signed: Signed, traceparent: str | None) -> Request:
        token = self._encode_token(signed.tenant_id, signed.recorded.position)
        return request_of(signed, consistency_token=token, traceparent=traceparent)

    async def _post(self, signed: Signed, traceparent: str | None) -> _Reply:
        request = self._request(signed, traceparent)
        backend = CheckedBackend(self._allowed, allowed_only=request.is_plain, lookup=self._lookup)
        async with (
            httpcore.AsyncConnectionPool(
                ssl_context=self._tls, network_backend=backend, max_keepalive_connections=0
            ) as pool,
            pool.stream(
                "POST",
                request.ascii_url,
                headers=list(request.headers.items()),
                content=request.body,
                extensions={"timeout": _TIMEOUTS},
            ) as response,
        ):
            kept = bytearray()
            async for chunk in response.aiter_stream():
                kept += chunk
                if len(kept) >= ANSWER_BYTES_MAX:
                    break
            return _Reply(response.status, tuple(response.headers), bytes(kept[:ANSWER_BYTES_MAX]))


def _about(signed: Signed) -> dict[str, str]:
    """Return what a trace tells of a request: where it goes, without what a path may give away."""
    return {
        "http.request.method": "POST",
        "server.address": urlsplit(signed.url).hostname or "",
        "gateway.tenant": signed.tenant_id,
        "gateway.event.id": signed.recorded.event_id,
        "gateway.event.type": signed.recorded.type,
    }


def _tell(current: Span, answered: Answered) -> None:
    if answered.status is not None:
        current.set_attribute("http.response.status_code", answered.status)
    if answered.error is not None:
        current.set_attribute("error.type", answered.error)
        current.set_status(StatusCode.ERROR)


def _outcome(answered: Answered) -> str:
    if answered.error is None:
        return "delivered"
    return "unanswered" if answered.status is None else "refused"


def open_sender(
    settings: Settings, *, encode_token: Callable[[str, int], str]
) -> WebhookHttpSender:
    """Return the sender that the settings describe.

    Raises:
        CertificateFileError: The file of certificate authorities cannot be used.
    """
    return WebhookHttpSender(
        parse_networks(settings.webhook_networks_allowed),
        tls=tls_context_of(settings.webhook_ca_file),
        encode_token=encode_token,
    )


def tls_context_of(ca_file: Path | None) -> ssl.SSLContext:
    """Return how a server is verified: by the authorities of a file, or the system's.

    Raises:
        CertificateFileError: The file cannot be used.
    """
    if ca_file is None:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise CertificateFileError(f"{ca_file} cannot be used: {type(error).__name__}") from error


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Return for how long a receiver asks to be left alone; ``None`` where it does not say."""
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value.strip()[:9])
    try:
        return max((parsedate_to_datetime(value) - now).total_seconds(), 0.0)
    except (ValueError, TypeError):  # no date, or one without a zone
        return None


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        found = (v for n, v in self.headers if n.lower() == name.encode())
        value = next(found, None)
        return None if value is None else value.decode("latin-1")


def _failed(error: str, started: float) -> Answered:
    return Answered(
        status=None,
        error=error,
        duration_ms=_since_ms(started),
        retry_after_s=None,
        excerpt="",
    )


def _connect_error(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "tls_failed"
        cause = cause.__cause__ or cause.__context__
    return "connect_failed"


def _since_ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
