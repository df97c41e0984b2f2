"""Sealed texts: AES-256-GCM under a fresh data key, the data key wrapped by a key encryption key.

Both layers carry what the text is bound to as associated data, so an envelope that was moved to another
tenant, provider, version or subject does not open. An envelope names the key that wrapped it:
``v2.<key id>.<wrapped data key>``, and ``.<ciphertext>`` where the text is kept beside its key. Those
of before (``v1.<wrapped>.<ciphertext>``, or the wrapped key alone) name none and still open.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final

from payment_gateway.application.ports import SealBroken
from payment_gateway.infrastructure.security.aes_gcm import (
    KEY_BYTES,
    bind,
    decrypt,
    derive,
    encrypt,
)
from payment_gateway.infrastructure.security.key_encryption import KeyRing
from payment_gateway.infrastructure.security.key_file import KeyFile
from payment_gateway.infrastructure.security.key_ring import FileKeyRing

_FINGERPRINT_DIGITS: Final = 16
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)


class MasterKey:
    """The keys of an installation: its secret, each use of which has a key derived from it, and its ring.

    Args:
        secret: 32 bytes that stay for as long as the installation does.
        ring: Wraps data keys. Without one the only key is the one that follows from the secret.
    """

    def __init__(self, secret: bytes, ring: KeyRing | None = None) -> None:
        self._sealing = derive(secret, "seal-shared-texts")
        self._fingerprint = derive(secret, "fingerprint")
        self._signing = derive(secret, "consistency-token")
        only = KeyFile(secret=secret, keys=(secret,))
        self.ring: Final[KeyRing] = FileKeyRing(only) if ring is None else ring

    def wrap(self, text: bytes, bound_to: bytes) -> bytes:
        """Return a text sealed for other processes of this installation, not for keeping."""
        return encrypt(self._sealing, text, bound_to)

    def unwrap(self, sealed: bytes, bound_to: bytes) -> bytes:
        """Return such a text; raises ``SealBroken`` for another binding or installation."""
        return decrypt(self._sealing, sealed, bound_to)

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
        """Return an envelope that is bound to tenant, provider and version."""
        owner = ("credential", tenant_id, provider, str(version))
        data_key = secrets.token_bytes(KEY_BYTES)
        wrapped = _wrap(self._master.ring, data_key, owner)
        return f"{wrapped}.{_text(encrypt(data_key, plaintext, bind(*owner)))}"

    def open(self, envelope: str, *, tenant_id: str, provider: str, version: int) -> bytes:
        """Return the clear text; raises ``SealBroken``, never a wrong text."""
        owner = ("credential", tenant_id, provider, str(version))
        parts = _split(envelope)
        if parts.sealed is None:
            raise SealBroken("an envelope without its contents")
        return decrypt(_unwrap(self._master.ring, parts, owner), parts.sealed, bind(*owner))

    def fingerprint(self, plaintext: bytes) -> str:
        """Return 16 hex digits that tell two sets of credentials apart."""
        return self._master.fingerprint(b"credential|" + plaintext)[:_FINGERPRINT_DIGITS]


class EnvelopeWebhookSecretCipher:
    """Seals the secrets of webhook endpoints, each version under a data key of its own."""

    def __init__(self, master: MasterKey) -> None:
        self._ring = master.ring

    def seal(self, plaintext: bytes, *, tenant_id: str, endpoint_id: str, version: int) -> str:
        """Return an envelope that is bound to tenant, endpoint and version."""
        owner = ("webhook-secret", tenant_id, endpoint_id, str(version))
        data_key = secrets.token_bytes(KEY_BYTES)
        wrapped = _wrap(self._ring, data_key, owner)
        return f"{wrapped}.{_text(encrypt(data_key, plaintext, bind(*owner)))}"

    def open(self, envelope: str, *, tenant_id: str, endpoint_id: str, version: int) -> bytes:
        """Return the clear text; raises ``SealBroken``, never a wrong text."""
        owner = ("webhook-secret", tenant_id, endpoint_id, str(version))
        parts = _split(envelope)
        if parts.sealed is None:
            raise SealBroken("an envelope without its contents")
        return decrypt(_unwrap(self._ring, parts, owner), parts.sealed, bind(*owner))


class EnvelopeSubjectCipher:
    """Seals one person's data under that person's key."""

    def __init__(self, master: MasterKey) -> None:
        self._ring = master.ring

    def new_key(self, *, tenant_id: str, subject_id: str) -> str:
        """Return a new data key, wrapped and bound to the subject."""
        owner = ("subject", tenant_id, subject_id)
        return _wrap(self._ring, secrets.token_bytes(KEY_BYTES), owner)

    def seal(self, plaintext: bytes, wrapped: str, *, tenant_id: str, subject_id: str) -> str:
        """Return the text sealed under a wrapped key; raises ``SealBroken`` for another's key."""
        owner = ("subject", tenant_id, subject_id)
        data_key = _unwrap(self._ring, _split(wrapped), owner)
        return _text(encrypt(data_key, plaintext, bind(*owner)))

    def open(self, sealed: str, wrapped: str, *, tenant_id: str, subject_id: str) -> bytes:
        """Return the clear text; raises ``SealBroken``, never a wrong text."""
        owner = ("subject", tenant_id, subject_id)
        data_key = _unwrap(self._ring, _split(wrapped), owner)
        return decrypt(data_key, _bytes(sealed), bind(*owner))


