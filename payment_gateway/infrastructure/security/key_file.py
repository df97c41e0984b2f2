"""The key file of an installation, which only its owner can read.

As it is made it is one line, base64 of 32 bytes: the installation secret, from which the first key
encryption key is derived. With more than that key it has one line for each thing it holds:
``installation BASE64`` once, ``key BASE64`` for the keys (the first one wraps, all unwrap), and
``next BASE64`` for a key that is known everywhere before it wraps anything.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from payment_gateway.infrastructure.security.aes_gcm import KEY_BYTES

KEYS_MAX: Final = 20
FILE_BYTES_MAX: Final = 8 * 1024


class KeyFileError(Exception):
    """The key file cannot be used; the message says what to do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """What a key file holds.

    Attributes:
        secret: The installation secret; it stays when keys are rotated.
        keys: Key encryption keys, the one that wraps first. None where a token has them.
        upcoming: The key that will wrap next.
    """

    secret: bytes = field(repr=False)
    keys: tuple[bytes, ...] = field(repr=False)
    upcoming: bytes | None = field(repr=False, default=None)


def read_key_file(path: Path) -> bytes:
    """Return the installation secret of an existing key file, 32 bytes.

    Raises:
        KeyFileError: Missing, readable by others, or not a key file.
    """
    return load_key_file(path).secret


def load_key_file(path: Path) -> KeyFile:
    """Return all that an existing key file holds.

    Raises:
        KeyFileError: Missing, readable by others, or not a key file.
    """
    try:
        mode = path.stat().st_mode
        with path.open(encoding="ascii") as file:
            text = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise KeyFileError(
            f"the key file {path} does not exist; restore it from your backup"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"the key file {path} cannot be read: {type(error).__name__}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise KeyFileError(f"the key file {path} is open to others; run: chmod 600 {path}")
    if len(text) > FILE_BYTES_MAX:
        raise KeyFileError(f"the key file {path} is larger than {FILE_BYTES_MAX} bytes")
    return _parse(path, text)


def read_or_create_key_file(path: Path) -> bytes:
    """Return the secret of an installation, making it on first use.

    Two processes may race: the file appears whole or not at all, and both return the same.

    Raises:
        KeyFileError: The file is there but cannot be used.
        OSError: The folder cannot be written to.
    """
    if not path.exists():
        draft = _draft(path, base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        try:
            with suppress(FileExistsError):  # another process was first: its key counts
                os.link(draft, path)
        finally:
            draft.unlink()
    return read_key_file(path)


def write_key_file(path: Path, contents: KeyFile) -> None:
    """Replace a key file, whole or not at all.

    Raises:
        KeyFileError: It cannot be written, or would hold too many keys; it stays as it was.
    """
    if len(contents.keys) + (contents.upcoming is not None) > KEYS_MAX:
        raise KeyFileError(f"a key file holds at most {KEYS_MAX} keys; retire old ones first")
    lines = [("installation", contents.secret), *(("key", key) for key in contents.keys)]
    if contents.upcoming is not None:
        lines.append(("next", contents.upcoming))
    text = b"".join(b"%s %s\n" % (name.encode(), base64.b64encode(key)) for name, key in lines)
    try:
        _draft(path, text).replace(path)
    except OSError as error:
        raise KeyFileError(
            f"the key file {path} cannot be written: {type(error).__name__}"
        ) from error


def _draft(path: Path, text: bytes) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _parse(path: Path, text: str) -> KeyFile:
    lines = text.strip().splitlines()
    if len(lines) == 1 and " " not in lines[0]:
        secret = _key(path, lines[0])
        return KeyFile(secret=secret, keys=(secret,))
    found: dict[str, list[bytes]] = {"installation": [], "key": [], "next": []}
    for line in lines:
        name, _, encoded = line.partition(" ")
        if name not in found:
            raise KeyFileError(f"the key file {path} has a line that is none of a key file")
        found[name].append(_key(path, encoded))
    if len(found["installation"]) != 1 or len(found["next"]) > 1 or len(found["key"]) > KEYS_MAX:
        raise KeyFileError(
            f"the key file {path} must hold one installation secret,"
            f" at most {KEYS_MAX} keys, and one next key at most"
        )
    return KeyFile(
        secret=found["installation"][0],
        keys=tuple(found["key"]),
        upcoming=found["next"][0] if found["next"] else None,
    )


def _key(path: Path, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise KeyFileError(f"the key file {path} does not hold base64") from error
    if len(key) != KEY_BYTES:
        raise KeyFileError(f"a key in {path} must have {KEY_BYTES} bytes, it has {len(key)}")
    return key
