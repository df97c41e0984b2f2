"""How many events are left is counted with an end, kept for a while, and costs nothing where none are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from uuid import uuid4

from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.events.payment import (
    PaymentEvent,
    PaymentExpiredEvent,
    PaymentFailedEvent,
)
from payment_gateway.infrastructure.messaging.events_behind import (
    COUNTED_FOR_S,
    CUT_SHORT_FOR_S,
    EVENTS_COUNTED_MAX,
    Behind,
    EventsBehind,
)
from payment_gateway.infrastructure.messaging.fleet_metrics import events_behind
from payment_gateway.infrastructure.messaging.subscription_status import SubscriptionStatus
from payment_gateway.infrastructure.messaging.unit import Unit
from payment_gateway.infrastructure.persistence.event_log import EventFilter, LogItem, StreamFilter
from payment_gateway.infrastructure.persistence.memory import InMemoryEventStore
from payment_gateway.telemetry.metrics import REGISTRY

CONTEXT = CommandContext(
    tenant_id="acme", actor="test", correlation_id="c", at=datetime(2026, 1, 1, tzinfo=UTC)
)
PAYMENTS = StreamFilter("payment-.*")
FAILED = PaymentFailedEvent(payment_id="p", reason="declined")


class CountedLog(InMemoryEventStore):
    """A log that knows how often somebody began to read it; ``silent``, it sends nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.silent = False

    async def subscribe(
        self,
        matching: EventFilter,
        *,
        after: int,
        types: frozenset[str] | None = None,
        ahead: int = 0,
    ) -> AsyncGenerator[LogItem, None]:
        self.reads += 1
        if self.silent:
            await asyncio.Event().wait()
        async for item in super().subscribe(matching, after=after, types=types):
            yield item

    async def add(self, events: int, event: PaymentEvent = FAILED) -> None:
        await self.append(f"payment-{uuid4()}", [event] * events, expected=None, context=CONTEXT)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


async def behind(counted: EventsBehind, *, after: int = 0) -> Behind:
    return await counted.of("s", PAYMENTS, after=after, types=frozenset({"PaymentFailed"}))


class TestCounting:
    async def test_counts_what_matches_after_a_position(self) -> None:
        log = CountedLog()
        await log.add(3)
        await log.add(2, PaymentExpiredEvent(payment_id="p"))
        await log.append("tenant-x", [FAILED], expected=None, context=CONTEXT)

        assert await behind(EventsBehind(log), after=1) == Behind(2, is_least=False)

    async def test_ends_at_so_many_and_says_so(self) -> None:
        log = CountedLog()
        await log.add(EVENTS_COUNTED_MAX + 1)

        assert await behind(EventsBehind(log)) == Behind(EVENTS_COUNTED_MAX, is_least=True)

    async def test_ends_after_a_while_where_nothing_comes(self) -> None:
        log = CountedLog()
        log.silent = True

        assert await behind(EventsBehind(log, within_s=0.01)) == Behind(0, is_least=True)

    async def test_of_all_who_look_one_reads(self) -> None:
        log, clock = CountedLog(), Clock()
        await log.add(1)
        counted = EventsBehind(log, monotonic=clock)

        found = await asyncio.gather(*(behind(counted) for _ in range(5)))
        await log.add(1)
        kept = await behind(counted)
        clock.now_s = COUNTED_FOR_S

        assert {one.events for one in (*found, kept)} == {1}
        assert log.reads == 1
        assert await behind(counted) == Behind(2, is_least=False)

    async def test_what_was_cut_short_is_kept_for_longer(self) -> None:
        log, clock = CountedLog(), Clock()
        await log.add(EVENTS_COUNTED_MAX)
        counted = EventsBehind(log, monotonic=clock)

        for second in range(int(CUT_SHORT_FOR_S) + 1):
            clock.now_s = float(second)
            await behind(counted)

        assert log.reads == 2


class TestMetric:
    async def test_tells_what_a_subscription_has_not_come_to_and_reads_nothing_for_one_that_has(
        self,
    ) -> None:
        log = CountedLog()
        await log.add(4)
        there, late = SubscriptionStatus("there"), SubscriptionStatus("late")
        there.position, late.position = 4, 1
        held = [(unit(one.name), one) for one in (there, late)]
        measure = events_behind(lambda: held, log)

        await measure()
        told_at_first = (measured("there"), measured("late"))
        await log.add(1)
        await measure()

        assert told_at_first == (None, None)
        assert (measured("there"), measured("late")) == (0, 4)
        assert log.reads == 1

    async def test_forgets_what_another_worker_holds_now(self) -> None:
        log = CountedLog()
        held = [(unit("gone"), SubscriptionStatus("gone"))]
        measure = events_behind(lambda: held, log)
        await measure()
        await measure()
        assert measured("gone") == 0

        held.clear()
        await measure()

        assert measured("gone") is None


def unit(name: str) -> Unit:
    async def handle(*_: object) -> None:
        raise AssertionError("nobody handles events here")

    return Unit(name=name, group="g", matching=PAYMENTS, handler=handle)


def measured(name: str) -> float | None:
    return REGISTRY.get_sample_value("gateway_subscription_lag_events", {"subscription": name})