class EnvelopeRewrapper:
    """Wraps data keys by the current key instead of an older one; what they seal stays as it is."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    @property
    def current_key_id(self) -> str:
        """The key that wraps now."""
        return self._ring.current().key_id

    def key_id(self, envelope: str) -> str | None:
        """Return which key wrapped it, ``None`` where it names none; raises ``SealBroken``."""
        return _split(envelope).key_id

    def rewrap(self, envelope: str, owner: tuple[str, ...]) -> str:
        """Return the same data key wrapped by the current key; raises ``SealBroken``."""
        parts = _split(envelope)
        wrapped = _wrap(self._ring, _unwrap(self._ring, parts, owner), owner)
        return wrapped if parts.sealed is None else f"{wrapped}.{_text(parts.sealed)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Envelope:
    key_id: str | None
    wrapped: bytes
    sealed: bytes | None


def _wrap(ring: KeyRing, data_key: bytes, owner: tuple[str, ...]) -> str:
    key = ring.current()
    return f"v2.{key.key_id}.{_text(key.wrap(data_key, bind(key.key_id, *owner)))}"


def _unwrap(ring: KeyRing, envelope: _Envelope, owner: tuple[str, ...]) -> bytes:
    if envelope.key_id is not None:
        key = ring.find(envelope.key_id)
        return key.unwrap(envelope.wrapped, bind(key.key_id, *owner))
    for key in ring.before_ids():
        try:
            return key.unwrap(envelope.wrapped, bind(*owner))
        except SealBroken:
            continue
    raise SealBroken("a sealed text does not open with any key for this owner")


def _split(envelope: str) -> _Envelope:
    match envelope.split("."):
        case ["v2", key_id, wrapped, *rest] if _KEY_ID.fullmatch(key_id) and len(rest) <= 1:
            sealed = _bytes(rest[0]) if rest else None
            return _Envelope(key_id=key_id, wrapped=_bytes(wrapped), sealed=sealed)
        case ["v1", wrapped, sealed_text]:
            return _Envelope(key_id=None, wrapped=_bytes(wrapped), sealed=_bytes(sealed_text))
        case [wrapped]:
            return _Envelope(key_id=None, wrapped=_bytes(wrapped), sealed=None)
        case _:
            raise SealBroken("not an envelope of a known format")


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text.encode())
    except (binascii.Error, UnicodeEncodeError) as error:
        raise SealBroken("a sealed text was changed") from error
