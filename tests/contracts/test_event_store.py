"""What every event store does, whichever it is."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Protocol
from uuid import uuid4

import pytest
from esdbclient import NewEvent, StreamState
from pydantic import SecretStr

from payment_gateway.application.ports import (
    CommandContext,
    EventStore,
    EventStoreUnavailable,
    StreamDestroyed,
    StreamDestroyer,
    StreamMoved,
    StreamRemover,
)
from payment_gateway.domain.events.canary import CanaryRecordedEvent
from payment_gateway.domain.events.payment import (
    PaymentCancelledEvent,
    PaymentExpiredEvent,
    PaymentFailedEvent,
)
from payment_gateway.infrastructure.messaging.canary_job import Marks
from payment_gateway.infrastructure.persistence.event_log import (
    CaughtUp,
    Checkpoint,
    EventFilter,
    EventLog,
    LogItem,
    RecordedEvent,
    StreamFilter,
    TypeFilter,
    UnknownRecord,
)
from payment_gateway.infrastructure.persistence.event_types import UndecodableEvent
from payment_gateway.infrastructure.persistence.eventstoredb import (
    EventStoreRefused,
    open_eventstoredb,
)
from payment_gateway.infrastructure.persistence.memory import InMemoryEventStore
from payment_gateway.settings import Settings
from sandbox.ports import free_port
from tests.event_store_fixture import (
    docker_event_store_uri,
    embedded_event_store_uri,
    event_store_settings,
)

__all__ = ["docker_event_store_uri", "embedded_event_store_uri"]

CONTEXT = CommandContext(
    tenant_id="acme",
    actor="key-1",
    correlation_id="cor-1",
    causation_id="cause-1",
    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    at=datetime(2026, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC),
)
FAILED = PaymentFailedEvent(payment_id="p", reason="declined")
CANCELLED = PaymentCancelledEvent(payment_id="p", reason=None)
EXPIRED = PaymentExpiredEvent(payment_id="p")
WAIT_S = 20.0
# A call is cut off after each of so many rounds of the event loop.
CUT_OFF_AFTER_ROUNDS_MAX = 12


class Store(EventStore, EventLog, Marks, StreamDestroyer, StreamRemover, Protocol):
    """All sides of an event store."""


@pytest.fixture(
    params=["memory", "embedded", pytest.param("docker", marks=pytest.mark.docker)],
)
async def store(request: pytest.FixtureRequest) -> AsyncGenerator[Store, None]:
    if request.param == "memory":
        yield InMemoryEventStore()
        return
    uri = request.getfixturevalue(f"{request.param}_event_store_uri")
    async with open_eventstoredb(event_store_settings(uri)) as opened:
        yield opened


def new_stream(category: str = "payment") -> str:
    return f"{category}-{uuid4()}"


async def follow(
    store: Store, matching: EventFilter, *, after: int, until: int
) -> list[RecordedEvent]:
    """Return the events that a subscription delivers until it has delivered so many."""
    seen: list[RecordedEvent] = []
    async with asyncio.timeout(WAIT_S), aclosing(store.subscribe(matching, after=after)) as items:
        async for item in items:
            if isinstance(item, RecordedEvent):
                seen.append(item)
            if len(seen) == until:
                break
    return seen


class TestStreams:
    async def test_a_stream_that_was_never_written_is_empty(self, store: Store) -> None:
        history = await store.read(new_stream())

        assert history.events == ()
        assert history.revision is None

    async def test_what_was_appended_is_read_back_in_order_with_its_place_and_context(
        self, store: Store
    ) -> None:
        stream = new_stream()

        appended = await store.append(stream, [FAILED, EXPIRED], expected=None, context=CONTEXT)
        history = await store.read(stream)

        assert [recorded.event for recorded in history.events] == [FAILED, EXPIRED]
        assert [recorded.type for recorded in history.events] == ["PaymentFailed", "PaymentExpired"]
        assert [recorded.revision for recorded in history.events] == [0, 1]
        assert [recorded.context for recorded in history.events] == [CONTEXT, CONTEXT]
        assert {recorded.stream for recorded in history.events} == {stream}
        assert history.revision == appended.revision == 1
        assert history.events[0].position < history.events[1].position == appended.position
        assert await store.head() == appended.position

    async def test_an_append_goes_on_from_the_revision_it_was_decided_on(
        self, store: Store
    ) -> None:
        stream = new_stream()
        await store.append(stream, [FAILED], expected=None, context=CONTEXT)

        appended = await store.append(stream, [EXPIRED], expected=0, context=CONTEXT)

        assert appended.revision == 1

    @pytest.mark.parametrize("expected", [None, 0, 2])
    async def test_an_append_at_another_revision_is_refused_and_changes_nothing(
        self, store: Store, expected: int | None
    ) -> None:
        stream = new_stream()
        await store.append(stream, [FAILED, CANCELLED], expected=None, context=CONTEXT)

        with pytest.raises(StreamMoved):
            await store.append(stream, [EXPIRED], expected=expected, context=CONTEXT)

        assert (await store.read(stream)).revision == 1

    async def test_of_twenty_racing_appends_one_wins(self, store: Store) -> None:
        stream = new_stream()
        await store.append(stream, [FAILED], expected=None, context=CONTEXT)

        outcomes = await asyncio.gather(
            *(store.append(stream, [EXPIRED], expected=0, context=CONTEXT) for _ in range(20)),
            return_exceptions=True,
        )

        assert sum(isinstance(outcome, StreamMoved) for outcome in outcomes) == 19
        assert (await store.read(stream)).revision == 1


class TestRemoval:
    async def test_a_removed_stream_is_empty_and_begins_anew(self, store: Store) -> None:
        stream = f"idempotency-{uuid4()}"
        await store.append(stream, [CANCELLED, FAILED], expected=None, context=CONTEXT)
        await store.remove(stream, expected=1)
        assert (await store.read(stream)).revision is None

        await store.append(stream, [EXPIRED], expected=None, context=CONTEXT)

        anew = await store.read(stream)
        assert [recorded.event for recorded in anew.events] == [EXPIRED]
        await store.append(stream, [FAILED], expected=anew.revision, context=CONTEXT)
        assert len((await store.read(stream)).events) == 2

    async def test_a_stream_that_went_on_is_not_removed(self, store: Store) -> None:
        stream = f"idempotency-{uuid4()}"
        await store.append(stream, [CANCELLED, FAILED], expected=None, context=CONTEXT)
        with pytest.raises(StreamMoved):
            await store.remove(stream, expected=0)
        assert len((await store.read(stream)).events) == 2

    async def test_to_remove_what_is_gone_changes_nothing(self, store: Store) -> None:
        stream = f"idempotency-{uuid4()}"
        await store.append(stream, [CANCELLED], expected=None, context=CONTEXT)
        await store.remove(stream, expected=0)
        await store.remove(stream, expected=0)
        assert (await store.read(stream)).revision is None


class TestDestroyedStreams:
    async def test_a_destroyed_stream_holds_nothing_and_takes_nothing(self, store: Store) -> None:
        stream = new_stream("subject")
        appended = await store.append(stream, [CANCELLED], expected=None, context=CONTEXT)

        await store.destroy(stream)

        history = await store.read(stream)
        assert (history.events, history.revision, history.destroyed) == ((), None, True)
        for expected in (None, appended.revision, appended.revision + 1):
            with pytest.raises(StreamDestroyed):
                await store.append(stream, [FAILED], expected=expected, context=CONTEXT)

    async def test_destroying_twice_or_what_never_was_is_harmless(self, store: Store) -> None:
        stream = new_stream("subject")
        await store.destroy(stream)
        await store.destroy(stream)
        assert (await store.read(stream)).destroyed

    async def test_one_that_was_never_written_is_not_destroyed(self, store: Store) -> None:
        assert not (await store.read(new_stream("subject"))).destroyed

    async def test_what_marks_its_end_is_no_event_of_ours(self, store: Store) -> None:
        """Readers of the log meet the server's own marks; they know nothing of them and go on."""
        destroyed, after = new_stream("subject"), new_stream("subject")
        start = await store.head()
        await store.append(destroyed, [CANCELLED], expected=None, context=CONTEXT)
        await store.destroy(destroyed)
        await store.append(after, [FAILED], expected=None, context=CONTEXT)

        async with (
            asyncio.timeout(WAIT_S),
            aclosing(store.subscribe(StreamFilter("subject-.*"), after=start)) as items,
        ):
            async for item in items:
                assert not isinstance(item, UnknownRecord)
                if isinstance(item, RecordedEvent) and item.stream == after:
                    break


