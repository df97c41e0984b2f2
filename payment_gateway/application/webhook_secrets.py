"""What signs the events that are sent to an endpoint: made, sealed, shown once."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Final, Protocol

from payment_gateway.domain.aggregates.webhook_endpoint import RotateWebhookSecret, WebhookEndpoint

# Standard Webhooks, "Signature scheme": between 24 and 64 bytes, shown as base64 after whsec_.
SECRET_BYTES: Final = 32
_PREFIX: Final = "whsec_"


class WebhookSecretCipher(Protocol):
    """Seals the secrets of endpoints, bound to whose they are."""

    def seal(self, plaintext: bytes, *, tenant_id: str, endpoint_id: str, version: int) -> str:
        """Return an envelope that opens only for the same tenant, endpoint and version."""
        ...

    def open(self, envelope: str, *, tenant_id: str, endpoint_id: str, version: int) -> bytes:
        """Return the clear text; raises ``SealBroken`` or ``KeySourceUnavailable``."""
        ...


def shown(secret: bytes) -> str:
    """Return a secret as its endpoint is configured with it."""
    return _PREFIX + base64.b64encode(secret).decode()


def rotation(
    secret: bytes, endpoint: WebhookEndpoint, until: datetime, cipher: WebhookSecretCipher
) -> RotateWebhookSecret:
    """Return the command that gives an endpoint another secret; those before sign until a time."""
    version = endpoint.version + 1
    envelope = cipher.seal(
        secret, tenant_id=endpoint.tenant_id, endpoint_id=endpoint.endpoint_id, version=version
    )
    return RotateWebhookSecret(version=version, envelope=envelope, previous_until=until)


def signing_secrets(
    endpoint: WebhookEndpoint, at: datetime, cipher: WebhookSecretCipher
) -> list[bytes]:
    """Return the secrets that sign at a time in clear, the newest first.

    Raises:
        SealBroken: The keys that wrapped them are lost.
        KeySourceUnavailable: Where the keys are kept gave no answer.
    """
    return [
        cipher.open(
            one.envelope,
            tenant_id=endpoint.tenant_id,
            endpoint_id=endpoint.endpoint_id,
            version=one.version,
        )
        for one in endpoint.signing_secrets(at)
    ]
