"""API keys: what they look like, how they are digested (a keyed hash), and the file of fixed ones.

A key carries 256 bits of randomness, so a fast keyed hash is enough to keep it: there is nothing to guess.
Keys are made by command and kept in the log. The file has keys that must be accepted before anybody can
command anything: those of ``payment-gateway up``.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from payment_gateway.application.ports import NewApiKeySecret
from payment_gateway.domain.aggregates.api_key import ApiKey, ApiKeySecret
from payment_gateway.infrastructure.security.aes_gcm import derive

PREFIX_TEST: Final = "gw_test_"
PREFIX_LIVE: Final = "gw_live_"
PREFIX_SHOWN: Final = 14  # characters of a key that may be shown again
KEY_LENGTH_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedApiKey:
    """What the file keeps of a key.

    Attributes:
        key_id: Names the key in logs and in the ``actor`` of what it did.
        tenant_id: The one tenant it speaks for, or ``*`` for all of them.
        roles: What it may do.
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


class HashedSecrets:
    """Makes and digests the secrets of API keys.

    Args:
        master: The installation secret, from which the pepper of the digests is derived.
        live: Whether real money moves here; it shows in the first letters of a key.
    """

    def __init__(self, master: bytes, *, live: bool) -> None:
        self._pepper = _pepper(master)
        self._live = live

    def new(self) -> NewApiKeySecret:
        """Return a secret that nobody can guess."""
        text = generate_api_key(live=self._live)
        return NewApiKeySecret(
            text=text, prefix=text[:PREFIX_SHOWN], key_hash=_digest(self._pepper, text)
        )

    def digest(self, text: str) -> str | None:
        """Return the digest of what was sent as a key; ``None`` if it is too long for one."""
        return None if len(text) > KEY_LENGTH_MAX else _digest(self._pepper, text)


def derive_api_key(master: bytes, name: str, *, live: bool = False) -> str:
    """Return the same key each time for a master key and a name, so that it need not be stored."""
    prefix = PREFIX_LIVE if live else PREFIX_TEST
    return prefix + derive(master, f"api-key:{prefix}{name}").hex()


def generate_api_key(*, live: bool = False) -> str:
    """Return a new random key; it is shown to its owner once and kept only as a hash."""
    return (PREFIX_LIVE if live else PREFIX_TEST) + secrets.token_hex(32)


def shown_prefix(text: str) -> str | None:
    """Return what may be logged of something sent as a key; ``None`` if it does not look like one."""
    return text[:PREFIX_SHOWN] if text.startswith((PREFIX_TEST, PREFIX_LIVE)) else None


def hash_api_key(master: bytes, key: str) -> str:
    """Return the digest under which a key is kept, in hex."""
    return _digest(_pepper(master), key)


def read_fixed_api_keys(path: Path | None) -> list[ApiKey]:
    """Return the keys of the file as the directory takes them; none where no file is named.

    Raises:
        ApiKeysFileError: The file is missing or is not such a file.
    """
    if path is None:
        return []
    kept = read_api_keys_file(path)
    made_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return [
        ApiKey(
            api_key_id=key.key_id,
            tenant_id=key.tenant_id,
            roles=tuple(sorted(key.roles)),
            name=None,
            secrets=(ApiKeySecret(prefix=key.prefix, key_hash=key.key_hash, until=None),),
            created_at=made_at,
            expires_at=None,
        )
        for key in kept
    ]


def read_api_keys_file(path: Path) -> tuple[FixedApiKey, ...]:
    """Return the keys of a file written by ``write_api_keys_file``.

    Raises:
        ApiKeysFileError: The file is missing or is not such a file.
    """
    try:
        return tuple(msgspec.json.decode(path.read_bytes(), type=list[FixedApiKey]))
    except OSError as error:
        raise ApiKeysFileError(f"the API keys file {path} cannot be read") from error
    except msgspec.MsgspecError as error:
        raise ApiKeysFileError(f"{path} is not a file of API keys: {error}") from error


def write_api_keys_file(path: Path, keys: Iterable[FixedApiKey]) -> None:
    """Write the keys (their hashes) to an owner-only file, whole or not at all."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(list(keys)))
    draft.replace(path)


def _pepper(master: bytes) -> bytes:
    return derive(master, "api-key-hash")


def _digest(pepper: bytes, key: str) -> str:
    return hmac.digest(pepper, key.encode(), "sha256").hex()
