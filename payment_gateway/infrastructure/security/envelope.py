"""Sealed texts: AES-256-GCM under a fresh data key, the data key wrapped by the master key.

Both layers carry what the text is bound to as associated data, so an envelope that was moved to another
tenant, provider, version or subject does not open. Source: NIST SP 800-38D (GCM, 96-bit random nonces).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from payment_gateway.application.ports import SealBroken

_FORMAT: Final = "v1"
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
_FINGERPRINT_DIGITS: Final = 16


class MasterKey:
    """The key of an installation; each use of it has a key of its own, derived from it."""

    def __init__(self, key: bytes) -> None:
        self._wrapping = _derive(key, "wrap-data-keys")
        self._fingerprint = _derive(key, "fingerprint")
        self._signing = _derive(key, "consistency-token")

    def wrap(self, data_key: bytes, bound_to: bytes) -> bytes:
        """Return a data key encrypted and bound to what it may open."""
        return _encrypt(self._wrapping, data_key, bound_to)

    def unwrap(self, wrapped: bytes, bound_to: bytes) -> bytes:
        """Return the data key; raises ``SealBroken`` for another binding or master key."""
        return _decrypt(self._wrapping, wrapped, bound_to)

    def fingerprint(self, text: bytes) -> str:
        """Return a keyed digest in hex: it tells texts apart and gives none away."""
        return hmac.new(self._fingerprint, text, "sha256").hexdigest()

    def sign(self, text: bytes) -> bytes:
        """Return 32 bytes that only this installation can make for a text."""
        return hmac.digest(self._signing, text, "sha256")


class EnvelopeCredentialCipher:
    """Seals provider credentials, each version under a data key of its own."""

    def __init__(self, master: MasterKey) -> None:
        self._master = master

    def seal(self, plaintext: bytes, *, tenant_id: str, provider: str, version: int) -> str:
        """Return ``v1.<wrapped data key>.<ciphertext>``, bound to tenant, provider and version."""
        bound_to = _bound_to("credential", tenant_id, provider, str(version))
        data_key = secrets.token_bytes(_KEY_BYTES)
        wrapped = self._master.wrap(data_key, bound_to)
        return _join(wrapped, _encrypt(data_key, plaintext, bound_to))

    def open(self, envelope: str, *, tenant_id: str, provider: str, version: int) -> bytes:
        """Return the clear text; raises ``SealBroken``, never a wrong text."""
        bound_to = _bound_to("credential", tenant_id, provider, str(version))
        wrapped, sealed = _split(envelope)
        return _decrypt(self._master.unwrap(wrapped, bound_to), sealed, bound_to)

    def fingerprint(self, plaintext: bytes) -> str:
        """Return 16 hex digits that tell two sets of credentials apart."""
        return self._master.fingerprint(b"credential|" + plaintext)[:_FINGERPRINT_DIGITS]


class EnvelopeSubjectCipher:
    """Seals one person's data under that person's key."""

    def __init__(self, master: MasterKey) -> None:
        self._master = master

    def new_key(self, *, tenant_id: str, subject_id: str) -> str:
        """Return a new data key, wrapped and bound to the subject."""
        bound_to = _bound_to("subject", tenant_id, subject_id)
        return _text(self._master.wrap(secrets.token_bytes(_KEY_BYTES), bound_to))

    def seal(self, plaintext: bytes, wrapped: str, *, tenant_id: str, subject_id: str) -> str:
        """Return the text sealed under a wrapped key; raises ``SealBroken`` for another's key."""
        bound_to = _bound_to("subject", tenant_id, subject_id)
        data_key = self._master.unwrap(_bytes(wrapped), bound_to)
        return _text(_encrypt(data_key, plaintext, bound_to))

    def open(self, sealed: str, wrapped: str, *, tenant_id: str, subject_id: str) -> bytes:
        """Return the clear text; raises ``SealBroken``, never a wrong text."""
        bound_to = _bound_to("subject", tenant_id, subject_id)
        return _decrypt(self._master.unwrap(_bytes(wrapped), bound_to), _bytes(sealed), bound_to)


def _derive(key: bytes, purpose: str) -> bytes:
    kdf = HKDF(algorithm=hashes.SHA256(), length=_KEY_BYTES, salt=None, info=purpose.encode())
    return kdf.derive(key)


def _bound_to(*parts: str) -> bytes:
    # Lengths first: ("a|b", "c") and ("a", "b|c") are different things.
    return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)


def _encrypt(key: bytes, plaintext: bytes, bound_to: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, bound_to)


def _decrypt(key: bytes, sealed: bytes, bound_to: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError) as error:
        raise SealBroken("a sealed text does not open with this key for this owner") from error


def _join(wrapped: bytes, sealed: bytes) -> str:
    return f"{_FORMAT}.{_text(wrapped)}.{_text(sealed)}"


def _split(envelope: str) -> tuple[bytes, bytes]:
    match envelope.split("."):
        case ["v1", wrapped, sealed]:
            return _bytes(wrapped), _bytes(sealed)
        case _:
            raise SealBroken("not an envelope of a known format")


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text.encode())
    except (binascii.Error, UnicodeEncodeError) as error:
        raise SealBroken("a sealed text was changed") from error
