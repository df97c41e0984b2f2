"""The folder that holds one installation: private, and used by one installation at a time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from payment_gateway.settings import INSTALLATION_FILE
from sandbox.errors import FolderInUse, FolderNotWritable
from sandbox.private_file import OWNER_ONLY, write_private_json

APPLICATION = "payment-gateway"
OWNER_ONLY_FOLDER = 0o700
# The parts of an installation that was killed hold its lock until they are gone too.
LOCK_WAIT_S = 10.0
LOCK_POLL_S = 0.05


def default_data_dir() -> Path:
    """Where a user's installation lives unless another folder is named."""
    return Path(platformdirs.user_data_dir(APPLICATION))


@dataclass(frozen=True, slots=True)
class DataFolder:
    """A locked data folder. The parts inherit ``lock``, so it is held until the last one ended."""

    path: Path
    lock: int

    def folder(self, *names: str) -> Path:
        """A private folder below this one, made if it is not there.

        Raises:
            FolderNotWritable: It cannot be made.
        """
        path = self.path.joinpath(*names)
        _make_private(path)
        return path

    @property
    def ports_file(self) -> Path:
        """The ports of the last run."""
        return self.path / "ports.json"

    @property
    def key_file(self) -> Path:
        """The key that everything else secret comes from."""
        return self.path / "gateway.key"

    @property
    def api_keys_file(self) -> Path:
        """The hashes of the API keys."""
        return self.path / "apikeys.json"

    @property
    def installation_file(self) -> Path:
        """The addresses of the running installation; there only while it runs."""
        return self.path / INSTALLATION_FILE

    @contextmanager
    def published(self, addresses: Mapping[str, str]) -> Iterator[None]:
        """Let other commands find the running installation while the block runs."""
        write_private_json(self.installation_file, {"pid": os.getpid(), **addresses})
        try:
            yield
        finally:
            self.installation_file.unlink(missing_ok=True)


@contextmanager
def open_data_folder(path: Path) -> Iterator[DataFolder]:
    """Make the folder if needed and hold its lock.

    Raises:
        FolderNotWritable: It cannot be made or written to.
        FolderInUse: Another installation runs on it.
    """
    path = path.expanduser().absolute()
    _make_private(path)
    try:
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
    except OSError as error:
        raise FolderNotWritable(path, error.strerror or str(error)) from error
    try:
        _acquire(lock, path)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield DataFolder(path, lock)
    finally:
        os.close(lock)


def _make_private(path: Path) -> None:
    try:
        path.mkdir(mode=OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
        # A folder with something in it was somebody's before: what is put into it is private anyhow.
        if not any(path.iterdir()):
            path.chmod(OWNER_ONLY_FOLDER)
    except OSError as error:
        raise FolderNotWritable(path, error.strerror or str(error)) from error


def _acquire(lock: int, path: Path) -> None:
    """Take the lock; wait only for what a killed installation left behind."""
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _owner(lock)
            if owner is None or _alive(owner) or time.monotonic() > deadline:
                raise FolderInUse(path, owner) from None
            time.sleep(LOCK_POLL_S)
        else:
            return


def _owner(lock: int) -> int | None:
    written = os.pread(lock, 20, 0)
    return int(written) if written.isdigit() else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
