"""What read models and subscriptions rely on MongoDB for: ours, and any other that is named."""

import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from pymongo.errors import PyMongoError, ServerSelectionTimeoutError

from payment_gateway.infrastructure.persistence.mongodb import (
    Database,
    kill_session,
    open_mongodb,
    open_session,
    session_id,
    transaction,
)
from sandbox.ports import free_port
from tests.docker_engine import mongodb_container
from tests.mongodb_fixture import mongodb_server, mongodb_settings


@pytest.fixture(
    scope="module", params=["wheel", pytest.param("container", marks=pytest.mark.docker)]
)
def mongodb_uri(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    if request.param == "container":
        with mongodb_container() as uri:
            yield uri
    else:
        with mongodb_server(tmp_path_factory.mktemp("mongodb") / "data", free_port()) as uri:
            yield uri


@pytest.fixture
async def database(mongodb_uri: str) -> AsyncIterator[Database]:
    name = f"test-{uuid4().hex[:12]}"
    async with open_mongodb(mongodb_settings(mongodb_uri, name)) as opened:
        yield opened
        await opened.client.drop_database(name)


async def test_a_transaction_commits_whole_and_is_acknowledged_by_the_majority(
    database: Database,
) -> None:
    async with open_session(database) as session, transaction(session):
        await database["left"].insert_one({"_id": 1}, session=session)
        await database["right"].insert_one({"_id": 1}, session=session)

    assert await database["left"].count_documents({}) == 1
    assert await database["right"].count_documents({}) == 1
    assert database.write_concern.document["w"] == "majority"


async def test_an_exception_rolls_everything_back(database: Database) -> None:
    async with open_session(database) as session:

        async def fail() -> None:
            async with transaction(session):
                await database["left"].insert_one({"_id": 1}, session=session)
                raise ArithmeticError

        with pytest.raises(ArithmeticError):
            await fail()
        async with transaction(session):
            await database["left"].insert_one({"_id": 2}, session=session)

    assert [document["_id"] async for document in database["left"].find()] == [2]


async def test_what_a_killed_session_had_under_way_is_gone_and_its_locks_are_free(
    database: Database,
) -> None:
    await database["left"].insert_one({"_id": 1})
    async with open_session(database) as session:

        async def be_killed() -> None:
            async with transaction(session):
                await database["left"].update_one({"_id": 1}, {"$set": {"a": 1}}, session=session)
                await kill_session(database, session_id(session))
                await database["left"].update_one({"_id": 1}, {"$set": {"b": 1}})

        with pytest.raises(PyMongoError):
            await be_killed()

    assert await database["left"].find_one() == {"_id": 1, "b": 1}


async def test_times_come_back_with_their_zone(database: Database) -> None:
    at = datetime(2026, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)
    await database["times"].insert_one({"_id": 1, "at": at})

    assert await database["times"].find_one() == {"_id": 1, "at": at}


async def test_a_server_that_is_not_there_is_given_up_within_a_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "payment_gateway.infrastructure.persistence.mongodb.SERVER_SELECTION_TIMEOUT_MS", 200
    )
    settings = mongodb_settings(f"mongodb://127.0.0.1:{free_port()}/?replicaSet=rs0", "nowhere")
    began_s = time.monotonic()

    async with open_mongodb(settings) as database:
        with pytest.raises(ServerSelectionTimeoutError):
            await database["left"].find_one()

    assert time.monotonic() - began_s < 5