class TestSubscriptions:
    async def test_history_then_caught_up_then_news(self, store: Store) -> None:
        stream, start = new_stream(), await store.head()
        await store.append(stream, [FAILED, CANCELLED], expected=None, context=CONTEXT)
        items = store.subscribe(StreamFilter("payment-.*"), after=start)
        seen: list[LogItem] = []

        async with asyncio.timeout(WAIT_S), aclosing(items):
            async for item in items:
                seen.append(item)
                if isinstance(item, CaughtUp):
                    await store.append(stream, [EXPIRED], expected=1, context=CONTEXT)
                if isinstance(item, RecordedEvent) and item.event == EXPIRED:
                    break

        told = [item for item in seen if not isinstance(item, Checkpoint)]
        events = [item.event for item in told if isinstance(item, RecordedEvent)]
        assert events == [FAILED, CANCELLED, EXPIRED]
        assert isinstance(told[2], CaughtUp)

    async def test_resuming_after_a_position_neither_repeats_nor_misses(self, store: Store) -> None:
        stream, start = new_stream(), await store.head()
        await store.append(stream, [FAILED, CANCELLED, EXPIRED], expected=None, context=CONTEXT)
        matching = StreamFilter("payment-.*")

        (first,) = await follow(store, matching, after=start, until=1)
        rest = await follow(store, matching, after=first.position, until=2)

        assert [recorded.revision for recorded in (first, *rest)] == [0, 1, 2]

    async def test_only_streams_that_match_as_a_whole_are_delivered(self, store: Store) -> None:
        start, wanted = await store.head(), new_stream("wanted")
        for stream in (new_stream("unwanted"), wanted, new_stream("wantedtoo")):
            await store.append(stream, [FAILED], expected=None, context=CONTEXT)
        await store.append(wanted, [EXPIRED], expected=0, context=CONTEXT)

        seen = await follow(store, StreamFilter("wanted-.*|other-.*"), after=start, until=2)

        assert [recorded.stream for recorded in seen] == [wanted, wanted]

    async def test_only_events_of_the_wanted_types_are_delivered(self, store: Store) -> None:
        start = await store.head()
        await store.append(
            new_stream(), [FAILED, CANCELLED, EXPIRED, FAILED], expected=None, context=CONTEXT
        )

        names = TypeFilter(("PaymentCancelled", "PaymentExpired"))
        seen = await follow(store, names, after=start, until=2)

        assert [recorded.event for recorded in seen] == [CANCELLED, EXPIRED]

    async def test_of_what_matches_only_the_wanted_types_are_decoded(self, store: Store) -> None:
        stream, start = new_stream(), await store.head()
        await store.append(stream, [FAILED, EXPIRED], expected=None, context=CONTEXT)
        wanted = frozenset({"PaymentExpired"})
        items = store.subscribe(StreamFilter("payment-.*"), after=start, types=wanted)

        async with asyncio.timeout(WAIT_S), aclosing(items):
            passed_over, event = await anext(items), await anext(items)

        assert isinstance(passed_over, Checkpoint)
        assert isinstance(event, RecordedEvent)
        assert event.event == EXPIRED
        assert start < passed_over.position < event.position

    async def test_a_mark_goes_to_the_end_of_its_stream_and_is_delivered(
        self, store: Store
    ) -> None:
        stream, start = new_stream("canary"), await store.head()
        await store.keep_newest(stream, 2)
        for _ in range(3):
            await store.mark(stream, CanaryRecordedEvent(), CONTEXT)

        (*_, last) = await follow(store, StreamFilter(stream), after=start, until=2)

        assert (last.type, last.context) == ("CanaryRecorded", CONTEXT)
        assert last.position <= await store.head()

    async def test_events_that_do_not_match_move_the_checkpoint(self, store: Store) -> None:
        start = await store.head()
        for _ in range(40):
            await store.append(new_stream("ignored"), [FAILED], expected=None, context=CONTEXT)
        head = await store.head()
        items = store.subscribe(StreamFilter("payment-.*"), after=start)
        reached = start

        async with asyncio.timeout(WAIT_S), aclosing(items):
            async for item in items:
                if isinstance(item, CaughtUp):
                    break
                assert isinstance(item, Checkpoint)
                assert item.position > reached
                reached = item.position

        assert reached == head

    async def test_a_cancelled_subscriber_is_cancelled(self, store: Store) -> None:
        start, caught_up = await store.head(), asyncio.Event()

        async def subscriber() -> None:
            items = store.subscribe(StreamFilter("payment-.*"), after=start)
            async with aclosing(items):
                async for item in items:
                    if isinstance(item, CaughtUp):
                        caught_up.set()

        task = asyncio.create_task(subscriber())
        async with asyncio.timeout(WAIT_S):
            await caught_up.wait()
        task.cancel()
        await asyncio.wait({task}, timeout=WAIT_S)

        assert task.cancelled()


