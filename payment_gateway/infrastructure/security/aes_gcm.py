"""AES-256-GCM and key derivation, in the one form that is used here.

Source: NIST SP 800-38D (GCM, random nonces of 96 bits, tags of 128), RFC 5869 (HKDF).
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from payment_gateway.application.ports import SealBroken

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16


def encrypt(key: bytes, plaintext: bytes, bound_to: bytes) -> bytes:
    """Return nonce, ciphertext and tag; ``bound_to`` is authenticated and not contained."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, bound_to)


def decrypt(key: bytes, sealed: bytes, bound_to: bytes) -> bytes:
    """Return the clear text; raises ``SealBroken`` for another key, binding, or changed bytes."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError) as error:
        raise SealBroken("a sealed text does not open with this key for this owner") from error


def derive(key: bytes, purpose: str, *, length: int = KEY_BYTES) -> bytes:
    """Return a key for one purpose; it tells nothing of the key it came from, or of others."""
    kdf = HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=purpose.encode())
    return kdf.derive(key)


def bind(*parts: str) -> bytes:
    """Return associated data; lengths first: ("a|b", "c") and ("a", "b|c") are different things."""
    return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
