"""What a node of EventStoreDB tells of itself over HTTP, on the port that it speaks gRPC on: version and time.

The gRPC client asks for neither. The embedded event store speaks no HTTP, and tells nothing.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import httpx

PORT: Final = 2113
TOLD_WITHIN_S: Final = 3.0
_VERSIONS: Final = ("esVersion", "dbVersion")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInfo:
    """What a node told; what it did not tell is ``None``.

    Attributes:
        at: Its clock, cut off to a second.
    """

    version: str | None
    at: datetime | None


async def node_info(uri: str) -> NodeInfo:
    """Return what the first node that a connection string names tells without being logged in to.

    Source: EventStoreDB 23.10 documentation, "HTTP API", ``GET /info``.

    Raises:
        ValueError: The connection string is none, or its file of authorities cannot be used.
    """
    address, ca_file = _address(uri)
    try:
        # An answer that is no HTTP/1.1, and no answer at all, tell nothing.
        async with httpx.AsyncClient(
            verify=_context(ca_file) if ca_file else True, timeout=TOLD_WITHIN_S, trust_env=False
        ) as client:
            answer = await client.get(f"{address}/info")
    except httpx.TransportError:
        return NodeInfo(version=None, at=None)
    return NodeInfo(version=_version(answer), at=_time(answer.headers.get("date")))


def _address(uri: str) -> tuple[str, str | None]:
    parts = urlsplit(uri)
    options = {name.lower(): value for name, value in parse_qsl(parts.query)}
    first = urlsplit(f"//{parts.netloc.rpartition('@')[2].partition(',')[0]}")
    scheme = "http" if options.get("tls", "true").lower() == "false" else "https"
    host = f"[{first.hostname}]" if ":" in (first.hostname or "") else first.hostname
    return f"{scheme}://{host}:{first.port or PORT}", options.get("tlscafile")


def _context(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise ValueError(f"{ca_file} cannot be used: {type(error).__name__}") from error


def _version(answer: httpx.Response) -> str | None:
    try:
        told = answer.json()
    except ValueError:
        return None
    if not isinstance(told, dict):
        return None
    return next((str(told[name]) for name in _VERSIONS if name in told), None)


def _time(value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return at if at.tzinfo else None
