"""What the event store does when the disk, a caller or a subscriber does not play along."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from esdbclient import NewEvent, StreamState
from esdbclient.exceptions import InternalError

from sandbox.eventstore import data_dir, serve
from sandbox.eventstore.database import open_reader, open_writer
from sandbox.eventstore.group_commit import GroupCommit, StorageFailed, WriteRefused
from sandbox.eventstore.server import serve_store
from sandbox.eventstore.store import Store, open_store
from sandbox.eventstore.writes import ANY, Append, ProposedEvent, Written
from tests.eventstore_server import ANSWER_TIMEOUT_S, connect, eventually, new_events, new_stream

NO_STREAM = StreamState.NO_STREAM


def proposed(number: int, data: bytes = b"{}") -> ProposedEvent:
    return ProposedEvent(number.to_bytes(16), "Happened", True, data, b"")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "log.sqlite3") as store:
        yield store


async def test_a_full_disk_refuses_appends_and_the_store_goes_on(store: Store) -> None:
    await store.writer.submit(Append("small", ANY, (proposed(1),)))
    connection = store.writer._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StorageFailed, match="full"):
        await store.writer.submit(Append("big", ANY, (proposed(2, b"x" * 100_000),)))
    connection.execute(f"PRAGMA max_page_count={2**30}")
    outcome = await store.writer.submit(Append("big", ANY, (proposed(3),)))
    assert outcome == Written(revision=0, position=3)


async def test_a_write_that_the_database_refuses_does_not_fail_those_beside_it(
    store: Store,
) -> None:
    connection = store.writer._connection
    connection.execute(
        "CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.streams WHEN new.name = 'cursed' "
        "BEGIN SELECT raise(ABORT, 'this stream is cursed'); END"
    )
    names = ["a", "cursed", "b", "c"]
    answers = await asyncio.gather(
        *(store.writer.submit(Append(name, ANY, (proposed(1),))) for name in names),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [Written, StorageFailed, Written, Written]
    assert [answer.position for answer in answers if isinstance(answer, Written)] == [2, 3, 4]


async def test_writes_beyond_what_may_wait_are_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.eventstore.group_commit.WAITING_MAX", 2)
    answers = [store.writer.submit(Append("s", ANY, (proposed(n),))) for n in (1, 2)]
    with pytest.raises(WriteRefused):
        store.writer.submit(Append("s", ANY, (proposed(3),)))
    assert len(await asyncio.gather(*answers)) == 2


async def test_a_store_that_closes_writes_what_waits_and_refuses_what_comes(tmp_path: Path) -> None:
    announced: list[int] = []
    writer = GroupCommit(
        tmp_path / "log.sqlite3",
        lambda stored: announced.extend(event.position for event in stored),
    )
    writer.start()
    answers = [writer.submit(Append("s", ANY, (proposed(n),))) for n in range(1, 600)]
    await writer.close()
    with pytest.raises(WriteRefused):
        writer.submit(Append("s", ANY, (proposed(600),)))
    assert [answer.result() for answer in answers] == [Written(n - 1, n) for n in range(1, 600)]
    assert announced == list(range(1, 600))


class TestWriteAheadLog:
    """It is read again after a crash, so it must not grow with the log."""

    LENGTH_MAX = 256 * 1024

    @pytest.fixture
    async def store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
        monkeypatch.setattr("sandbox.eventstore.write_ahead_log.LENGTH_MAX", self.LENGTH_MAX)
        async with open_store(tmp_path / "log.sqlite3") as store:
            yield store

    async def _grow(self, store: Store, appends: int) -> None:
        for number in range(1, appends + 1):
            await store.writer.submit(Append("s", ANY, (proposed(number, b"x" * 50_000),)))

    async def test_stays_short(self, store: Store, tmp_path: Path) -> None:
        await self._grow(store, 40)
        assert (tmp_path / "log.sqlite3-wal").stat().st_size < 2 * self.LENGTH_MAX

    async def test_a_reader_that_does_not_end_is_not_waited_for(
        self, store: Store, tmp_path: Path
    ) -> None:
        reader = open_reader(tmp_path / "log.sqlite3")
        endless = reader.execute("SELECT * FROM events")
        endless.fetchone()
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await self._grow(store, 20)
        reader.close()


async def test_a_failing_disk_is_told_to_the_client(tmp_path: Path) -> None:
    database = tmp_path / data_dir.DATABASE_FILE
    connection = open_writer(database)
    connection.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON streams WHEN new.name LIKE 'cursed%' "
        "BEGIN SELECT raise(ABORT, 'this stream is cursed'); END"
    )
    connection.close()
    async with serve(tmp_path) as running:
        for kind in ("sync", "async"):
            caller = await connect(kind, running.uri)
            for events in (new_events(1), new_events(1)[0]):
                with pytest.raises(InternalError, match="could not write: this stream is cursed"):
                    await caller(
                        "append_to_stream",
                        new_stream("cursed"),
                        current_version=NO_STREAM,
                        events=events,
                    )
            await caller.close()


async def test_a_slow_subscriber_holds_nobody_up_and_misses_nothing(tmp_path: Path) -> None:
    """Far more is written than its connection takes in before it reads on."""
    async with serve(tmp_path) as running:
        caller = await connect("async", running.uri)
        slow = await caller("subscribe_to_all", filter_exclude=[])
        await caller.take(slow, 1)
        fast = await caller("subscribe_to_all", filter_exclude=[])
        large = [NewEvent(type="Large", data=b"x" * 100_000) for _ in range(10)]
        for _ in range(20):
            await caller("append_to_stream", new_stream(), current_version=NO_STREAM, events=large)
        positions = [event.commit_position for event in await caller.take(fast, 201)]
        late = [event.commit_position for event in await caller.take(slow, 200)]
        assert late == positions[1:]
        await caller.close()


async def test_a_subscription_that_is_cancelled_leaves_nothing_behind(store: Store) -> None:
    def watched() -> tuple[int, int]:
        return len(store.commits._of_all), len(store.commits._of_stream)

    async def nothing_is_watched() -> bool:
        return watched() == (0, 0)

    async with serve_store(store, "127.0.0.1", 0) as running:
        caller = await connect("async", running.uri)
        of_log = await caller("subscribe_to_all", filter_exclude=[])
        of_stream = await caller("subscribe_to_stream", new_stream())
        assert watched() == (1, 1)
        await caller.stop(of_log)
        await caller.stop(of_stream)
        await eventually(nothing_is_watched)
        await caller.close()
