"""One thread that writes: whoever waits shares one transaction and one fsync.

A request is answered only after the commit that holds it. A caller that goes away changes nothing:
its request stays in the queue, is written whole or refused, and the answer is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from sandbox.eventstore.database import open_writer
from sandbox.eventstore.log_writer import LogWriter
from sandbox.eventstore.recent import CommittedEvent
from sandbox.eventstore.write_ahead_log import WriteAheadLog
from sandbox.eventstore.writes import Append, Outcome, Tombstone, TooLate, Write

GROUP_MAX = 256
GROUP_BYTES_MAX = 8 * 1024 * 1024
# Behind a group this large, many write at once: to wait a little makes fewer and larger commits.
GATHER_FROM = 5
GATHER_S = 0.0015
WAITING_MAX = 8192
WAITING_BYTES_MAX = 128 * 1024 * 1024
# How long a closing writer may need for what is still in its queue.
CLOSE_TIMEOUT_S = 30.0

Announce = Callable[[Sequence[CommittedEvent]], None]
_log = structlog.get_logger(__name__)


class WriteRefused(Exception):
    """Too much is waiting, or the store is closing; nothing was written, try again later."""

    def __init__(self, *, closing: bool) -> None:
        super().__init__("closing" if closing else "too many writes are waiting")
        self.closing = closing


class StorageFailed(Exception):
    """The database would not take the write; the message is SQLite's.

    The same events may be sent again: should they be stored after all, their ids say so.
    """


@dataclass(frozen=True, slots=True)
class _Request:
    write: Write
    size: int
    deadline_s: float
    answer: asyncio.Future[Outcome]


class GroupCommit:
    """Takes writes on the event loop, commits them in its own thread, answers on the loop."""

    def __init__(self, database: Path, announce: Announce) -> None:
        """Open the database.

        Args:
            database: The SQLite file.
            announce: Called on the event loop after each commit, before anyone is answered, with
                what was stored.
        """
        self._connection = open_writer(database)
        self._write_ahead_log = WriteAheadLog(self._connection, database)
        self._log = LogWriter(self._connection)
        self._announce = announce
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._arriving: list[_Request] = []
        self._waiting = 0
        self._waiting_bytes = 0
        self._closing = False
        self._unsure = False
        self._thread = threading.Thread(target=self._work, name="eventstore-writer")

    @property
    def position(self) -> int:
        """Position of the last stored event; to be asked before ``start``."""
        return self._log.position

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    async def close(self) -> None:
        """Write what is waiting, refuse what comes now, and let go of the database."""
        self._closing = True
        self._hand_over()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join, CLOSE_TIMEOUT_S)
        self._connection.close()

    async def outcome(self, write: Write, seconds: float) -> Outcome:
        """Put a write in the queue and wait for its outcome, for so many seconds at most.

        After that it is ``TooLate``, though a write whose turn had come may still be done: its
        events may be sent again, their ids tell.

        Raises:
            WriteRefused: Nothing was put in the queue.
            StorageFailed: The database would not take it.
        """
        answer = self.submit(write, time.monotonic() + seconds)
        timer = self._loop.call_later(seconds, _give_up, answer)
        try:
            return await answer
        finally:
            timer.cancel()

    def submit(self, write: Write, deadline_s: float = float("inf")) -> asyncio.Future[Outcome]:
        """Put a write in the queue.

        Args:
            write: What to do.
            deadline_s: On the monotonic clock; a write whose turn comes later is not done.

        Returns:
            The outcome, once it is on the disk; or ``StorageFailed``.

        Raises:
            WriteRefused: Nothing was put in the queue.
        """
        size = write.size if isinstance(write, Append) else 0
        if self._closing:
            raise WriteRefused(closing=True)
        if self._waiting >= WAITING_MAX or self._waiting_bytes + size > WAITING_BYTES_MAX:
            raise WriteRefused(closing=False)
        request = _Request(write, size, deadline_s, self._loop.create_future())
        self._waiting += 1
        self._waiting_bytes += size
        if not self._arriving:
            self._loop.call_soon(self._hand_over)
        self._arriving.append(request)
        return request.answer

    def _hand_over(self) -> None:
        """Wake the writer once for all that one turn of the event loop has brought."""
        for request in self._arriving:
            self._queue.put(request)
        self._arriving.clear()

    def _work(self) -> None:
        group: list[_Request] = []
        while group := self._next_group(crowded=len(group) >= GATHER_FROM):
            self._finish(group)
            try:
                self._write_ahead_log.shorten()
            except (OSError, sqlite3.Error) as error:  # the next group will find out, and say so
                _log.error("eventstore.log_not_shortened", error=repr(error))

    def _finish(self, group: list[_Request]) -> None:
        try:
            outcomes = self._commit(group)
        except Exception as error:  # noqa: BLE001 -- the thread must outlive what one group brings
            self._roll_back()
            if len(group) > 1:  # one write that the database will not take must not fail the others
                for request in group:
                    self._finish([request])
                return
            _log.error("eventstore.write_failed", stream=group[0].write.stream, error=repr(error))
            self._loop.call_soon_threadsafe(self._fail, group[0], str(error))
        else:
            stored, self._log.stored = self._log.stored, []
            if any(isinstance(request.write, Tombstone) for request in group):
                self._erase_from_log()
            self._loop.call_soon_threadsafe(self._succeed, group, outcomes, stored)

    def _erase_from_log(self) -> None:
        """Keep what a tombstone took away in no file, before anybody is told that it is gone."""
        try:
            empty = self._write_ahead_log.empty()
        except sqlite3.Error as error:
            _log.error("eventstore.log_not_emptied", error=repr(error))
        else:
            if not empty:
                _log.warning("eventstore.log_not_emptied", error="a reader was in the way")

    def _next_group(self, *, crowded: bool) -> list[_Request]:
        """Wait for a request, then take every other one that waits too, within limits."""
        group: list[_Request] = []
        size = 0
        request = self._queue.get()
        if crowded and request is not None:
            time.sleep(GATHER_S)
        while request is not None:
            group.append(request)
            size += request.size
            if len(group) >= GROUP_MAX or size >= GROUP_BYTES_MAX or self._queue.empty():
                return group
            request = self._queue.get()
        if group:
            self._queue.put(None)
        return group

    def _commit(self, group: list[_Request]) -> list[Outcome]:
        if self._unsure:
            self._start_afresh()
        self._unsure = True
        self._connection.execute("BEGIN IMMEDIATE")
        self._log.expect([request.write.stream for request in group])
        outcomes = [self._apply(request) for request in group]
        self._log.flush()
        self._connection.execute("COMMIT")
        self._unsure = False
        return outcomes

    def _start_afresh(self) -> None:
        """After a failure: undo what it left behind and believe only what the database says."""
        self._roll_back()
        if self._connection.in_transaction:
            raise sqlite3.OperationalError("an earlier transaction cannot be rolled back")
        self._log.forget()

    def _roll_back(self) -> None:
        """Give the lock back at once, so that nothing waits for a failed group."""
        with contextlib.suppress(sqlite3.Error):  # tried again before the next group
            self._connection.rollback()

    def _apply(self, request: _Request) -> Outcome:
        if time.monotonic() >= request.deadline_s:
            return TooLate()
        return self._log.apply(request.write)

    def _succeed(
        self,
        group: list[_Request],
        outcomes: list[Outcome],
        stored: Sequence[CommittedEvent],
    ) -> None:
        self._announce(stored)
        for request, outcome in zip(group, outcomes, strict=True):
            self._settle(request)
            if not request.answer.done():
                request.answer.set_result(outcome)

    def _fail(self, request: _Request, reason: str) -> None:
        self._settle(request)
        if not request.answer.done():
            request.answer.set_exception(StorageFailed(reason))

    def _settle(self, request: _Request) -> None:
        self._waiting -= 1
        self._waiting_bytes -= request.size


def _give_up(answer: asyncio.Future[Outcome]) -> None:
    if not answer.done():
        answer.set_result(TooLate())
