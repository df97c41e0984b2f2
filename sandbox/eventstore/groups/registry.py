"""All groups of a store: made, changed, dropped, and started again with the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from sandbox.eventstore import group_table
from sandbox.eventstore.commits import StoreIsClosing
from sandbox.eventstore.filters import FilterExpression, InvalidFilter
from sandbox.eventstore.groups import refusals, source
from sandbox.eventstore.groups.definition import (
    ALL,
    FROM_END,
    STRATEGIES,
    Definition,
    GroupKey,
    GroupSettings,
)
from sandbox.eventstore.groups.group import Group
from sandbox.eventstore.store import Store
from sandbox.eventstore.writes import ANY, Delete, DropGroup, PutGroup

GROUPS_MAX = 1024


class Groups:
    """The groups by their keys. Changes happen one after another, and whole."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._groups: dict[GroupKey, Group] = {}
        self._lock = asyncio.Lock()
        self._changes: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Start what is stored."""
        for text, checkpoint in await self._store.readers.run(group_table.stored_groups):
            definition = Definition.from_json(text)
            self._groups[definition.key] = Group(self._store, definition, checkpoint)

    async def close(self) -> None:
        """Stop every group."""
        if self._changes:
            await asyncio.wait(self._changes)
        for group in self._groups.values():
            await group.stop(StoreIsClosing())

    def get(self, key: GroupKey) -> Group:
        """Return a group.

        Raises:
            Refusal: There is none.
        """
        group = self._groups.get(key)
        if group is None:
            raise refusals.does_not_exist(key)
        return group

    def of(self, source_name: str | None) -> list[Group]:
        """Return the groups of a source, with ``None`` of all."""
        return [group for key, group in self._groups.items() if source_name in {None, key.source}]

    async def create(
        self,
        key: GroupKey,
        start: int,
        expression: FilterExpression | None,
        settings: GroupSettings,
    ) -> None:
        """Make a group.

        Raises:
            Refusal: It exists, or cannot be; nothing was made.
        """
        await self._whole(self._create(key, start, expression, settings))

    async def update(self, key: GroupKey, start: int, settings: GroupSettings) -> None:
        """Change a group; its consumers must join again. A checkpoint outweighs the start.

        Raises:
            Refusal: There is none, or it cannot be so; nothing was changed.
        """
        await self._whole(self._update(key, start, settings))

    async def delete(self, key: GroupKey) -> None:
        """Drop a group with its checkpoint and its parked messages.

        Raises:
            Refusal: There is none.
        """
        await self._whole(self._delete(key))

    async def _whole(self, change: Coroutine[Any, Any, None]) -> None:
        """Carry a change out to its end, even if the caller goes away."""
        task = asyncio.create_task(change)
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        await asyncio.shield(task)

    async def _create(
        self,
        key: GroupKey,
        start: int,
        expression: FilterExpression | None,
        settings: GroupSettings,
    ) -> None:
        async with self._lock:
            _check_strategy(key, settings)
            after = await self._after(key, start)
            if key in self._groups:
                raise refusals.exists(key)
            _check_sizes(key, settings)
            if len(self._groups) >= GROUPS_MAX:
                raise refusals.failed(key, f"There are {GROUPS_MAX} groups already.")
            definition = Definition(key, start, after, expression, settings)
            try:
                if expression is not None:
                    expression.event_filter()
            except InvalidFilter as error:
                raise refusals.failed(key, str(error)) from error
            await self._store.writer.submit(PutGroup(*key, definition.to_json()))
            self._groups[key] = Group(self._store, definition, None)

    async def _update(self, key: GroupKey, start: int, settings: GroupSettings) -> None:
        async with self._lock:
            group = self.get(key)
            _check_strategy(key, settings)
            after = await self._after(key, start)
            _check_sizes(key, settings)
            definition = replace(group.definition, start=start, after=after, settings=settings)
            await self._store.writer.submit(PutGroup(*key, definition.to_json()))
            await group.stop(refusals.dropped(key))
            await group.store_checkpoint()
            self._groups[key] = Group(self._store, definition, group.checkpoint)

    async def _delete(self, key: GroupKey) -> None:
        async with self._lock:
            group = self.get(key)
            await self._store.writer.submit(DropGroup(*key))
            del self._groups[key]
            await group.stop(refusals.dropped(key))
            await self._store.writer.submit(Delete(key.parked_stream, ANY))

    async def _after(self, key: GroupKey, start: int) -> int:
        """Return the place behind which a group begins that is to start somewhere."""
        if key.source == ALL:
            end = self._store.commits.position
            if start > end:
                raise refusals.failed(key, f"Position {start} is beyond the end of the log.")
            return end if start == FROM_END else max(0, start - 1)
        if start != FROM_END:
            return start - 1
        return await self._store.readers.run(source.last_number, key.source)


def _check_strategy(key: GroupKey, settings: GroupSettings) -> None:
    if settings.strategy not in STRATEGIES:
        raise refusals.failed(key, f"Consumer strategy {settings.strategy} does not exist.")


def _check_sizes(key: GroupKey, settings: GroupSettings) -> None:
    if settings.read_batch_size >= settings.history_buffer_size:
        raise refusals.failed(key, "The read batch size must be less than the history buffer size.")


@asynccontextmanager
async def open_groups(store: Store) -> AsyncIterator[Groups]:
    """Run the groups of a store until the block ends."""
    groups = Groups(store)
    await groups.open()
    try:
        yield groups
    finally:
        await groups.close()
