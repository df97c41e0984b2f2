"""The keys of an installation, from wherever the settings say they are.

A key file alone, a PKCS#11 token alone, or both: then the token wraps, and the file keeps the
installation secret and unwraps what it wrapped before the token was there.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from payment_gateway.domain.value_objects.secret_text import SecretText
from payment_gateway.infrastructure.security.envelope import MasterKey
from payment_gateway.infrastructure.security.key_encryption import KeyNotFound, KeyRing
from payment_gateway.infrastructure.security.key_file import read_key_file
from payment_gateway.infrastructure.security.key_ring import TokenBeforeFile, WatchedKeyFile
from payment_gateway.infrastructure.security.pkcs11_token import Pkcs11Token, TokenKeyRing
from payment_gateway.settings import Settings


class KeySourceMissing(Exception):
    """The settings name no keys, or keys that were never made; the message says what to do."""


class KeySource:
    """The installation secret, and the ring of key encryption keys."""

    def __init__(self, secret: bytes, ring: KeyRing) -> None:
        self.secret = secret
        self.ring = ring

    @property
    def master(self) -> MasterKey:
        """Both as the ciphers take them."""
        return MasterKey(self.secret, self.ring)


@contextmanager
def open_key_source(settings: Settings) -> Generator[KeySource, None, None]:
    """Yield the keys; a session at a token is closed at the end.

    Raises:
        KeySourceMissing: None are named, or the token lacks one.
        KeyFileError: The key file cannot be used.
        KeySourceUnavailable: The token gives no answer.
    """
    path = settings.encryption_key_file
    if settings.pkcs11_module is None:
        if path is None:
            raise KeySourceMissing(
                "set GATEWAY_ENCRYPTION_KEY_FILE to a key file, or GATEWAY_PKCS11_MODULE to the"
                " library of a token; payment-gateway keys create makes the keys"
            )
        yield KeySource(read_key_file(path), WatchedKeyFile(path))
        return
    token = open_token(settings)
    try:
        yield _token_source(settings, token, path)
    finally:
        token.close()


def open_token(settings: Settings) -> Pkcs11Token:
    """Return the token that the settings name, not yet logged in to.

    Raises:
        KeySourceMissing: Its library, label or PIN is not set.
    """
    named = (settings.pkcs11_module, settings.pkcs11_token, settings.pkcs11_pin)
    match named:
        case (Path() as module, str() as label, pin) if pin is not None:
            return Pkcs11Token(
                module=str(module), token=label, pin=SecretText(pin.get_secret_value())
            )
        case _:
            raise KeySourceMissing(
                "set GATEWAY_PKCS11_MODULE, GATEWAY_PKCS11_TOKEN and GATEWAY_PKCS11_PIN together"
            )


def _token_source(settings: Settings, token: Pkcs11Token, path: Path | None) -> KeySource:
    if not token.has_key(settings.pkcs11_key_label):
        raise KeySourceMissing(
            f"the token has no key labelled {settings.pkcs11_key_label};"
            " run: payment-gateway keys create"
        )
    ring = TokenKeyRing(token, settings.pkcs11_key_label)
    if path is not None:
        file = WatchedKeyFile(path, wraps=False)
        return KeySource(read_key_file(path), TokenBeforeFile(ring, file))
    try:
        return KeySource(token.installation_secret(settings.pkcs11_installation_label), ring)
    except KeyNotFound as error:
        raise KeySourceMissing(
            f"the token has no key labelled {settings.pkcs11_installation_label};"
            " run: payment-gateway keys create"
        ) from error
