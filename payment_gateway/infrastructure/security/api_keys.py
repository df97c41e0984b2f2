"""API keys: what they look like, how they are kept (as a keyed hash), how one is looked up.

A key carries 256 bits of randomness, so a fast keyed hash is enough to keep it: there is nothing to guess.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PREFIX_TEST: Final = "gw_test_"
PREFIX_LIVE: Final = "gw_live_"
PREFIX_SHOWN: Final = 14  # characters of a key that may be shown again
KEY_LENGTH_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is kept of a key.

    Attributes:
        key_id: Names the key in logs and in the ``actor`` of what it did.
        tenant_id: The one tenant it speaks for, or ``*`` for all of them.
        roles: What it may do, see ``presentation.rest.access``.
        key_hash: Hex digest made by ``hash_api_key``.
        prefix: The first characters of the key, to tell keys apart.
    """

    key_id: str
    tenant_id: str
    roles: frozenset[str]
    key_hash: str
    prefix: str


class ApiKeysFileError(Exception):
    """The file of API keys cannot be used; the message says why."""


class ApiKeys:
    """The keys an installation accepts."""

    def __init__(self, keys: Iterable[ApiKey], master: bytes) -> None:
        self._by_hash: Mapping[str, ApiKey] = {key.key_hash: key for key in keys}
        self._pepper = _pepper(master)

    def find(self, key: str) -> ApiKey | None:
        """Return what is known of a key, ``None`` if it is not one of ours.

        The look-up is by keyed hash: how long it takes says nothing about any stored key.
        """
        if len(key) > KEY_LENGTH_MAX:
            return None
        return self._by_hash.get(_digest(self._pepper, key))


def derive_api_key(master: bytes, name: str, *, live: bool = False) -> str:
    """Return the same key each time for a master key and a name, so that it need not be stored."""
    prefix = PREFIX_LIVE if live else PREFIX_TEST
    return prefix + _derive(master, f"api-key:{prefix}{name}").hex()


def generate_api_key(*, live: bool = False) -> str:
    """Return a new random key; it is shown to its owner once and kept only as a hash."""
    return (PREFIX_LIVE if live else PREFIX_TEST) + secrets.token_hex(32)


def hash_api_key(master: bytes, key: str) -> str:
    """Return the digest under which a key is kept, in hex."""
    return _digest(_pepper(master), key)


def read_api_keys_file(path: Path) -> tuple[ApiKey, ...]:
    """Return the keys of a file written by ``write_api_keys_file``.

    Raises:
        ApiKeysFileError: The file is missing or is not such a file.
    """
    try:
        return tuple(msgspec.json.decode(path.read_bytes(), type=list[ApiKey]))
    except OSError as error:
        raise ApiKeysFileError(f"the API keys file {path} cannot be read") from error
    except msgspec.MsgspecError as error:
        raise ApiKeysFileError(f"{path} is not a file of API keys: {error}") from error


def write_api_keys_file(path: Path, keys: Iterable[ApiKey]) -> None:
    """Write the keys (their hashes) to an owner-only file, whole or not at all."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(list(keys)))
    draft.replace(path)


def _pepper(master: bytes) -> bytes:
    return _derive(master, "api-key-hash")


def _derive(master: bytes, purpose: str) -> bytes:
    kdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose.encode())
    return kdf.derive(master)


def _digest(pepper: bytes, key: str) -> str:
    return hmac.new(pepper, key.encode(), "sha256").hexdigest()
