"""Asks a process over HTTP whether it is ready."""

from __future__ import annotations

import asyncio

ANSWER_WITHIN_S = 5.0
STATUS_LINE_BYTES_MAX = 1024


async def answers_200(host: str, port: int, path: str) -> bool:
    """Whether ``GET path`` is answered with 200 now; no connection and no answer in time are a no."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            reader, writer = await asyncio.open_connection(host, port, limit=STATUS_LINE_BYTES_MAX)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n".encode())
                status_line = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return False
    return status_line.split()[1:2] == [b"200"]
