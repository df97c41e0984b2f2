"""Keys that never leave a hardware security module: the only module that knows python-pkcs11.

A wrong authentication tag is ``CKR_ENCRYPTED_DATA_INVALID`` by PKCS#11 v3.0, section 5.9, but the bare
``CKR_GENERAL_ERROR`` with SoftHSM 2.6. A process must not use a library that its parent has
initialised (PKCS#11 v2.40, section 2.6 of the usage guide), so it is opened on first use.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar, cast

import pkcs11
from pkcs11 import (
    Attribute,
    GCMParams,
    KeyType,
    Mechanism,
    MechanismFlag,
    ObjectClass,
    exceptions,
)

from payment_gateway.application.ports import KeySourceUnavailable, SealBroken
from payment_gateway.domain.value_objects.secret_text import SecretText
from payment_gateway.infrastructure.security.aes_gcm import KEY_BYTES, NONCE_BYTES, TAG_BYTES
from payment_gateway.infrastructure.security.key_encryption import KeyEncryptionKey, KeyNotFound

KEY_ID_PREFIX: Final = "hsm-"
_INSTALLATION: Final = b"payment-gateway installation secret"
_TAG_BITS: Final = TAG_BYTES * 8
_TRIES: Final = 2  # a session that was lost is opened again once

_DOES_NOT_OPEN: Final = (
    exceptions.EncryptedDataInvalid,
    exceptions.EncryptedDataLenRange,
    exceptions.GeneralError,
)
_SESSION_LOST: Final = (
    exceptions.DeviceError,
    exceptions.DeviceRemoved,
    exceptions.KeyHandleInvalid,
    exceptions.ObjectHandleInvalid,
    exceptions.SessionClosed,
    exceptions.SessionHandleInvalid,
    exceptions.UserNotLoggedIn,
)

Result = TypeVar("Result")


class _SecretKey(Protocol):
    """What a key of the library can do that its declared type leaves out."""

    def encrypt(self, data: bytes, *, mechanism: Mechanism, mechanism_param: Any) -> bytes: ...

    def decrypt(self, data: bytes, *, mechanism: Mechanism, mechanism_param: Any) -> bytes: ...

    def sign(self, data: bytes, *, mechanism: Mechanism) -> bytes: ...


class Pkcs11Token:
    """One token, logged in to on first use. Any thread may use it; they take turns.

    Args:
        module: The library of the token's maker.
        token: The token's label.
        pin: The user PIN.
    """

    def __init__(self, *, module: str, token: str, pin: SecretText) -> None:
        self._module = module
        self._token = token
        self._pin = pin
        self._lock = threading.Lock()
        self._session: pkcs11.Session | None = None
        self._process = 0
        self._keys: dict[str, _SecretKey] = {}

    def encrypt(self, label: str, plaintext: bytes, bound_to: bytes) -> bytes:
        """Return nonce, ciphertext and tag.

        Raises:
            KeyNotFound: The token has no key of that label.
            KeySourceUnavailable: The token gave no answer.
        """
        nonce = secrets.token_bytes(NONCE_BYTES)

        def run() -> bytes:
            return self._key(label).encrypt(
                plaintext,
                mechanism=Mechanism.AES_GCM,
                mechanism_param=GCMParams(nonce, bound_to, _TAG_BITS),
            )

        return nonce + self._run(run)

    def decrypt(self, label: str, sealed: bytes, bound_to: bytes) -> bytes:
        """Return the clear text.

        Raises:
            SealBroken: Another key, another binding or changed bytes.
            KeyNotFound: The token has no key of that label.
            KeySourceUnavailable: The token gave no answer.
        """
        nonce, text = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        if len(text) < TAG_BYTES:
            raise SealBroken("a sealed text was changed")

        def run() -> bytes:
            key = self._key(label)
            try:
                return key.decrypt(
                    text,
                    mechanism=Mechanism.AES_GCM,
                    mechanism_param=GCMParams(nonce, bound_to, _TAG_BITS),
                )
            except _DOES_NOT_OPEN as error:
                raise SealBroken("a sealed text does not open in the token") from error

        return self._run(run)

    def installation_secret(self, label: str) -> bytes:
        """Return 32 bytes that only the token's key of that label can make.

        Raises:
            KeyNotFound: The token has no key of that label.
            KeySourceUnavailable: The token gave no answer.
        """

        def run() -> bytes:
            return self._key(label).sign(_INSTALLATION, mechanism=Mechanism.SHA256_HMAC)

        return self._run(run)

    def has_key(self, label: str) -> bool:
        """Whether there is a secret key of that label; raises ``KeySourceUnavailable``."""
        try:
            self._run(lambda: self._key(label))
        except KeyNotFound:
            return False
        return True

    def make_wrapping_key(self, label: str) -> None:
        """Make an AES key in the token, never to leave it; raises ``KeySourceUnavailable``."""
        self._make(
            KeyType.AES,
            label,
            Mechanism.AES_KEY_GEN,
            MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
        )

    def make_installation_key(self, label: str) -> None:
        """Make the key that the installation secret follows from; raises ``KeySourceUnavailable``."""
        self._make(
            KeyType.GENERIC_SECRET,
            label,
            Mechanism.GENERIC_SECRET_KEY_GEN,
            MechanismFlag.SIGN,
        )

    def close(self) -> None:
        """Close the session; the next use opens another."""
        with self._lock:
            self._forget()

    def _make(
        self, key_type: KeyType, label: str, mechanism: Mechanism, capabilities: MechanismFlag
    ) -> None:
        never_leaves = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}

        def run() -> None:
            self._opened().generate_key(
                key_type,
                KEY_BYTES * 8,
                id=secrets.token_bytes(8),
                label=label,
                store=True,
                capabilities=capabilities,
                mechanism=mechanism,
                template=never_leaves,
            )

        self._run(run)

    def _run(self, operation: Callable[[], Result]) -> Result:
        with self._lock:
            for last in [False] * (_TRIES - 1) + [True]:
                try:
                    return operation()
                except _SESSION_LOST as error:
                    self._forget()
                    if last:
                        raise self._unavailable(error) from error
                except (exceptions.PKCS11Error, RuntimeError, OSError) as error:
                    raise self._unavailable(error) from error
        raise AssertionError("unreachable")

    def _unavailable(self, error: Exception) -> KeySourceUnavailable:
        return KeySourceUnavailable(
            f"the PKCS#11 token {self._token} gives no answer: {type(error).__name__}"
        )

    def _key(self, label: str) -> _SecretKey:
        session = self._opened()
        known = self._keys.get(label)
        if known is not None:
            return known
        try:
            found = session.get_key(object_class=ObjectClass.SECRET_KEY, label=label)
        except exceptions.NoSuchKey as error:
            raise KeyNotFound(f"{KEY_ID_PREFIX}{label}") from error
        key = self._keys[label] = cast("_SecretKey", found)
        return key

    def _opened(self) -> pkcs11.Session:
        if self._session is not None and self._process == os.getpid():
            return self._session
        library = pkcs11.lib(self._module)
        if self._process not in {0, os.getpid()}:
            library.reinitialize()
        token = library.get_token(token_label=self._token)
        try:
            session = token.open(rw=True, user_pin=self._pin.reveal())
        except exceptions.UserAlreadyLoggedIn:  # the process has another session, and so is
            session = token.open(rw=True)
        self._keys, self._session, self._process = {}, session, os.getpid()
        return session

    def _forget(self) -> None:
        session, self._session, self._keys = self._session, None, {}
        if session is not None and self._process == os.getpid():
            try:
                session.close()
            except exceptions.PKCS11Error:
                return  # it was gone already


class TokenKey:
    """A key encryption key in a token."""

    def __init__(self, token: Pkcs11Token, label: str) -> None:
        self._token = token
        self._label = label

    @property
    def key_id(self) -> str:
        """Follows from the key's label."""
        return f"{KEY_ID_PREFIX}{self._label}"

    def wrap(self, data_key: bytes, bound_to: bytes) -> bytes:
        """Return a data key encrypted in the token; raises ``KeySourceUnavailable``."""
        return self._token.encrypt(self._label, data_key, bound_to)

    def unwrap(self, wrapped: bytes, bound_to: bytes) -> bytes:
        """Return the data key; raises ``SealBroken`` or ``KeySourceUnavailable``."""
        return self._token.decrypt(self._label, wrapped, bound_to)


class TokenKeyRing:
    """The keys of a token: the one that is named wraps, every one that is there unwraps."""

    def __init__(self, token: Pkcs11Token, label: str) -> None:
        self._token = token
        self._current = TokenKey(token, label)

    def current(self) -> KeyEncryptionKey:
        """Return the key that the settings name."""
        return self._current

    def find(self, key_id: str) -> KeyEncryptionKey:
        """Return a key by its id; raises ``KeyNotFound`` if the token does not have it."""
        label = key_id.removeprefix(KEY_ID_PREFIX)
        if label == key_id or not self._token.has_key(label):
            raise KeyNotFound(key_id)
        return TokenKey(self._token, label)

    def before_ids(self) -> Sequence[KeyEncryptionKey]:
        """Return none: whatever a token wrapped names its key."""
        return ()
