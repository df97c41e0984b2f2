"""Threads that read from the database, each over a connection of its own."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sandbox.eventstore.database import open_reader

READER_THREADS = 4

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


class ReaderThreads:
    """Runs blocking reads off the event loop."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._own = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._pool = ThreadPoolExecutor(
            READER_THREADS, thread_name_prefix="eventstore-reader", initializer=self._open
        )

    async def run(
        self,
        read: Callable[Concatenate[sqlite3.Connection, _Parameters], _Result],
        *args: _Parameters.args,
        **kwargs: _Parameters.kwargs,
    ) -> _Result:
        """Call a function with a connection, in one of the threads, and wait for it."""
        return await self.start(read, *args, **kwargs)

    def start(
        self,
        read: Callable[Concatenate[sqlite3.Connection, _Parameters], _Result],
        *args: _Parameters.args,
        **kwargs: _Parameters.kwargs,
    ) -> asyncio.Future[_Result]:
        """Call a function with a connection, in one of the threads."""

        def call() -> _Result:
            return read(self._own.connection, *args, **kwargs)

        return asyncio.get_running_loop().run_in_executor(self._pool, call)

    def close(self) -> None:
        """Wait for the reads that run, and close the connections."""
        self._pool.shutdown()
        for connection in self._connections:
            connection.close()

    def _open(self) -> None:
        self._own.connection = open_reader(self._database)
        self._connections.append(self._own.connection)
