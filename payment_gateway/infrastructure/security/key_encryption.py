"""Key encryption keys: what wraps data keys, wherever it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from payment_gateway.application.ports import SealBroken
from payment_gateway.infrastructure.security.aes_gcm import decrypt, derive, encrypt

_ID_BYTES: Final = 8


class KeyEncryptionKey(Protocol):
    """Wraps data keys. It may be out of reach itself, inside a token."""

    @property
    def key_id(self) -> str:
        """Names the key in what it wrapped; letters, digits, ``-`` and ``_``."""
        ...

    def wrap(self, data_key: bytes, bound_to: bytes) -> bytes:
        """Return a data key encrypted and bound to what it may open.

        Raises:
            KeySourceUnavailable: Where the key is kept gave no answer.
        """
        ...

    def unwrap(self, wrapped: bytes, bound_to: bytes) -> bytes:
        """Return the data key.

        Raises:
            SealBroken: Wrapped by another key or for another binding, or changed.
            KeySourceUnavailable: Where the key is kept gave no answer.
        """
        ...


class KeyRing(Protocol):
    """The key encryption keys of an installation: one wraps, all of them unwrap."""

    def current(self) -> KeyEncryptionKey:
        """Return the key that wraps what is new."""
        ...

    def find(self, key_id: str) -> KeyEncryptionKey:
        """Return a key by its id.

        Raises:
            KeyNotFound: It is not among them.
        """
        ...

    def before_ids(self) -> Sequence[KeyEncryptionKey]:
        """Return the keys that may have wrapped what names none."""
        ...


class KeyNotFound(SealBroken):
    """A data key was wrapped by a key that this installation does not have."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"wrapped by the key {key_id}, which this installation does not have")
        self.key_id = key_id


class FileKey:
    """A key encryption key in this process's memory, from 32 bytes of a key file."""

    def __init__(self, key: bytes) -> None:
        self._wrapping = derive(key, "wrap-data-keys")
        self._key_id = f"file-{derive(key, 'key-id', length=_ID_BYTES).hex()}"

    @property
    def key_id(self) -> str:
        """Follows from the key, so that it needs no place of its own."""
        return self._key_id

    def wrap(self, data_key: bytes, bound_to: bytes) -> bytes:
        """Return a data key encrypted and bound to what it may open."""
        return encrypt(self._wrapping, data_key, bound_to)

    def unwrap(self, wrapped: bytes, bound_to: bytes) -> bytes:
        """Return the data key; raises ``SealBroken`` for another key or binding."""
        return decrypt(self._wrapping, wrapped, bound_to)
