"""The only module that knows motor. Its successor is pymongo's ``AsyncMongoClient``.

motor takes fixes only until May 2027 (MongoDB, "Motor (Async Driver)" documentation); what differs in
the successor is how sessions and transactions are opened, which is ``open_session`` and ``transaction`` below.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

from bson import Binary
from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
    AsyncIOMotorDatabase,
)
from pymongo import WriteConcern
from pymongo.read_concern import ReadConcern

from payment_gateway.infrastructure.persistence.mongodb_metrics import CommandMetrics
from payment_gateway.settings import Settings

Document = dict[str, Any]
Client: TypeAlias = "AsyncIOMotorClient[Document]"
Database: TypeAlias = "AsyncIOMotorDatabase[Document]"
Collection: TypeAlias = "AsyncIOMotorCollection[Document]"
Session: TypeAlias = AsyncIOMotorClientSession

# Milliseconds. Waiting for a primary outlasts an election (10 s election timeout by default, MongoDB
# manual, "Replica Set Configuration") only together with the retries of whoever called.
SERVER_SELECTION_TIMEOUT_MS: Final = 5_000
CONNECT_TIMEOUT_MS: Final = 5_000
OPERATION_TIMEOUT_MS: Final = 20_000
POOL_SIZE_MAX: Final = 50
POOL_WAIT_TIMEOUT_MS: Final = 5_000

_MAJORITY: Final = WriteConcern("majority", wtimeout=OPERATION_TIMEOUT_MS)


@asynccontextmanager
async def open_mongodb(settings: Settings) -> AsyncGenerator[Database, None]:
    """Yield the installation's database; the connection itself is made at the first use.

    Every operation ends within ``OPERATION_TIMEOUT_MS`` and raises ``pymongo.errors.PyMongoError``
    where the server does not answer.
    """
    client: Client = AsyncIOMotorClient(
        settings.mongodb_uri.get_secret_value(),
        tz_aware=True,
        appname="payment-gateway",
        serverSelectionTimeoutMS=SERVER_SELECTION_TIMEOUT_MS,
        connectTimeoutMS=CONNECT_TIMEOUT_MS,
        socketTimeoutMS=OPERATION_TIMEOUT_MS,
        waitQueueTimeoutMS=POOL_WAIT_TIMEOUT_MS,
        maxPoolSize=POOL_SIZE_MAX,
        event_listeners=[CommandMetrics()],
    )
    try:
        yield client.get_database(settings.mongodb_database, write_concern=_MAJORITY)
    finally:
        client.close()


@asynccontextmanager
async def open_session(database: Database) -> AsyncGenerator[Session, None]:
    """Yield a session, for one transaction after the other."""
    client: Client = database.client
    async with await client.start_session() as session:
        yield session


@asynccontextmanager
async def transaction(session: Session) -> AsyncGenerator[None, None]:
    """Commit on leaving, with majority; roll back on an exception.

    A transaction of this session that was cut off before is aborted by the server as this one begins.

    Raises:
        pymongo.errors.PyMongoError: It did not commit, or no answer says whether it did: look before
            doing it again.
    """
    async with session.start_transaction(
        read_concern=ReadConcern("snapshot"),
        write_concern=_MAJORITY,
        max_commit_time_ms=OPERATION_TIMEOUT_MS,
    ):
        yield


def session_id(session: Session) -> Binary:
    """Return by what the server knows a session."""
    found = session.delegate.session_id["id"]
    assert isinstance(found, Binary), "a session's id is a UUID in BSON"
    return found


async def kill_session(database: Database, id_: Binary) -> None:
    """Abort what a session has under way, whoever holds it; a session that is gone is no matter.

    The server keeps a transaction whose client was killed for a minute, with all that it has locked
    (MongoDB manual, ``transactionLifetimeLimitSeconds``). A user may always kill sessions of its own.
    """
    await database.client.admin.command("killSessions", [{"id": id_}])


@asynccontextmanager
async def open_snapshot(database: Database) -> AsyncGenerator[Session, None]:
    """Yield a session whose reads all show one and the same moment, that of the first of them.

    The server keeps that moment for five minutes by default (MongoDB manual,
    ``minSnapshotHistoryWindowInSeconds``); a read after that raises ``SnapshotTooOld``.
    """
    client: Client = database.client
    async with await client.start_session(snapshot=True) as session:
        yield session
