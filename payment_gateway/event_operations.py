"""What the command line does with events, on the installation that the settings name."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing, suppress
from typing import Any, Final

from payment_gateway.application.ports import EventStoreUnavailable
from payment_gateway.domain.errors import InvalidValue
from payment_gateway.event_documents import EventDocuments, cloud_event
from payment_gateway.infrastructure.messaging.backoff import delay_s
from payment_gateway.infrastructure.persistence.event_log import (
    CaughtUp,
    Checkpoint,
    EventFilter,
    LogItem,
    RecordedEvent,
    StreamFilter,
    TypeFilter,
    UnknownRecord,
)
from payment_gateway.infrastructure.persistence.event_types import EVENT_TYPES
from payment_gateway.infrastructure.persistence.eventstoredb import EventStoreDB, open_eventstoredb
from payment_gateway.presentation.cli.events import EventOperations, ExportFormat, Selection, Show
from payment_gateway.settings import Settings

RECONNECTS_MAX: Final = 20  # in a row, without an answer between them
SILENCE_S_MAX: Final = 30.0  # between two things that a server sends while it has more
# Streams that tell nothing about business: the store's own, and what shows how far readers are.
_CANARY: Final = "canary-"
_ALL: Final = StreamFilter("[^$].*")


class NoSuchStream(Exception):
    """There is no stream of that name."""


def follow(settings: Settings, wanted: Selection, limit: int | None, show: Show) -> None:
    """Show what is wanted as it comes, until stopped or so many were shown.

    Raises:
        InvalidValue: There is no such category or stored name.
        EventStoreUnavailable: No answer, however often it was asked.
        EventStoreRefused: The event store denies access.
    """

    async def run() -> None:
        async with open_eventstoredb(settings) as store:
            documents = EventDocuments(store)
            after = await store.head() if wanted.after is None else wanted.after
            shown = 0
            async with aclosing(_reconnecting(store, _filter(wanted), after)) as items:
                async for item in items:
                    if isinstance(item, RecordedEvent | UnknownRecord) and _is_wanted(item, wanted):
                        show(await documents.of(item))
                        shown += 1
                        if shown == limit:
                            return

    asyncio.run(_until_stopped(run()))


def read(
    settings: Settings, wanted: Selection, written_as: ExportFormat, show: Show
) -> tuple[int, int]:
    """Show what is wanted so far; return after which position it goes on, and how many were shown.

    Raises:
        InvalidValue: There is no such category or stored name.
        EventStoreUnavailable: No answer, or not all of it.
        EventStoreRefused: The event store denies access.
    """
    source = f"{str(settings.public_url).rstrip('/')}/api/v1/events"

    async def run() -> tuple[int, int]:
        after, count = wanted.after or 0, 0
        async with open_eventstoredb(settings) as store:
            documents, end = EventDocuments(store), await store.head()
            async with aclosing(_so_far(store, _filter(wanted), after, end)) as items:
                async for item in items:
                    if not _is_wanted(item, wanted):
                        continue
                    document = await documents.of(item)
                    if written_as is ExportFormat.CLOUDEVENTS:
                        document = cloud_event(document, source=source)
                    show(document)
                    count += 1
        return max(after, end), count

    return asyncio.run(run())


def show_stream(settings: Settings, stream: str, show: Show) -> None:
    """Show the events of a stream, oldest first.

    Raises:
        NoSuchStream: It was never written.
        EventStoreUnavailable: No answer.
        UndecodableEvent: This release cannot read an event in it.
    """

    async def run() -> None:
        async with open_eventstoredb(settings) as store:
            documents = EventDocuments(store)
            history = await store.read(stream)
            if not history.events:
                raise NoSuchStream(f"there is no stream {stream}")
            for recorded in history.events:
                show(await documents.of(recorded))

    asyncio.run(run())


OPERATIONS: Final = EventOperations(follow=follow, read=read, stream=show_stream)


async def _so_far(
    store: EventStoreDB, matching: EventFilter, after: int, end: int
) -> AsyncGenerator[RecordedEvent | UnknownRecord, None]:
    """Yield what matches up to a position; it ends however fast the log grows meanwhile."""
    position = after
    async with aclosing(store.subscribe(matching, after=after)) as items:
        while position < end:
            try:
                async with asyncio.timeout(SILENCE_S_MAX):
                    item = await anext(items)
            except TimeoutError as error:
                raise EventStoreUnavailable("the log could not be read to its end") from error
            if isinstance(item, CaughtUp) or item.position > end:
                return
            position = item.position
            if not isinstance(item, Checkpoint):
                yield item


async def _reconnecting(
    store: EventStoreDB, matching: EventFilter, after: int
) -> AsyncGenerator[LogItem, None]:
    """Yield what matches, going on where it was when the connection was lost."""
    failures = 0
    while True:
        try:
            async with aclosing(store.subscribe(matching, after=after)) as items:
                async for item in items:
                    failures = 0
                    if not isinstance(item, CaughtUp):
                        after = item.position
                    yield item
        except EventStoreUnavailable as error:
            failures += 1
            if failures > RECONNECTS_MAX:
                raise
            print(f"the event store is away, asked again: {error}", file=sys.stderr)
            await asyncio.sleep(delay_s(failures))


def _filter(wanted: Selection) -> EventFilter:
    """Return what the event store can leave out by itself.

    Raises:
        InvalidValue: There is no such category or stored name.
    """
    for category in wanted.categories:
        if not (category.isascii() and category.isalnum()):
            raise InvalidValue("the part of a stream's name before the dash", param="category")
    names = {stored.name for stored in EVENT_TYPES}
    for name in wanted.types:
        if name not in names:
            raise InvalidValue(f"there is no event {name}", param="type")
    if wanted.categories:
        return StreamFilter(f"(?:{'|'.join(wanted.categories)})-.*")
    return TypeFilter(wanted.types) if wanted.types else _ALL


def _is_wanted(item: RecordedEvent | UnknownRecord, wanted: Selection) -> bool:
    if item.stream.startswith(_CANARY) or (wanted.types and item.type not in wanted.types):
        return False
    if wanted.tenant_id is None:
        return True
    return isinstance(item, RecordedEvent) and item.context.tenant_id == wanted.tenant_id


async def _until_stopped(running: Coroutine[Any, Any, None]) -> None:
    """Run until done or told to stop; who follows a log stops it, and that is a good end."""
    task = asyncio.ensure_future(running)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task
