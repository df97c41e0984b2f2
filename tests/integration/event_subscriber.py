"""A subscriber of server-sent events: reads them as a browser does, and remembers the last id."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

WITHIN_S: Final = 30.0


@dataclass(frozen=True, kw_only=True)
class Message:
    """One event of a stream."""

    event: str
    id: str | None
    data: Any


@dataclass
class Subscriber:
    """Follows ``GET /events``; ``last_id`` outlives its connections."""

    url: str
    headers: Mapping[str, str]
    params: Mapping[str, str] = field(default_factory=dict)
    last_id: str | None = None
    comments: int = 0
    retry_ms: int | None = None

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator[AsyncGenerator[Message, None], None]:
        """Yield what comes, until the block ends."""
        headers = {**self.headers, "Accept": "text/event-stream"}
        if self.last_id is not None:
            headers["Last-Event-ID"] = self.last_id
        async with (
            httpx.AsyncClient(timeout=WITHIN_S, verify=False) as http,
            http.stream("GET", self.url, headers=headers, params=self.params) as answer,
        ):
            assert answer.status_code == 200, (await answer.aread()).decode()
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield self._messages(answer)

    async def take(self, count: int) -> list[Message]:
        """Connect, and return the first so many events."""
        async with asyncio.timeout(WITHIN_S), self.connected() as messages:
            return [await anext(messages) for _ in range(count)]

    async def take_all(self) -> list[Message]:
        """Connect, and return what comes until the other side ends it."""
        async with asyncio.timeout(WITHIN_S), self.connected() as messages:
            return [message async for message in messages]

    async def _messages(self, answer: httpx.Response) -> AsyncGenerator[Message, None]:
        fields: dict[str, list[str]] = {}
        async for line in answer.aiter_lines():
            if line.startswith(":"):
                self.comments += 1
            elif line:
                name, _, value = line.partition(":")
                fields.setdefault(name, []).append(value.removeprefix(" "))
            else:
                message = self._dispatch(fields)
                fields = {}
                if message is not None:
                    yield message

    def _dispatch(self, fields: Mapping[str, list[str]]) -> Message | None:
        """Take what the HTML standard has a browser take at the end of a block."""
        if "retry" in fields:
            self.retry_ms = int(fields["retry"][-1])
        if "id" in fields:
            self.last_id = fields["id"][-1]
        if "data" not in fields:
            return None
        event = fields.get("event", ["message"])[-1]
        data = json.loads("\n".join(fields["data"]))
        return Message(event=event, id=fields.get("id", [None])[-1], data=data)
