"""Copies of a whole event store: made while it runs, and brought back while it does not."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from sandbox.eventstore.data_dir import DATABASE_FILE, held_data_dir
from sandbox.eventstore.database import open_reader
from sandbox.eventstore.verification import NothingToVerify, Verification, verify_backup

_PARTIAL = ".partial"
_SIDE_FILES = ("-wal", "-shm")


class BackupRefused(Exception):
    """Nothing was copied; the message is one line that says why."""


class WouldReplace(BackupRefused):
    """The folder holds events already, which would be lost."""


def back_up(data_dir: Path, target: Path) -> Verification:
    """Copy the event store of a folder into one file, and verify the copy.

    The copy is one state of the log: all that was acknowledged before it began, nothing half. A
    server may run on the folder and go on writing. The file appears under its name once it is whole
    and on the disk.

    Raises:
        BackupRefused: There is nothing to copy, the file exists, or it cannot be written.
    """
    database = data_dir / DATABASE_FILE
    if not database.is_file():
        raise BackupRefused(f"there is no event store in {data_dir}")
    if target.exists():
        raise BackupRefused(f"{target} exists; name a new file")
    partial = target.with_name(target.name + _PARTIAL)
    try:
        partial.unlink(missing_ok=True)
        with closing(open_reader(database)) as source, closing(sqlite3.connect(partial)) as copy:
            copy.execute("PRAGMA synchronous=OFF")  # the file is synchronised once, at the end
            source.backup(copy)  # in one step, so that appends do not make it begin again
        verification = verify_backup(partial)
        _keep(partial, target)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise BackupRefused(f"the backup could not be made: {error}") from error
    return verification


def restore(backup: Path, data_dir: Path, *, replace: bool = False) -> Verification:
    """Bring a backup back into a folder on which no server runs.

    Args:
        backup: What ``back_up`` has made.
        data_dir: Created if it does not exist.
        replace: Whether events that the folder holds may be lost.

    Raises:
        WouldReplace: The folder holds events, and ``replace`` is not given.
        BackupRefused: The backup is damaged or cannot be copied; the folder is as it was.
        EventStoreCannotStart: A server runs on the folder, or it cannot be written.
    """
    try:
        verification = verify_backup(backup)
    except NothingToVerify as error:
        raise BackupRefused(str(error)) from error
    if verification.damages:
        first = verification.damages[0]
        raise BackupRefused(f"{backup} is damaged (position {first.position}: {first.problem})")
    with held_data_dir(data_dir) as database:
        if database.exists() and not replace:
            raise WouldReplace(f"{data_dir} holds an event store already, which would be lost")
        partial = database.with_name(database.name + _PARTIAL)
        try:
            shutil.copyfile(backup, partial)
            for side_file in _SIDE_FILES:  # those of the database that is replaced
                database.with_name(database.name + side_file).unlink(missing_ok=True)
            _keep(partial, database)
        except OSError as error:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise BackupRefused(f"the backup could not be copied: {error}") from error
    return verification


def _keep(partial: Path, target: Path) -> None:
    """Put a file on the disk, then under its name."""
    for path in (partial, partial.parent):
        _synchronise(path)
    partial.replace(target)
    _synchronise(target.parent)


def _synchronise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
