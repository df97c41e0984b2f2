"""The master key of an installation, kept in a file that only its owner can read."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

KEY_BYTES: Final = 32


class KeyFileError(Exception):
    """The key file cannot be used; the message says what to do about it."""


def read_key_file(path: Path) -> bytes:
    """Return the 32 bytes of an existing key file.

    Raises:
        KeyFileError: Missing, readable by others, or not a base64 key of 32 bytes.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        raise KeyFileError(
            f"the key file {path} does not exist; restore it from your backup"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"the key file {path} cannot be read: {type(error).__name__}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise KeyFileError(f"the key file {path} is open to others; run: chmod 600 {path}")
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise KeyFileError(f"the key file {path} does not hold base64") from error
    if len(key) != KEY_BYTES:
        raise KeyFileError(f"the key file {path} must hold {KEY_BYTES} bytes, it holds {len(key)}")
    return key


def read_or_create_key_file(path: Path) -> bytes:
    """Return the key of an installation, making it on first use.

    Two processes may race: the file appears whole or not at all, and both return the same key.

    Raises:
        KeyFileError: The file is there but cannot be used.
        OSError: The folder cannot be written to.
    """
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # another process was first: its key counts
                os.link(draft, path)
        finally:
            draft.unlink()
    return read_key_file(path)
