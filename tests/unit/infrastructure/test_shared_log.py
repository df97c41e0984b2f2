"""Who follows a log that is shared sees the same as if it were his alone, whoever else comes, goes or is slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.application.ports import CommandContext, EventStoreUnavailable
from payment_gateway.domain.events import DomainEvent
from payment_gateway.domain.events.payment import PaymentCancelledEvent, PaymentExpiredEvent
from payment_gateway.infrastructure.messaging import live_tail, shared_log
from payment_gateway.infrastructure.messaging.shared_log import SharedLog
from payment_gateway.infrastructure.persistence.event_log import (
    AHEAD_MAX,
    CaughtUp,
    EventFilter,
    LogItem,
    RecordedEvent,
    StreamFilter,
    TypeFilter,
)
from payment_gateway.infrastructure.persistence.memory import InMemoryEventStore
from tests.log_follower import LogFollower

CONTEXT: Final = CommandContext(
    tenant_id="acme",
    actor="key-1",
    correlation_id="cor-1",
    causation_id="cause-1",
    traceparent=None,
    at=datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
)
EXPIRED: Final = PaymentExpiredEvent(payment_id="p")
CANCELLED: Final = PaymentCancelledEvent(payment_id="p", reason=None)
EVENTS: Final[tuple[DomainEvent, ...]] = (EXPIRED, CANCELLED)
STREAMS: Final = ("payment-1", "payment-2", "tenant-1")
PATTERNS: Final = ("payment-.*", "payment-1", "tenant-.*", ".*")
TYPES: Final = (None, frozenset({"PaymentExpired"}), frozenset({"PaymentCancelled"}))
# So many items the tails of these tests hold: few, so that who is slow falls out of them.
TAIL_ITEMS: Final = 4
# Rounds of the event loop within which everything that can happen has happened.
ROUNDS: Final = 60


@pytest.fixture(autouse=True)
def small_and_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_tail, "TAIL_ITEMS_MAX", TAIL_ITEMS)
    monkeypatch.setattr(shared_log, "JOINED_WITHIN_S", 0.0)


class Counting(InMemoryEventStore):
    """Knows who subscribes, and can cut them all off."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[EventFilter] = []
        self.begun = 0
        self._cut = asyncio.Event()

    async def subscribe(
        self,
        matching: EventFilter,
        *,
        after: int,
        types: frozenset[str] | None = None,
        ahead: int = 0,
    ) -> AsyncGenerator[LogItem, None]:
        self.open.append(matching)
        self.begun += 1
        try:
            items = super().subscribe(matching, after=after, types=types, ahead=ahead)
            cut = asyncio.ensure_future(self._cut.wait())
            async with aclosing(items):
                while True:
                    arrival = asyncio.ensure_future(anext(items))
                    try:
                        await asyncio.wait({arrival, cut}, return_when=asyncio.FIRST_COMPLETED)
                        if cut.done():
                            raise EventStoreUnavailable("cut off")
                        item = arrival.result()
                    finally:
                        arrival.cancel()
                        await asyncio.wait({arrival})
                    yield item
        finally:
            cut.cancel()
            self.open.remove(matching)

    def cut_off(self) -> None:
        self._cut.set()
        self._cut = asyncio.Event()


async def settle() -> None:
    for _ in range(ROUNDS):
        await asyncio.sleep(0)


async def append(store: InMemoryEventStore, stream: str, event: DomainEvent = EXPIRED) -> int:
    await store.mark(stream, event, CONTEXT)
    return await store.head()


async def everything(store: InMemoryEventStore) -> list[RecordedEvent]:
    """Return the whole log, read past what is tested."""
    found: list[RecordedEvent] = []
    items = InMemoryEventStore.subscribe(store, StreamFilter(".*"), after=0)
    async with aclosing(items):
        async for item in items:
            if isinstance(item, CaughtUp):
                break
            if isinstance(item, RecordedEvent):
                found.append(item)
    return found


