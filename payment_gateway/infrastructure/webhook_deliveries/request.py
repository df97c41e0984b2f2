"""The request that carries an event to an endpoint: its address, its headers with the signatures, its body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from standardwebhooks import Webhook

from payment_gateway.application.webhook_deliveries import Signed
from payment_gateway.infrastructure.persistence.event_document import (
    event_document,
    shown_version,
)

USER_AGENT: Final = "payment-gateway-webhooks/1"
_SIGNATURES: Final = "webhook-signature"
_MASKED: Final = "v1,***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A POST as it is sent.

    Attributes:
        url: As the endpoint's owner wrote it.
        ascii_url: The same with everything beyond ASCII escaped, the name of the host as DNS has it.
        headers: One signature for each secret among them.
    """

    url: str
    ascii_url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_plain(self) -> bool:
        """Whether it goes without TLS."""
        return urlsplit(self.url).scheme != "https"


def request_of(signed: Signed, *, consistency_token: str, traceparent: str | None) -> Request:
    """Return the request that carries an event.

    Args:
        signed: What is sent and where to.
        consistency_token: Of the state that the event made.
        traceparent: The trace that the receiver may go on in; ``None`` where there is none.

    Raises:
        UnicodeError: The name of the host cannot be one.
    """
    recorded, body = signed.recorded, _payload(signed)
    signatures = [
        Webhook(secret).sign(recorded.event_id, signed.at, body.decode())
        for secret in signed.secrets
    ]
    headers = {
        "Host": _host(signed.url),
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Accept-Encoding": "identity",
        "User-Agent": USER_AGENT,
        "webhook-id": recorded.event_id,
        "webhook-timestamp": str(int(signed.at.timestamp())),
        _SIGNATURES: " ".join(signatures),
        "Consistency-Token": consistency_token,
    }
    if traceparent is not None:
        headers["traceparent"] = traceparent
    return Request(url=signed.url, ascii_url=_ascii(signed.url), headers=headers, body=body)


def masked(request: Request) -> Mapping[str, Any]:
    """Return a request for people to look at, without what its signatures would give away."""
    count = len(request.headers[_SIGNATURES].split())
    return {
        "url": request.url,
        "headers": {**request.headers, _SIGNATURES: " ".join([_MASKED] * count)},
        "body": msgspec.json.decode(request.body),
    }


def _payload(signed: Signed) -> bytes:
    """Return the body: ``{type, version, timestamp, data}``.

    ``data`` is the event as it is shown everywhere, in the version in which it is stored: the same body
    each time, whichever release sends it.
    """
    recorded = signed.recorded
    document = event_document(recorded, payment_id=signed.payment_id, currency=signed.currency)
    body = {
        "type": recorded.type,
        "version": shown_version(recorded),
        "timestamp": recorded.context.at,
        "data": document,
    }
    return msgspec.json.encode(body)


def _ascii(url: str) -> str:
    parts = urlsplit(url)
    path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    escaped = "".join(c if c.isascii() else "".join(f"%{b:02X}" for b in c.encode()) for c in path)
    return f"{parts.scheme}://{_host(url)}{escaped}"


def _host(url: str) -> str:
    parts = urlsplit(url)
    name = parts.hostname or ""
    name = f"[{name}]" if ":" in name else name.encode("idna").decode()
    return name if parts.port is None else f"{name}:{parts.port}"
