"""What a process needs and does not have yet: it says so every few seconds, and goes on by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from payment_gateway.application.ports import EventStoreUnavailable
from payment_gateway.infrastructure.persistence.eventstoredb import EventStoreDB, open_eventstoredb
from payment_gateway.infrastructure.persistence.mongodb import Database
from payment_gateway.settings import Settings

ASKED_EVERY_S: Final = 0.5
ANSWERS_WITHIN_S: Final = 3.0
TOLD_EVERY_S: Final = 5.0

Answers = Callable[[], Awaitable[bool]]
Ready = Callable[[], tuple[bool, dict[str, object]]]

_log = structlog.get_logger(__name__)


async def event_store_answers(store: EventStoreDB) -> bool:
    """Return whether the event store answers a question that costs it nothing."""
    try:
        await store.head()
    except EventStoreUnavailable:
        return False
    return True


async def mongodb_answers(database: Database) -> bool:
    """Return whether MongoDB answers."""
    try:
        await database.command("ping")
    except PyMongoError:
        return False
    return True


class Awaited:
    """The dependencies that a process has not heard of since it started.

    Args:
        checks: By dependency, whether it answers.
    """

    def __init__(self, checks: Mapping[str, Answers]) -> None:
        self._checks: Final = checks
        self.missing: tuple[str, ...] = tuple(checks)

    async def until_all_answer(self) -> None:
        """Ask until each has answered once; it may take as long as it takes, and is told meanwhile."""
        began = time.monotonic()
        told_at: float | None = None
        while True:
            answers = await asyncio.gather(*(_in_time(self._checks[name]) for name in self.missing))
            self.missing = tuple(
                name for name, ok in zip(self.missing, answers, strict=True) if not ok
            )
            now = time.monotonic()
            if not self.missing:
                break
            if told_at is None or now - told_at >= TOLD_EVERY_S:
                _tell(self.missing, now - began)
                told_at = now
            await asyncio.sleep(ASKED_EVERY_S)
        if told_at is not None:
            _log.info("startup.all_there", waited_s=round(now - began, 1))

    @asynccontextmanager
    async def asked(self) -> AsyncGenerator[None, None]:
        """Ask beside what the block does."""
        asking = asyncio.create_task(self.until_all_answer())
        try:
            yield
        finally:
            asking.cancel()
            await asyncio.wait({asking})

    def told_by(self, ready: Ready) -> Ready:
        """Return a readiness that names what is missing, too."""

        def told() -> tuple[bool, dict[str, object]]:
            is_ready, details = ready()
            return is_ready, {
                **details,
                "waitsFor": list(self.missing),
            } if self.missing else details

        return told


async def wait_for_event_store(settings: Settings) -> None:
    """Wait until a connection can be made: that to a cluster takes one node that answers.

    Raises:
        ValueError: The URI is not one of EventStoreDB's.
    """
    began = time.monotonic()
    told_at: float | None = None
    while True:
        try:
            async with open_eventstoredb(settings):
                return
        except EventStoreUnavailable:
            now = time.monotonic()
            if told_at is None or now - told_at >= TOLD_EVERY_S:
                _tell(("eventstore",), now - began)
                told_at = now
        await asyncio.sleep(ASKED_EVERY_S)


async def _in_time(answers: Answers) -> bool:
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            return await answers()
    except TimeoutError:
        return False


def _tell(missing: tuple[str, ...], since_s: float) -> None:
    _log.warning(
        "startup.waiting",
        waits_for=list(missing),
        since_s=round(since_s, 1),
        advice="start it, or put its address right: payment-gateway doctor",
    )