async def together(store: Counting, log: SharedLog, *patterns: str) -> list[LogFollower]:
    """Return followers that share one subscription."""
    followers = [LogFollower(log, pattern) for pattern in patterns]
    await settle()
    for _ in range(2):  # they go over with the next event they see
        position = await append(store, "payment-1")
        for one in followers:
            await one.has_come_to(position)
        await settle()
    assert len(store.open) == 1
    return followers


async def test_who_has_caught_up_shares_one_subscription_and_sees_only_what_is_his() -> None:
    store = Counting()
    log = SharedLog(store)
    await append(store, "payment-1")
    followers = await together(store, log, "payment-.*", "payment-1", ".*")
    shared = store.open[0]
    begun = store.begun

    for stream in ("tenant-1", "payment-2", "payment-1"):
        position = await append(store, stream)
        await followers[-1].has_come_to(position)
    await settle()

    assert store.open == [shared]
    assert store.begun == begun
    written = await everything(store)
    assert [one.seen for one in followers] == [one.expected(written) for one in followers]
    assert followers[0].seen[0] is not followers[1].seen[0], "history is read alone"
    assert followers[0].seen[-1] is followers[1].seen[-1], "news are decoded once"
    for one in followers:
        await one.leave()


async def test_a_single_follower_keeps_its_own_subscription() -> None:
    store = Counting()
    alone = LogFollower(SharedLog(store), "payment-.*")
    for _ in range(3):
        await alone.has_come_to(await append(store, "payment-1"))
        await settle()

    assert (store.open, store.begun) == ([StreamFilter("payment-.*")], 1)
    await alone.leave()


@pytest.mark.parametrize(
    ("matching", "ahead"),
    [(TypeFilter(("PaymentExpired",)), AHEAD_MAX), (StreamFilter("payment-.*"), 10)],
)
async def test_who_wants_types_or_little_ahead_does_not_share(
    matching: EventFilter, ahead: int
) -> None:
    store = Counting()
    log = SharedLog(store)
    followers = await together(store, log, "payment-.*", "payment-1")
    items = log.subscribe(matching, after=0, ahead=ahead)
    async with aclosing(items):
        async for item in items:
            await append(store, "payment-1")
            await settle()
            if isinstance(item, RecordedEvent) and item.position > 4:
                break
        assert matching in store.open
    for one in followers:
        await one.leave()


async def test_the_last_to_leave_ends_the_subscription_of_all() -> None:
    store = Counting()
    first, last = await together(store, SharedLog(store), "payment-.*", "payment-1")

    await first.leave()
    assert len(store.open) == 1
    await last.leave()

    assert store.open == []
    assert len(asyncio.all_tasks()) == 1, "this test's own"


async def test_who_is_too_slow_reads_alone_until_it_has_caught_up_and_misses_nothing() -> None:
    store = Counting()
    quick, slow = await together(store, SharedLog(store), "payment-.*", "payment-1")
    slow.may_go_on.clear()
    for _ in range(5 * TAIL_ITEMS):
        await quick.has_come_to(await append(store, "payment-1"))
    assert len(slow.seen) < len(quick.seen) - TAIL_ITEMS
    begun = store.begun

    slow.may_go_on.set()
    await slow.has_come_to(quick.position)

    assert slow.seen[-1].position == quick.position
    assert [one.event_id for one in slow.seen] == [one.event_id for one in quick.seen]
    assert store.begun == begun + 1
    await quick.has_come_to(await append(store, "payment-1"))
    await settle()
    assert len(store.open) == 1, "it shares again"
    for one in (quick, slow):
        await one.leave()


async def test_when_the_connection_is_lost_everybody_hears_of_it_and_they_share_again() -> None:
    store = Counting()
    followers = await together(store, SharedLog(store), "payment-.*", "payment-1")

    store.cut_off()
    await settle()
    assert [one.cuts for one in followers] == [1, 1]

    for _ in range(3):
        position = await append(store, "payment-1")
        for one in followers:
            await one.has_come_to(position)
        await settle()
    assert len(store.open) == 1
    written = await everything(store)
    for one in followers:
        assert one.seen == one.expected(written)
        await one.leave()


