"""On a real MongoDB: which payments are compared, who does the nightly job, who waits for a person."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from payment_gateway.application.ports import QueueUnavailable
from payment_gateway.infrastructure.messaging.daily_lease import HELD_FOR, MongoDailyLease
from payment_gateway.infrastructure.persistence.mongodb import (
    Client,
    Collection,
    Database,
    Document,
)
from projections import payment_details
from projections.document_writer import DocumentWriter
from projections.generations import install
from projections.operator_queries import find_questions, open_or_changed
from projections.payment_queries import PAGE_SIZE_MAX
from sandbox.ports import free_port
from tests.mongodb_fixture import database, mongodb_uri

__all__ = ["database", "mongodb_uri"]
pytestmark = pytest.mark.xdist_group("recovery")

NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)
TOMORROW = NOON + timedelta(days=1)
DAY_BEFORE = NOON - timedelta(days=1)


def payment(
    payment_id: str, status: str, *, provider: str = "PAYPAL", updated: datetime = NOON, **more: Any
) -> Document:
    fields = {"tenantId": "acme", "providerType": provider, "status": status, "questions": []}
    return {"_id": payment_id, **fields, "updatedAt": updated, **more}


@pytest.fixture
async def stored(database: Database) -> Collection:
    generation = await install(database, payment_details.MODEL)
    await DocumentWriter(database, payment_details.MODEL, generation).install()
    return database[generation.collection("")]


async def chosen(database: Collection, *, since: datetime = DAY_BEFORE) -> list[str]:
    pages = open_or_changed(database, "PAYPAL", since=since, before=TOMORROW)
    return [one.payment_id async for page in pages for one in page]


class TestWhatIsCompared:
    async def test_open_ones_whenever_they_changed_and_others_that_changed_since(
        self, stored: Collection
    ) -> None:
        long_ago = NOON - timedelta(days=300)
        await stored.insert_many(
            [
                payment("open", "AWAITING_PAYER", updated=long_ago),
                payment("asked", "NEEDS_OPERATOR", updated=long_ago),
                payment("recent", "COMPLETED"),
                payment("first", "EXPIRED", updated=DAY_BEFORE),
                payment("old", "COMPLETED", updated=DAY_BEFORE - timedelta(milliseconds=1)),
                payment("changing", "COMPLETED", updated=TOMORROW),
                payment("elsewhere", "COMPLETED", provider="PAGADITO"),
            ]
        )
        assert sorted(await chosen(stored)) == ["asked", "first", "open", "recent"]

    async def test_each_once_over_many_pages(self, stored: Collection) -> None:
        many = 2 * PAGE_SIZE_MAX + 1
        documents = [
            payment(f"{status}-{number:04}", status, updated=NOON + timedelta(seconds=number // 7))
            for status in ("UNKNOWN", "COMPLETED")
            for number in range(many)
        ]
        await stored.insert_many(documents)
        assert sorted(await chosen(stored)) == sorted(one["_id"] for one in documents)

    async def test_what_waits_for_a_person_the_longest_first(self, stored: Collection) -> None:
        asked: dict[str, Any] = {"questions": [{"refundId": None, "reason": "silence"}]}
        later = NOON + timedelta(hours=1)
        await stored.insert_many(
            [
                payment("newer", "NEEDS_OPERATOR", updated=later, **asked),
                payment("older", "COMPLETED", **asked),
                payment("none", "COMPLETED"),
            ]
        )
        found = await find_questions(stored, limit=10)
        assert [one["_id"] for one in found] == ["older", "newer"]
        assert [one["_id"] for one in await find_questions(stored, limit=1)] == ["older"]

    @pytest.mark.parametrize(
        ("query", "order", "index"),
        [
            ({"questions.0": {"$exists": True}}, ["updatedAt", "_id"], "questions"),
            (
                {"$and": [{"providerType": "P", "status": {"$in": ["UNKNOWN"]}}, {}]},
                ["_id"],
                "provider_status",
            ),
            (
                {
                    "$and": [
                        {
                            "providerType": "P",
                            "status": {"$nin": ["UNKNOWN"]},
                            "updatedAt": {"$gte": DAY_BEFORE, "$lt": NOON},
                        },
                        {},
                    ]
                },
                ["updatedAt", "_id"],
                "provider_changed",
            ),
        ],
    )
    async def test_is_found_by_an_index(
        self, stored: Collection, query: Document, order: list[str], index: str
    ) -> None:
        await stored.insert_one(payment("p", "UNKNOWN", provider="P"))
        found = stored.find(query).sort([(key, 1) for key in order])
        plan = str((await found.explain())["queryPlanner"]["winningPlan"])
        assert f"'indexName': '{index}'" in plan
        assert "COLLSCAN" not in plan


class TestDailyLease:
    async def test_is_taken_by_one_process_a_day(self, database: Database) -> None:
        leases = [MongoDailyLease(database, "job") for _ in range(6)]
        taken = await asyncio.gather(*(lease.take(NOON) for lease in leases))
        assert taken.count(True) == 1
        winner = leases[taken.index(True)]
        await winner.finish(NOON)
        assert not any([await lease.take(NOON + timedelta(hours=11)) for lease in leases])
        assert await leases[0].take(TOMORROW)

    async def test_of_a_process_that_died_lapses_on_the_same_day(self, database: Database) -> None:
        dead, heir = MongoDailyLease(database, "job"), MongoDailyLease(database, "job")
        assert await dead.take(NOON)
        assert await dead.renew(NOON + timedelta(minutes=1))
        assert not await heir.take(NOON + HELD_FOR)
        lapsed = NOON + HELD_FOR + timedelta(minutes=1)
        assert await heir.take(lapsed)
        assert not await dead.renew(lapsed)
        await dead.finish(lapsed)  # it no longer has a say
        assert await heir.renew(lapsed)

    async def test_a_server_that_is_not_there_is_said_so(self) -> None:
        uri = f"mongodb://127.0.0.1:{free_port()}"
        absent: Client = AsyncIOMotorClient(uri, serverSelectionTimeoutMS=200)
        lease = MongoDailyLease(absent["none"], "job")
        for call in (lease.take, lease.renew, lease.finish):
            with pytest.raises(QueueUnavailable):
                await call(NOON)
        absent.close()
