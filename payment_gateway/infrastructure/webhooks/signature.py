"""The signature that PayPal and Pagadito both use: RSA, PKCS #1 v1.5, SHA-256, over a line of text.

Source: PayPal, "Verify webhook signatures manually"; Pagadito's WooCommerce plugin, which hands the same to
``openssl_verify``.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from payment_gateway.application.webhooks import SignatureRefused

HEADER_LENGTH_MAX: Final = 2048
KEY_BITS_MIN: Final = 2048
_EPOCH_DIGITS_MAX: Final = 11


def header(headers: Mapping[str, str], name: str) -> str:
    """Return a header that a signed notification has.

    Raises:
        SignatureRefused: It has not.
    """
    value = headers.get(name, "")
    if not 1 <= len(value) <= HEADER_LENGTH_MAX:
        raise SignatureRefused(f"the header {name} is missing or too long")
    return value


def checksum(body: bytes) -> int:
    """Return the CRC-32 of the raw bytes, never negative, as both providers write it."""
    return zlib.crc32(body)


def check_signature(certificate: x509.Certificate, signature: str, text: str) -> None:
    """Refuse a signature that the certificate's key did not make.

    Raises:
        SignatureRefused: It did not.
    """
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError) as error:
        raise SignatureRefused("the certificate has no key that can be read") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < KEY_BITS_MIN:
        raise SignatureRefused("the certificate has no key of the right kind")
    try:
        key.verify(base64.b64decode(signature, validate=True), text.encode(), PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError) as error:  # the latter: no base64 at all
        raise SignatureRefused("the signature is not that of the certificate") from error


def read_time(text: str) -> datetime | None:
    """Return a time given as seconds since 1970 or as ISO 8601, in UTC where it names no zone."""
    try:
        if text.isascii() and text.isdigit() and len(text) <= _EPOCH_DIGITS_MAX:
            return datetime.fromtimestamp(int(text), UTC)
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None
