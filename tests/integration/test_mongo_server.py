"""The MongoDB server that an installation starts."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from sandbox import mongo
from sandbox.errors import ServerMissing
from sandbox.ports import free_port
from sandbox.supervisor import supervise


async def with_mongod(folder: Path, port: int, work: Callable[[MongoClient[Any]], None]) -> None:
    data = folder / "mongodb"
    data.mkdir(exist_ok=True)

    async def body() -> None:
        await asyncio.to_thread(connect)

    def connect() -> None:
        client: MongoClient[Any] = MongoClient(
            mongo.mongodb_uri(port), serverSelectionTimeoutMS=5_000
        )
        with client:
            work(client)

    await supervise(
        [mongo.mongod(data, port)],
        body,
        log_dir=folder,
        interrupted=asyncio.Event(),
        on_ready=lambda *_: None,
    )


def transfer(client: MongoClient[Any]) -> None:
    """One transaction that commits, one that does not."""
    accounts = client.shop.accounts
    with client.start_session() as session:
        with session.start_transaction():
            accounts.insert_one({"_id": "kept"}, session=session)
        session.start_transaction()
        accounts.insert_one({"_id": "dropped"}, session=session)
        session.abort_transaction()


def names(client: MongoClient[Any]) -> list[str]:
    return [account["_id"] for account in client.shop.accounts.find()]


async def test_a_transaction_commits_whole_or_not_at_all_and_survives_restarts(
    tmp_path: Path,
) -> None:
    """Restarted on its port, then on another one: a replica set of one follows its address."""
    seen: list[list[str]] = []

    def look(client: MongoClient[Any]) -> None:
        seen.append(names(client))
        client.shop.accounts.insert_one({"_id": f"run {len(seen)}"})

    port = free_port()
    await with_mongod(tmp_path, port, transfer)
    await with_mongod(tmp_path, port, look)
    await with_mongod(tmp_path, free_port(except_for={port}), look)

    assert seen == [["kept"], ["kept", "run 1"]]


def test_where_no_wheel_carries_a_server_the_setting_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo, "DISTRIBUTION", "no-such-distribution")

    with pytest.raises(ServerMissing, match=r"set GATEWAY_MONGODB_URI, for example"):
        mongo.mongod(tmp_path, 1)
