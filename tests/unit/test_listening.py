"""Servers within tests leave nothing open, or some other test is blamed for it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing, suppress

import pytest

from tests.listening import listening

# Rounds of the event loop within which a connection is accepted and served.
ROUNDS = 8


@pytest.mark.parametrize("rounds", range(ROUNDS))
def test_whenever_a_server_ends_its_connection_ends(rounds: int) -> None:
    with closing(asyncio.run(_connected(rounds))) as connection:
        connection.settimeout(1.0)
        with suppress(ConnectionResetError):
            assert connection.recv(1) == b""


async def _connected(rounds: int) -> socket.socket:
    async with listening(_wait_for_the_end) as port:
        connection = socket.create_connection(("127.0.0.1", port))
        for _ in range(rounds):
            await asyncio.sleep(0)
    return connection


async def _wait_for_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del writer
    await reader.read()
