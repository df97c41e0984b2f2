"""What has ended is removed: the database of a simulator that runs for long does not fill up with tokens."""

import sqlite3
from pathlib import Path

from sandbox.providers.expiring import REMOVED_AT_ONCE
from tests.unit.sandbox.pagadito_merchant import pagadito_merchant
from tests.unit.sandbox.paypal_merchant import paypal_merchant

DAY_S = 24 * 3600


def stored(database: Path, kind: str) -> int:
    with sqlite3.connect(database) as connection:
        [count] = connection.execute("SELECT count(*) FROM documents WHERE kind = ?", (kind,))
    connection.close()
    return int(count[0])


async def test_ended_access_tokens_and_request_ids_are_removed(tmp_path: Path) -> None:
    async with paypal_merchant(tmp_path) as shop:
        for number in range(REMOVED_AT_ONCE - 1):
            await shop.log_in()
            await shop.create(key=f"k{number}")
        await shop.advance_clock(DAY_S)
        for _ in range(3):
            await shop.log_in()
    database = tmp_path / "paypal.sqlite3"
    assert (stored(database, "bearer"), stored(database, "served_request")) == (3, 0)
    assert stored(database, "order") == REMOVED_AT_ONCE - 1


async def test_a_token_in_use_stays(tmp_path: Path) -> None:
    async with paypal_merchant(tmp_path) as shop:
        first = await shop.create(key="k")
        for _ in range(3):
            await shop.log_in()
        assert (await shop.create(key="k")).json()["id"] == first.json()["id"]


async def test_ended_and_used_sessions_are_removed(tmp_path: Path) -> None:
    async with pagadito_merchant(tmp_path) as shop:
        await shop.charge()
        for _ in range(5):
            await shop.connect()
        await shop.advance_clock(DAY_S)
        await shop.connect()
    assert stored(tmp_path / "pagadito.sqlite3", "session") == 1


async def test_a_used_session_is_gone_at_once(tmp_path: Path) -> None:
    async with pagadito_merchant(tmp_path) as shop:
        token, _ = await shop.charge()
        _, again = await shop.charge(token=token, ern="ERN-2")
        assert again["code"] == "PG3007"
    assert stored(tmp_path / "pagadito.sqlite3", "session") == 0
