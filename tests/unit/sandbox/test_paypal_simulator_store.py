"""What the simulators remember: alone in a batch, durable before it is answered."""

import asyncio
import sqlite3
from functools import partial
from pathlib import Path

import msgspec
import pytest

from sandbox.providers.clock import Clock
from sandbox.providers.store import Store, StoreUnavailable, open_store


class Note(msgspec.Struct):
    text: str


class Refused(Exception):
    pass


def write(store: Store, key: str, *, refuse: bool = False) -> None:
    store.put("note", key, Note(key))
    if refuse:
        raise Refused


async def texts(store: Store) -> list[str]:
    rows = await store.transact(lambda: store.page(["note"], after=0, limit=10))
    return [msgspec.json.decode(row.body, type=Note).text for row in rows]


async def test_a_refusal_undoes_its_own_writes_only(tmp_path: Path) -> None:
    with open_store(tmp_path / "s") as store:
        outcomes = await asyncio.gather(
            store.transact(lambda: write(store, "first")),
            store.transact(lambda: write(store, "refused", refuse=True)),
            store.transact(lambda: write(store, "last")),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [type(None), Refused, type(None)]
        assert await texts(store) == ["first", "last"]
    with open_store(tmp_path / "s") as store:
        assert await texts(store) == ["first", "last"]


async def test_nothing_is_answered_before_it_is_durable(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with open_store(path) as store:
        answered = asyncio.ensure_future(store.transact(lambda: write(store, "a")))
        await store.transact(lambda: None)
        await answered
        copy = tmp_path / "copy"
        copy.write_bytes(path.read_bytes())
        (tmp_path / "copy-wal").write_bytes((tmp_path / "s-wal").read_bytes())
        after_a_crash = sqlite3.connect(copy)
        assert after_a_crash.execute("SELECT key FROM documents").fetchall() == [("a",)]
        after_a_crash.close()


async def test_a_caller_that_gives_up_takes_nobody_along(tmp_path: Path) -> None:
    with open_store(tmp_path / "s") as store:
        impatient = asyncio.ensure_future(store.transact(lambda: write(store, "a")))
        patient = asyncio.ensure_future(store.transact(lambda: write(store, "b")))
        await asyncio.sleep(0)
        impatient.cancel()
        await patient
        with pytest.raises(asyncio.CancelledError):
            await impatient
        assert await texts(store) == ["a", "b"]


async def test_writing_again_keeps_the_place_in_the_order(tmp_path: Path) -> None:
    with open_store(tmp_path / "s") as store:
        for key in ("a", "b", "a"):
            await store.transact(partial(write, store, key))
        assert await texts(store) == ["a", "b"]


async def test_a_claim_is_taken_once(tmp_path: Path) -> None:
    with open_store(tmp_path / "s") as store:
        claims = [
            await store.transact(lambda: store.claim("note", "k", Note("x"))) for _ in range(2)
        ]
        assert claims == [True, False]


def test_a_file_is_held_by_one_process(tmp_path: Path) -> None:
    with (
        open_store(tmp_path / "s"),
        pytest.raises(StoreUnavailable, match="locked"),
        open_store(tmp_path / "s"),
    ):
        pass


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("something else entirely, and long enough to be looked at" * 100)
    with pytest.raises(StoreUnavailable), open_store(tmp_path / "s"):
        pass


async def test_the_clock_goes_on_from_where_it_was_moved_to(tmp_path: Path) -> None:
    with open_store(tmp_path / "s") as store:
        clock = Clock(store)
        before = clock.now()
        await asyncio.gather(clock.advance(3600), clock.advance(3600))
        assert (clock.now() - before).total_seconds() >= 7200
    with open_store(tmp_path / "s") as store:
        assert (Clock(store).now() - before).total_seconds() >= 7200