async def test_a_lost_connection_is_replaced_though_a_slow_follower_has_not_heard_of_its_loss() -> (
    None
):
    store = Counting()
    quick, slow = await together(store, SharedLog(store), "payment-.*", "payment-1")
    slow.may_go_on.clear()
    await quick.has_come_to(await append(store, "payment-1"))
    await settle()

    store.cut_off()
    for _ in range(5):
        await quick.has_come_to(await append(store, "payment-1"))
        await settle()

    assert (quick.cuts, slow.cuts) == (1, 0)
    slow.may_go_on.set()
    await slow.has_come_to(quick.position)
    assert [one.event_id for one in slow.seen] == [one.event_id for one in quick.seen]
    for one in (quick, slow):
        await one.leave()


class World:
    """One shared log, and followers that do as they are told."""

    def __init__(self) -> None:
        self.store = Counting()
        self.log = SharedLog(self.store)
        self.followers: list[LogFollower] = []
        self.gone: list[LogFollower] = []

    async def append(self, data: st.DataObject) -> None:
        for _ in range(data.draw(st.integers(1, 3 * TAIL_ITEMS))):
            stream, event = data.draw(st.sampled_from(STREAMS)), data.draw(st.sampled_from(EVENTS))
            await append(self.store, stream, event)

    async def join(self, data: st.DataObject) -> None:
        pattern, types = data.draw(st.sampled_from(PATTERNS)), data.draw(st.sampled_from(TYPES))
        after = data.draw(st.integers(0, await self.store.head()))
        self.followers.append(LogFollower(self.log, pattern, types, after))

    async def leave(self, data: st.DataObject) -> None:
        if self.followers:
            one = self.followers.pop(data.draw(st.integers(0, len(self.followers) - 1)))
            await one.leave()
            self.gone.append(one)

    async def hold_up_or_let_go(self, data: st.DataObject) -> None:
        if self.followers:
            one = data.draw(st.sampled_from(self.followers))
            (one.may_go_on.clear if one.may_go_on.is_set() else one.may_go_on.set)()

    async def cut_off(self, data: st.DataObject) -> None:
        del data
        self.store.cut_off()

    async def pause(self, data: st.DataObject) -> None:
        for _ in range(data.draw(st.integers(1, ROUNDS))):
            await asyncio.sleep(0)

    async def end(self) -> None:
        """Let everybody take the rest, and look at what each has seen."""
        for stream in STREAMS:  # so that each sees something come
            await append(self.store, stream, EXPIRED)
            position = await append(self.store, stream, CANCELLED)
        written = await everything(self.store)
        for one in self.followers:
            one.may_go_on.set()
        for one in self.followers:
            last = one.expected(written)[-1].position
            assert last <= position
            await one.has_come_to(last)
            assert one.seen == one.expected(written)
        for one in self.gone:
            assert one.seen == one.expected(written)[: len(one.seen)]
        for one in (*self.followers, *self.gone):
            assert all(a.position < b.position for a, b in pairwise(one.seen))
        for one in self.followers:
            await one.leave()
        assert self.store.open == []


@given(st.data())
def test_whoever_comes_goes_and_is_slow_each_sees_all_that_is_his_once_in_order(
    data: st.DataObject,
) -> None:
    asyncio.run(live_through(data))


async def live_through(data: st.DataObject) -> None:
    world = World()
    # Appending and joining oftener: the rest makes sense only with much of it.
    steps: list[Callable[[st.DataObject], Coroutine[Any, Any, None]]] = [
        *(2 * [world.append, world.join]),
        world.pause,
        world.leave,
        world.hold_up_or_let_go,
        world.cut_off,
    ]
    for _ in range(data.draw(st.integers(1, 25))):
        step = data.draw(st.sampled_from(range(len(steps))))
        await steps[step](data)
    await world.end()
