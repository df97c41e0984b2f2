"""What a tombstoned stream held is gone from every file, and the log is whole all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from sandbox.eventstore import pages
from sandbox.eventstore.backup import back_up
from sandbox.eventstore.data_dir import DATABASE_FILE
from sandbox.eventstore.filters import TypeFilter
from sandbox.eventstore.page import PAGE_EVENTS_MAX
from sandbox.eventstore.reads import ReadStream
from sandbox.eventstore.recorded_event import ReadResp
from sandbox.eventstore.refusals import Refusal
from sandbox.eventstore.store import Store, open_store
from sandbox.eventstore.subscriptions import SubscribeToStream
from sandbox.eventstore.verification import verify_backup, verify_data_dir
from sandbox.eventstore.writes import ANY, Append, ProposedEvent, Tombstone, Written

SECRET = b"planted-wrapped-key-7c1e"


def event(data: bytes) -> ProposedEvent:
    return ProposedEvent(uuid4().bytes, "KeyMade", is_json=False, data=data, metadata=data)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / DATABASE_FILE) as opened:
        yield opened


async def append(store: Store, stream: str, *data: bytes) -> None:
    outcome = await store.writer.submit(Append(stream, ANY, tuple(map(event, data))))
    assert isinstance(outcome, Written)


def planted_in(folder: Path) -> dict[str, int]:
    found = {one.name: one.read_bytes().count(SECRET) for one in folder.iterdir()}
    return {name: count for name, count in found.items() if count}


@pytest.mark.parametrize("size", [1, 3_000, 200_000], ids=["in a page", "near its end", "beyond"])
async def test_no_file_holds_what_a_tombstone_took_away(
    store: Store, tmp_path: Path, size: int
) -> None:
    for number in range(20):
        await append(store, f"a-{number}", b"kept" * size)
    await append(store, "subject-1", SECRET, SECRET * size)
    await append(store, "b-1", b"kept")
    assert planted_in(tmp_path), "the test could not fail"

    await store.writer.submit(Tombstone("subject-1", ANY))

    assert planted_in(tmp_path) == {}


async def test_a_backup_made_after_it_holds_nothing_either(store: Store, tmp_path: Path) -> None:
    await append(store, "subject-1", *[SECRET] * 600)
    await store.writer.submit(Tombstone("subject-1", ANY))
    back_up(tmp_path, tmp_path / "copy.backup")

    assert planted_in(tmp_path) == {}
    assert verify_backup(tmp_path / "copy.backup").damages == ()


async def test_the_log_is_whole_and_shows_the_others(store: Store, tmp_path: Path) -> None:
    await append(store, "a-1", b"first")
    await append(store, "subject-1", SECRET, SECRET)
    await append(store, "a-1", b"second")
    await store.writer.submit(Tombstone("subject-1", ANY))

    verified = verify_data_dir(tmp_path)
    assert verified.damages == ()
    assert verified.last_position == store.commits.position

    page = await store.readers.run(
        pages.read_log, 1, store.commits.position, limit=100, event_filter=None
    )
    streams = [
        ReadResp.FromString(response).event.event.stream_identifier.stream_name.decode()
        for _, response in page.events
    ]
    assert [one for one in streams if not one.startswith("$")] == ["a-1", "a-1", "subject-1"]
    types = [
        ReadResp.FromString(response).event.event.metadata["type"] for _, response in page.events
    ]
    assert types[-1] == "$streamDeleted"


async def test_who_follows_the_log_is_not_shown_it_from_memory(store: Store) -> None:
    await append(store, "a-1", b"first")
    await append(store, "subject-1", SECRET)
    await store.writer.submit(Tombstone("subject-1", ANY))

    recent = store.commits.recent.page(1, TypeFilter(lambda name: name == "KeyMade"))

    assert recent is not None
    assert len(recent.events) == 1
    everything = store.commits.recent.page(1, None)
    assert everything is not None
    assert b"$streamDeleted" in everything.events[-1][1]
    assert not any(SECRET in response for _, response in everything.events)


@pytest.mark.parametrize("backwards", [False, True])
async def test_a_read_that_is_under_way_ends_with_a_refusal_and_not_with_a_gap(
    store: Store, backwards: bool
) -> None:
    for _ in range(3):
        await append(store, "subject-1", *[SECRET] * (PAGE_EVENTS_MAX // 2))
    read = ReadStream("subject-1", None, backwards, limit=10_000, resolve_links=False)
    sent: list[bytes] = []

    async def read_and_destroy() -> None:
        async for responses in read.responses(store):
            sent.extend(responses)
            await store.writer.submit(Tombstone("subject-1", ANY))

    with pytest.raises(Refusal, match="subject-1"):
        await read_and_destroy()

    assert len(sent) == PAGE_EVENTS_MAX
    assert all(SECRET in one for one in sent)


async def test_who_follows_the_stream_is_sent_nothing_of_what_was_taken_away(store: Store) -> None:
    for _ in range(3):
        await append(store, "subject-1", *[SECRET] * (PAGE_EVENTS_MAX // 2))
    follow = SubscribeToStream("subject-1", after=-1, resolve_links=False)
    sent: list[ReadResp] = []

    async def follow_and_destroy() -> None:
        async for responses in follow.responses(store):
            sent.extend(map(ReadResp.FromString, responses))
            if len(sent) > 1:  # the confirmation comes first
                await store.writer.submit(Tombstone("subject-1", ANY))

    with pytest.raises(Refusal, match="subject-1"):
        await follow_and_destroy()

    types = [one.event.event.metadata["type"] for one in sent if one.HasField("event")]
    assert types == ["KeyMade"] * PAGE_EVENTS_MAX + ["$streamDeleted"]
