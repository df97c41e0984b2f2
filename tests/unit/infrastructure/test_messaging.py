"""The parts of a subscription that need neither an event store nor MongoDB."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.application.ports import CommandContext, EventStoreUnavailable
from payment_gateway.domain.events.payment import PaymentExpiredEvent
from payment_gateway.infrastructure.messaging import batches
from payment_gateway.infrastructure.messaging.backoff import BASE_S, DELAY_S_MAX, delay_s
from payment_gateway.infrastructure.messaging.batches import (
    BATCH_ITEMS_MAX,
    FILLED_WITHIN_S,
    NEWS_GATHERED_FOR_S,
    QUEUE_ITEMS_MAX,
    BatchReader,
    gathers_until_s,
)
from payment_gateway.infrastructure.messaging.delivery import Record, collect, sort_out
from payment_gateway.infrastructure.persistence.event_log import (
    CaughtUp,
    Checkpoint,
    LogItem,
    RecordedEvent,
    UnknownRecord,
)

CONTEXT = CommandContext(
    tenant_id="acme", actor="test", correlation_id="c", at=datetime(2026, 1, 1, tzinfo=UTC)
)


def event(position: int, stream: str = "payment-1") -> RecordedEvent:
    return RecordedEvent(
        event=PaymentExpiredEvent(payment_id="p"),
        type="PaymentExpired",
        event_id=str(position),
        stream=stream,
        revision=position,
        position=position,
        context=CONTEXT,
    )


def unknown(position: int, stream: str = "payment-1") -> UnknownRecord:
    return UnknownRecord(
        type="?",
        event_id=str(position),
        stream=stream,
        revision=position,
        position=position,
        cause="unreadable",
    )


class TestCollect:
    def test_events_checkpoints_and_news_make_one_batch(self) -> None:
        batch = collect([event(3), Checkpoint(7), CaughtUp(), event(9)], after=2)

        assert [record.position for record in batch.records] == [3, 9]
        assert batch.position == 9
        assert batch.caught_up

    def test_what_was_delivered_before_is_left_out(self) -> None:
        batch = collect([event(1), event(2), Checkpoint(1), event(3)], after=2)

        assert [record.position for record in batch.records] == [3]
        assert batch.position == 3

    def test_a_checkpoint_alone_moves_the_position(self) -> None:
        assert collect([Checkpoint(5)], after=2).position == 5

    def test_nothing_changes_nothing(self) -> None:
        assert collect([], after=2).position == 2


class TestSortOut:
    def test_what_cannot_be_read_blocks_the_rest_of_its_stream_alone(self) -> None:
        records: list[Record] = [event(1, "a"), unknown(2, "a"), event(3, "a"), event(4, "b")]

        delivery = sort_out(records, set(), position=4)

        assert [one.position for one in delivery.events] == [1, 4]
        assert [one.record.position for one in delivery.parked] == [2, 3]
        assert delivery.parked[0].cause == "unreadable"

    def test_a_stream_that_is_parked_stays_parked(self) -> None:
        delivery = sort_out([event(1, "a"), event(2, "b")], {"a"}, position=2)

        assert [one.record.position for one in delivery.parked] == [1]
        assert [one.position for one in delivery.events] == [2]

    @given(
        st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=20),
        st.sets(st.sampled_from("abc")),
    )
    def test_every_record_goes_one_way_in_order(
        self, records: list[tuple[str, bool]], parked: set[str]
    ) -> None:
        made: list[Record] = [
            event(position, stream) if readable else unknown(position, stream)
            for position, (stream, readable) in enumerate(records)
        ]

        delivery = sort_out(made, parked, position=len(made))

        handled = [one.position for one in delivery.events]
        aside = [one.record.position for one in delivery.parked]
        assert sorted(handled + aside) == list(range(len(made)))
        assert handled == sorted(handled)
        assert aside == sorted(aside)


class TestBatchReader:
    async def test_what_has_arrived_comes_together_up_to_the_limit(self) -> None:
        async def items() -> AsyncGenerator[LogItem, None]:
            for position in range(1, BATCH_ITEMS_MAX + 11):
                yield event(position)
            await asyncio.Event().wait()

        async with BatchReader(items()) as reader:
            first = await reader.next(timeout_s=5)
            while len(first) < BATCH_ITEMS_MAX + 10:
                more = await reader.next(timeout_s=5)
                assert len(more) <= BATCH_ITEMS_MAX
                first += more

        assert [one.position for one in first if isinstance(one, RecordedEvent)] == list(
            range(1, BATCH_ITEMS_MAX + 11)
        )

    async def test_history_gathers_for_a_moment_and_news_do_not_wait(self) -> None:
        more, news = asyncio.Event(), asyncio.Event()

        async def items() -> AsyncGenerator[LogItem, None]:
            yield event(1)
            await more.wait()
            yield event(2)
            yield CaughtUp()
            await news.wait()
            yield event(3)
            await asyncio.Event().wait()

        async with BatchReader(items()) as reader:
            asyncio.get_running_loop().call_later(FILLED_WITHIN_S / 5, more.set)
            assert await reader.next(timeout_s=5) == [event(1), event(2), CaughtUp()]
            asyncio.get_running_loop().call_soon(news.set)
            assert await reader.next(timeout_s=5) == [event(3)]

    async def test_news_after_a_pause_go_out_at_once_and_what_follows_them_shortly_goes_together(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(batches, "NEWS_GATHERED_FOR_S", 1.0)

        news = asyncio.Event()

        async def items() -> AsyncGenerator[LogItem, None]:
            yield CaughtUp()
            await news.wait()
            for position in (1, 2, 3):
                yield event(position)
                await asyncio.sleep(0.01)
            await asyncio.Event().wait()

        async with BatchReader(items()) as reader:
            assert await reader.next(timeout_s=5) == [CaughtUp()]
            assert await reader.next(timeout_s=0.01) == []
            news.set()
            assert await reader.next(timeout_s=5) == [event(1)]
            assert await reader.next(timeout_s=5) == [event(2), event(3)]

    async def test_it_reads_no_further_ahead_than_its_queue_is_long(self) -> None:
        read = 0

        async def items() -> AsyncGenerator[LogItem, None]:
            nonlocal read
            while True:
                read += 1
                yield event(read)

        async with BatchReader(items()) as reader:
            await reader.next(timeout_s=5)
            await asyncio.sleep(0)
            ahead = read

        assert ahead <= QUEUE_ITEMS_MAX + BATCH_ITEMS_MAX + 1

    @pytest.mark.parametrize(
        ("took_s", "rests_s"),
        [(0.0, 0.025), (0.005, 0.020), (0.0125, 0.025), (0.04, 0.08), (0.1, 0.1), (30.0, 0.1)],
    )
    def test_news_gather_for_twice_as_long_as_those_before_took_but_no_longer_than_the_limit(
        self, took_s: float, rests_s: float
    ) -> None:
        now_s = 1_000.0

        until_s = gathers_until_s(now_s - took_s, now_s, gathers_s=NEWS_GATHERED_FOR_S)

        assert until_s - now_s == pytest.approx(rests_s)

    async def test_nothing_comes_of_a_wait_that_is_over_and_nothing_is_lost_by_it(self) -> None:
        arrive = asyncio.Event()

        async def items() -> AsyncGenerator[LogItem, None]:
            await arrive.wait()
            yield event(1)
            await asyncio.Event().wait()

        async with BatchReader(items()) as reader:
            assert await reader.next(timeout_s=0.01) == []
            arrive.set()
            assert await reader.next(timeout_s=5) == [event(1)]

    async def test_what_arrived_before_the_connection_broke_is_returned_first(self) -> None:
        async def items() -> AsyncGenerator[LogItem, None]:
            yield event(1)
            raise EventStoreUnavailable("gone")

        async with BatchReader(items()) as reader:
            assert await reader.next(timeout_s=5) == [event(1)]
            with pytest.raises(EventStoreUnavailable, match="gone"):
                await reader.next(timeout_s=5)

    async def test_leaving_closes_the_subscription(self) -> None:
        closed = asyncio.Event()

        async def items() -> AsyncGenerator[LogItem, None]:
            try:
                yield event(1)
                await asyncio.Event().wait()
            finally:
                closed.set()

        async with BatchReader(items()) as reader:
            await reader.next(timeout_s=5)

        assert closed.is_set()


class TestBackoff:
    @given(st.integers(0, 10**6))
    def test_a_delay_is_never_nothing_and_never_longer_than_the_limit(self, failures: int) -> None:
        assert BASE_S / 2 <= delay_s(failures) <= DELAY_S_MAX

    def test_it_grows(self) -> None:
        assert delay_s(0) < delay_s(2) < delay_s(5)
