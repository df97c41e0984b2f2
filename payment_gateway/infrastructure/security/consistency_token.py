"""Consistency tokens: "I have seen the log up to here", signed and bound to a tenant."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final, Protocol

_POSITION_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 16


class Signer(Protocol):
    """Signs texts for this installation alone."""

    def sign(self, text: bytes) -> bytes:
        """Return the signature of a text."""
        ...


class ConsistencyTokens:
    """Makes and reads the value of the ``Consistency-Token`` header."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def encode(self, tenant_id: str, position: int) -> str:
        """Return a token for a position in the log."""
        raw = position.to_bytes(_POSITION_BYTES, "big")
        token = base64.urlsafe_b64encode(raw + self._signature(tenant_id, raw))
        return token.decode().rstrip("=")

    def decode(self, tenant_id: str, token: str) -> int | None:
        """Return the position, or ``None`` for a token that is forged or another tenant's."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            return None
        position, signature = raw[:_POSITION_BYTES], raw[_POSITION_BYTES:]
        if not hmac.compare_digest(signature, self._signature(tenant_id, position)):
            return None
        return int.from_bytes(position, "big")

    def _signature(self, tenant_id: str, position: bytes) -> bytes:
        return self._signer.sign(position + tenant_id.encode())[:_SIGNATURE_BYTES]
