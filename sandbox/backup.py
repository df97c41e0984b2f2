"""Copies of a whole installation in one file: made while it runs, brought back into an empty folder.

The file is a tar archive with the events, the keys, the books of the simulated providers, the ports, and a
manifest that has the hash of each. What is built from the events is left out: the next ``up`` builds it again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from sandbox.data_folder import open_data_folder
from sandbox.errors import SandboxError
from sandbox.eventstore.backup import BackupRefused as EventsRefused
from sandbox.eventstore.backup import back_up as back_up_events
from sandbox.eventstore.data_dir import DATABASE_FILE
from sandbox.eventstore.verification import NothingToVerify, verify_backup
from sandbox.private_file import OWNER_ONLY, write_private_json

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
EVENTS: Final = f"eventstore/{DATABASE_FILE}"
BOOKS: Final = ("paypal/paypal.sqlite3", "pagadito/pagadito.sqlite3")
FILES: Final = ("gateway.key", "apikeys.json", "ports.json")
# Without these two nothing can be brought back: the truth, and what opens what is encrypted in it.
NEEDED: Final = frozenset({EVENTS, "gateway.key"})
KNOWN: Final = frozenset({EVENTS, *BOOKS, *FILES})
# A folder that only has these is empty: what taking its lock leaves behind.
_TRACES: Final = frozenset({"lock"})
# Tried again while somebody holds the books, for so long.
BOOKS_WITHIN_S: Final = 30.0
_CHUNK_BYTES: Final = 1 << 20


class BackupRefused(SandboxError):
    """Nothing was copied; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a backup holds.

    Attributes:
        made_at: When it was begun, RFC 3339.
        events: How many there are.
        last_position: Of the newest of them.
        files: The SHA-256 of each file, by its path in the data folder.
    """

    made_at: str
    events: int
    last_position: int
    files: dict[str, str]

    def as_json(self) -> dict[str, object]:
        """Return what the manifest says, and what is shown to whoever made it."""
        return {
            "format": FORMAT,
            "madeAt": self.made_at,
            "events": self.events,
            "lastPosition": self.last_position,
            "files": self.files,
        }


def back_up(data_dir: Path, target: Path) -> Contents:
    """Copy an installation into one file that its owner alone may read; it may run meanwhile.

    The events are copied first, the providers' books last: whatever the events say of money is in the books.
    What happened between the two is in the books alone, and what the events have as an intent the recovery
    finds there.

    Raises:
        BackupRefused: There is no installation, the file exists, or it cannot be written.
    """
    if not (data_dir / EVENTS).is_file():
        raise BackupRefused(f"There is no installation in {data_dir}; name its folder.")
    if target.exists():
        raise BackupRefused(f"{target} exists; name a new file.")
    made_at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    try:
        with _work_folder(target.absolute().parent) as folder:
            (folder / "eventstore").mkdir()
            verified = back_up_events(data_dir / "eventstore", folder / EVENTS)
            if verified.damages:
                raise BackupRefused(f"The events are damaged: {verified.damages[0].problem}.")
            _copy_files(data_dir, folder)
            contents = Contents(
                made_at=made_at,
                events=verified.events,
                last_position=verified.last_position,
                files={name: _sha256(folder / name) for name in sorted(_present(folder))},
            )
            write_private_json(folder / MANIFEST, contents.as_json())
            _write_archive(folder, [MANIFEST, *contents.files], target)
    except (OSError, sqlite3.Error, EventsRefused) as error:
        raise BackupRefused(f"The backup could not be made: {error}") from error
    return contents


def restore(source: Path, data_dir: Path) -> Contents:
    """Bring a backup back into a folder that is empty or not there; what it holds is checked first.

    Raises:
        BackupRefused: The file is no backup or damaged, or the folder is not empty; it is as it was.
        SandboxError: The folder cannot be written, or an installation runs on it.
    """
    data_dir = data_dir.expanduser().absolute()
    if data_dir.exists() and (not data_dir.is_dir() or _is_in_use(data_dir)):
        raise BackupRefused(f"{data_dir} is not empty; name a new folder.")
    with open_data_folder(data_dir) as target:
        try:
            with _work_folder(target.path) as folder:
                contents = _unpacked(source, folder)
                for name in contents.files:
                    target.folder(*Path(name).parent.parts)
                for name in contents.files:
                    (folder / name).replace(target.path / name)
        except (OSError, tarfile.TarError, EOFError) as error:
            raise BackupRefused(f"{source} cannot be brought back: {error}") from error
    return contents


def _is_in_use(data_dir: Path) -> bool:
    return any(entry.name not in _TRACES for entry in data_dir.iterdir())


def _copy_files(data_dir: Path, folder: Path) -> None:
    """Copy all but the events."""
    for name in FILES:
        if (data_dir / name).is_file():
            shutil.copyfile(data_dir / name, folder / name)
    for name in BOOKS:
        if (data_dir / name).is_file():
            (folder / name).parent.mkdir()
            _copy_books(data_dir / name, folder / name)


def _copy_books(source: Path, target: Path) -> None:
    """Copy a database in one step, so that it is one state of the books."""
    deadline = time.monotonic() + BOOKS_WITHIN_S

    def look(*_: int) -> None:
        if time.monotonic() > deadline:
            raise BackupRefused(f"{source} is locked by somebody else.")

    with closing(sqlite3.connect(source)) as books, closing(sqlite3.connect(target)) as copy:
        books.execute("PRAGMA query_only=ON")
        books.backup(copy, progress=look)


def _write_archive(folder: Path, names: list[str], target: Path) -> None:
    """Write the archive under another name, and give it its own once it is on the disk."""
    partial = folder / "archive"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as archive:
            for name in names:
                member = archive.gettarinfo(folder / name, arcname=name)
                member.mode, member.uid, member.gid = OWNER_ONLY, 0, 0
                member.uname = member.gname = ""
                with (folder / name).open("rb") as content:
                    archive.addfile(member, content)
        file.flush()
        os.fsync(file.fileno())
    os.link(partial, target)  # fails where the name was taken meanwhile
    parent = os.open(target.absolute().parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def _unpacked(source: Path, folder: Path) -> Contents:
    """Unpack a backup, and check it against its manifest and the events against their checksums."""
    with tarfile.open(source, mode="r:gz") as archive:
        for member in archive:
            if member.name not in {MANIFEST, *KNOWN} or not member.isfile():
                raise BackupRefused(f"{source} is no backup of an installation: {member.name}.")
            (folder / member.name).parent.mkdir(exist_ok=True)
            packed = archive.extractfile(member)
            assert packed is not None, "a regular file has content"
            _write_private(folder / member.name, packed)
    contents = _manifest(source, folder)
    for name, digest in contents.files.items():
        if not (folder / name).is_file() or _sha256(folder / name) != digest:
            raise BackupRefused(f"{source} is damaged: {name} is not what was copied.")
    try:
        verified = verify_backup(folder / EVENTS)
    except NothingToVerify as error:
        raise BackupRefused(f"{source} is damaged: {error}") from error
    if verified.damages or verified.events != contents.events:
        raise BackupRefused(f"{source} is damaged: its events are not those that were copied.")
    return contents


def _manifest(source: Path, folder: Path) -> Contents:
    try:
        found = json.loads((folder / MANIFEST).read_bytes())
        contents = Contents(
            made_at=str(found["madeAt"]),
            events=int(found["events"]),
            last_position=int(found["lastPosition"]),
            files={str(name): str(digest) for name, digest in found["files"].items()},
        )
        is_complete = found["format"] == FORMAT and set(contents.files) >= NEEDED
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupRefused(f"{source} is no backup of an installation: no manifest.") from error
    if not is_complete or not set(contents.files) <= KNOWN:
        raise BackupRefused(f"{source} is no backup that this release can bring back.")
    return contents


@contextmanager
def _work_folder(parent: Path) -> Iterator[Path]:
    """A private folder on the same disk, gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=parent) as folder:
        yield Path(folder)


def _present(folder: Path) -> set[str]:
    return {name for name in KNOWN if (folder / name).is_file()}


def _write_private(path: Path, content: IO[bytes]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(content, file, _CHUNK_BYTES)
        file.flush()
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