async def test_a_record_that_is_no_event_of_ours_breaks_a_read_but_no_subscription(
    embedded_event_store_uri: str,
) -> None:
    async with open_eventstoredb(event_store_settings(embedded_event_store_uri)) as store:
        stream, start = new_stream(), await store.head()
        await store._client.append_to_stream(
            stream,
            current_version=StreamState.NO_STREAM,
            events=[NewEvent(type="PaymentFailed", data=b"not json", metadata=b"{}")],
        )
        await store.append(stream, [EXPIRED], expected=0, context=CONTEXT)

        with pytest.raises(UndecodableEvent):
            await store.read(stream)
        items = store.subscribe(StreamFilter("payment-.*"), after=start)
        async with asyncio.timeout(WAIT_S), aclosing(items):
            unknown, event = await anext(items), await anext(items)

    assert isinstance(unknown, UnknownRecord)
    assert (unknown.type, unknown.stream, unknown.revision) == ("PaymentFailed", stream, 0)
    assert "UndecodableEvent: metadata" in unknown.cause
    assert isinstance(event, RecordedEvent)
    assert event.position > unknown.position


async def test_an_append_that_is_too_large_is_refused_for_good(
    embedded_event_store_uri: str,
) -> None:
    async with open_eventstoredb(event_store_settings(embedded_event_store_uri)) as store:
        too_large = PaymentFailedEvent(payment_id="p", reason="x" * 2**21)

        with pytest.raises(EventStoreRefused, match="MaximumAppendSizeExceeded"):
            await store.append(new_stream(), [too_large], expected=None, context=CONTEXT)


