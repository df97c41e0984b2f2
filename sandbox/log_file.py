"""The log of one part: appended to by the part itself, read by its owner alone, bounded at each start."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.private_file import OWNER_ONLY

# Above this size a start sets the file aside as NAME.log.1, in place of the one set aside before.
LOG_BYTES_MAX = 16 * 1024 * 1024
TAIL_LINES = 12
TAIL_BYTES_MAX = 8 * 1024


class LogFile:
    """A part's log; ``tail`` shows only what was written since this object was made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if _size(path) > LOG_BYTES_MAX:
            path.replace(path.with_name(path.name + ".1"))
        self._start = _size(path)

    @contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor to append to."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, OWNER_ONLY)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def note(self, text: str) -> None:
        """Append a line of the supervisor's own."""
        with self.opened() as descriptor:
            os.write(descriptor, f"supervisor: {text}\n".encode())

    def tail(self) -> str:
        """The last lines written since the start, at most ``TAIL_LINES`` of them."""
        return last_lines(self._path, since=self._start)


def last_lines(path: Path, *, since: int = 0) -> str:
    """The last lines of a log, at most ``TAIL_LINES``; empty where nothing follows byte ``since``."""
    size = _size(path)
    if size <= since:
        return ""
    with path.open("rb") as file:
        file.seek(max(since, size - TAIL_BYTES_MAX))
        text = file.read(TAIL_BYTES_MAX).decode(errors="replace")
    return "\n".join(text.splitlines()[-TAIL_LINES:])


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
