"""Bulkheads: a provider that is slow fills its own compartment and no other.

Each endpoint has a number of calls that may be under way at a time; a few more wait, for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from payment_gateway.infrastructure.providers.unavailable import BulkheadFull
from payment_gateway.settings import Settings

COME_BACK_S: Final = 1.0


class Bulkhead:
    """The compartment of one endpoint in this process."""

    def __init__(self, *, calls_max: int, waiting_max: int, wait_s_max: float) -> None:
        self._places = asyncio.Semaphore(calls_max)
        self._waiting = 0
        self._waiting_max = waiting_max
        self._wait_s_max = wait_s_max

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place within this block.

        Raises:
            BulkheadFull: None came free in time, or too many wait already.
        """
        await self._enter()
        try:
            yield
        finally:
            self._places.release()

    async def _enter(self) -> None:
        if self._places.locked() and self._waiting >= self._waiting_max:
            raise BulkheadFull("too many calls wait", retry_after_s=COME_BACK_S)
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_s_max):
                await self._places.acquire()
        except TimeoutError as error:
            raise BulkheadFull("too many calls under way", retry_after_s=COME_BACK_S) from error
        finally:
            self._waiting -= 1


class Bulkheads:
    """One for each endpoint; there are as many as adapters name, a handful."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._by_endpoint: dict[str, Bulkhead] = {}

    def at(self, endpoint: str) -> Bulkhead:
        """Return the compartment of an endpoint, always the same one."""
        bulkhead = self._by_endpoint.get(endpoint)
        if bulkhead is None:
            bulkhead = self._by_endpoint[endpoint] = Bulkhead(
                calls_max=self._settings.provider_calls_max,
                waiting_max=self._settings.provider_calls_waiting_max,
                wait_s_max=self._settings.provider_place_timeout_s,
            )
        return bulkhead