async def test_a_server_that_does_not_answer_is_unavailable_after_the_timeout() -> None:
    """It takes connections, and that is all it does."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"esdb://127.0.0.1:{silent.getsockname()[1]}?Tls=false"
        settings = Settings(eventstore_uri=SecretStr(uri), eventstore_timeout_s=0.2)
        async with open_eventstoredb(settings) as store:
            with pytest.raises(EventStoreUnavailable):
                await store.append(new_stream(), [FAILED], expected=None, context=CONTEXT)
            with pytest.raises(EventStoreUnavailable):
                await store.read(new_stream())
            with pytest.raises(EventStoreUnavailable):
                await anext(store.subscribe(StreamFilter(".*"), after=0))


async def test_where_nothing_listens_every_call_says_unavailable() -> None:
    settings = event_store_settings(f"esdb://127.0.0.1:{free_port()}?Tls=false")
    async with open_eventstoredb(settings) as store:
        with pytest.raises(EventStoreUnavailable):
            await store.read("payment-1")
        with pytest.raises(EventStoreUnavailable):
            await store.append("payment-1", [FAILED], expected=None, context=CONTEXT)
        with pytest.raises(EventStoreUnavailable):
            await store.head()
        with pytest.raises(EventStoreUnavailable):
            await anext(store.subscribe(StreamFilter(".*"), after=0))


async def test_a_read_that_is_cut_off_by_a_reconnection_is_no_short_history(
    embedded_event_store_uri: str,
) -> None:
    """The client ends such a read as if there were nothing more; a short history would be a wrong one."""
    settings = event_store_settings(embedded_event_store_uri)
    async with open_eventstoredb(settings) as store:
        stream = new_stream()
        await store.append(stream, [FAILED] * 2000, expected=None, context=CONTEXT)

        reads = [asyncio.create_task(store.read(stream)) for _ in range(5)]
        await asyncio.sleep(0)
        await store._client.reconnect()
        outcomes = await asyncio.gather(*reads, return_exceptions=True)

    for outcome in outcomes:
        assert isinstance(outcome, EventStoreUnavailable) or (
            not isinstance(outcome, BaseException) and len(outcome.events) == 2000
        )


async def test_a_look_at_the_end_that_is_cut_off_by_a_reconnection_finds_no_empty_log(
    embedded_event_store_uri: str,
) -> None:
    settings = event_store_settings(embedded_event_store_uri)
    async with open_eventstoredb(settings) as store:
        stream = new_stream()
        appended = await store.append(stream, [FAILED], expected=None, context=CONTEXT)
        for rounds in range(CUT_OFF_AFTER_ROUNDS_MAX):
            looks = [asyncio.create_task(store.head()) for _ in range(3)]
            for _ in range(rounds):
                await asyncio.sleep(0)
            await store._client.reconnect()
            outcomes = await asyncio.gather(*looks, return_exceptions=True)

            for outcome in outcomes:
                assert isinstance(outcome, EventStoreUnavailable) or outcome == appended.position
