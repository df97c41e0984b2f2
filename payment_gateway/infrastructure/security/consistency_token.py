"""Consistency tokens: "I have seen the log up to here", signed and bound to a tenant."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final, Protocol

from payment_gateway.domain.value_objects.grant import ANY_TENANT

_POSITION_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 16


class Signer(Protocol):
    """Signs texts for this installation alone."""

    def sign(self, text: bytes) -> bytes:
        """Return the signature of a text."""
        ...


class ConsistencyTokens:
    """Makes and reads the value of the ``Consistency-Token`` header: position, signature, tenant."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def encode(self, tenant_id: str, position: int) -> str:
        """Return a token for a position in the log."""
        raw, named = position.to_bytes(_POSITION_BYTES, "big"), tenant_id.encode()
        token = base64.urlsafe_b64encode(raw + self._signature(raw, named) + named)
        return token.decode().rstrip("=")

    def decode(self, tenant_id: str, token: str) -> int | None:
        """Return the position; ``None`` for a token that is forged, or of a tenant that is not meant.

        Who speaks for all tenants (``*``) may have been told by any of them.
        """
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            return None
        position, signed = raw[:_POSITION_BYTES], raw[_POSITION_BYTES:]
        signature, named = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(position, named)):
            return None
        is_meant = tenant_id == ANY_TENANT or named == tenant_id.encode()
        return int.from_bytes(position, "big") if is_meant else None

    def _signature(self, position: bytes, named: bytes) -> bytes:
        return self._signer.sign(position + named)[:_SIGNATURE_BYTES]
