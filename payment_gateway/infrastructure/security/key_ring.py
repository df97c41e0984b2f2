"""Where an installation's key encryption keys come from: a key file, a token, or both."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import structlog

from payment_gateway.infrastructure.security.key_encryption import (
    FileKey,
    KeyEncryptionKey,
    KeyNotFound,
    KeyRing,
)
from payment_gateway.infrastructure.security.key_file import KeyFile, KeyFileError, load_key_file

_log = structlog.get_logger(__name__)


class FileKeyRing:
    """The keys that a key file held when it was read.

    Args:
        contents: Of the file.
        wraps: Whether what is new is wrapped by one of them, and not by a token.

    Raises:
        KeyFileError: It holds none, and one is needed.
    """

    def __init__(self, contents: KeyFile, *, wraps: bool = True) -> None:
        if wraps and not contents.keys:
            raise KeyFileError("the key file holds no key, and no token is named that has one")
        self._keys = [FileKey(key) for key in contents.keys]
        known = list(self._keys)
        if contents.upcoming is not None:
            known.append(FileKey(contents.upcoming))
        self._by_id = {key.key_id: key for key in known}

    def current(self) -> KeyEncryptionKey:
        """Return the file's first key."""
        return self._keys[0]

    def find(self, key_id: str) -> KeyEncryptionKey:
        """Return a key by its id; raises ``KeyNotFound`` if it is not in the file."""
        key = self._by_id.get(key_id)
        if key is None:
            raise KeyNotFound(key_id)
        return key

    def before_ids(self) -> Sequence[KeyEncryptionKey]:
        """Return every key: what names none was wrapped by one of a file."""
        return self._keys


class WatchedKeyFile:
    """The keys of a key file that may be replaced while the process runs.

    It is read again whenever it has changed. One that cannot be used changes nothing: the keys
    that are known go on.

    Args:
        path: Of the file.
        wraps: As in ``FileKeyRing``.

    Raises:
        KeyFileError: It cannot be used from the start.
    """

    def __init__(self, path: Path, *, wraps: bool = True) -> None:
        self._path = path
        self._wraps = wraps
        self._seen = _signature(path)
        self._ring = FileKeyRing(load_key_file(path), wraps=wraps)

    def current(self) -> KeyEncryptionKey:
        """Return the file's first key."""
        return self._fresh().current()

    def find(self, key_id: str) -> KeyEncryptionKey:
        """Return a key by its id; raises ``KeyNotFound`` if it is not in the file."""
        return self._fresh().find(key_id)

    def before_ids(self) -> Sequence[KeyEncryptionKey]:
        """Return every key of the file."""
        return self._fresh().before_ids()

    def _fresh(self) -> FileKeyRing:
        seen = _signature(self._path)
        if seen != self._seen:
            self._seen = seen
            try:
                self._ring = FileKeyRing(load_key_file(self._path), wraps=self._wraps)
            except KeyFileError as error:
                _log.warning("key_file.not_read", error=str(error))
        return self._ring


class TokenBeforeFile:
    """The keys of a token, and those of a file that unwrap what it wrapped before."""

    def __init__(self, token: KeyRing, file: KeyRing) -> None:
        self._token = token
        self._file = file

    def current(self) -> KeyEncryptionKey:
        """Return the token's key."""
        return self._token.current()

    def find(self, key_id: str) -> KeyEncryptionKey:
        """Return a key by its id; raises ``KeyNotFound`` if neither has it."""
        try:
            return self._file.find(key_id)
        except KeyNotFound:
            return self._token.find(key_id)

    def before_ids(self) -> Sequence[KeyEncryptionKey]:
        """Return the keys of the file."""
        return self._file.before_ids()


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - three times as fast as pathlib, and before each use of a key
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
