"""``verify`` names what was tampered with, and raises no false alarm."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from payment_gateway.domain.events.payment import (
    PaymentCompletedEvent,
    RefundCompletedEvent,
)
from payment_gateway.infrastructure.messaging.dead_letters import DeadLetters
from payment_gateway.infrastructure.messaging.subscription import Handler
from payment_gateway.infrastructure.messaging.unit import Unit
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.mongodb import Database, Session
from projections.document_writer import DocumentWriter
from projections.generations import Generation, matching
from projections.payment_details import MODEL, project
from projections.read_model import Changes, Found, Key, ReadModel, Total
from projections.verify import Extent, draw_prefixes, verify
from projections.verify_documents import take_all
from projections.verify_report import FaultKind
from projections.worker import READ_MODELS
from tests.event_store_fixture import embedded_server
from tests.integration.read_model_world import START, World, first, opened_world
from tests.mongodb_fixture import database, mongodb_uri

__all__ = ["database", "mongodb_uri"]

PAYMENTS = 30
KEPT_FOR, KEPT_FOR_S = "minSnapshotHistoryWindowInSeconds", 300  # as long by default
PAID, REFUNDED = 3, 5  # revisions in each payment's stream: PaymentCompleted, a RefundCompleted


@pytest.fixture
async def world(tmp_path: Path, database: Database) -> AsyncGenerator[World, None]:
    with embedded_server(tmp_path / "events") as uri:
        async with opened_world(uri, database) as opened:
            yield opened


def outcome(found: Found, recorded: RecordedEvent) -> Changes:
    """A small read model with sums: what each tenant has taken and given back."""
    ((key, before),) = found.items()
    document = before or {"tenantId": recorded.context.tenant_id, "taken": 0, "returned": 0}
    match recorded.event:
        case PaymentCompletedEvent(captured_minor=minor):
            return {key: {**document, "taken": document["taken"] + minor}}
        case RefundCompletedEvent(amount_minor=minor):
            return {key: {**document, "returned": document["returned"] + minor}}
        case _:
            return {key: document}


TAKINGS = ReadModel(
    name="takings",
    version=1,
    categories=("payment",),
    events=MODEL.events,
    keys=MODEL.keys,
    project=outcome,
    indexes={"": ()},
    totals=lambda one: [
        Total(
            id=one["tenantId"],
            group={"tenantId": one["tenantId"]},
            counts={"payments": 1, "sums.taken": one["taken"], "sums.returned": one["returned"]},
        )
    ],
    partitionable=True,
)


def refusing(*payment_ids: str) -> Callable[[DocumentWriter], Handler]:
    def refuse(writer: DocumentWriter) -> Handler:
        async def handle(events: Sequence[RecordedEvent], session: Session) -> None:
            for event in events:
                if event.stream.removeprefix("payment-") in payment_ids and event.revision == PAID:
                    raise ValueError("cannot take this")
            await writer(events, session)

        return handle

    return refuse


async def replay_first(world: World, model: ReadModel, generation: Generation) -> None:
    letters = DeadLetters(world.database, world.store)
    writer = DocumentWriter(world.database, model, generation)
    unit = Unit(
        name=generation.subscription(0),
        group=generation.name,
        matching=matching(model, generation, 0),
        handler=writer,
        types=model.events,
        documents=writer.documents,
    )
    await letters.replay((await letters.all())[0], unit)


@pytest.mark.parametrize("model", [*READ_MODELS.values(), TAKINGS], ids=lambda model: model.name)
@pytest.mark.parametrize("partitions", [1, 4])
async def test_what_workers_built_is_what_the_log_says(
    world: World, model: ReadModel, partitions: int
) -> None:
    if partitions > 1 and not model.partitionable:
        pytest.skip("kept by one subscription")
    generation = first(model, partitions=partitions)
    async with world.keeping(model, generation):
        await world.pay_many(PAYMENTS)

    report = await verify(world.database, world.store, model, generation)

    assert report.agrees, report.as_json()
    assert report.events >= PAYMENTS * 8
    assert report.documents > 0
    assert len(report.positions) == partitions


async def stored_event(world: World, payment_id: str, revision: int) -> RecordedEvent:
    return (await world.store.read(f"payment-{payment_id}")).events[revision]


Plant = Callable[[World, DocumentWriter, str], Handler]


def a_projector_bug(world: World, writer: DocumentWriter, payment_id: str) -> Handler:
    """It takes the reference of one payment from the wrong place."""

    def wrong(found: Found, recorded: RecordedEvent) -> Changes:
        changes = project(found, recorded)
        match recorded.event:
            case PaymentCompletedEvent() if recorded.event.payment_id == payment_id:
                return {key: {**one, "providerReference": "o"} for key, one in changes.items()}
            case _:
                return changes

    return DocumentWriter(world.database, replace(MODEL, project=wrong), first(MODEL))


def a_duplicated_delivery(world: World, writer: DocumentWriter, payment_id: str) -> Handler:
    """One event is handed over again as though its document had not seen it."""

    async def handle(events: Sequence[RecordedEvent], session: Session) -> None:
        for event in events:
            await writer([event], session)
            if event.revision == REFUNDED and event.stream == f"payment-{payment_id}":
                before = {"$set": {"position": event.position - 1}}
                documents = world.database[first(MODEL).collection("")]
                await documents.update_one({"_id": payment_id}, before, session=session)
                await writer([event], session)

    return handle


def a_skipped_event(world: World, writer: DocumentWriter, payment_id: str) -> Handler:
    async def handle(events: Sequence[RecordedEvent], session: Session) -> None:
        kept = [
            event
            for event in events
            if (event.stream, event.revision) != (f"payment-{payment_id}", REFUNDED)
        ]
        await writer(kept, session)

    return handle


PLANTED: Mapping[str, tuple[Plant, int, str, str]] = {
    "projector bug": (a_projector_bug, PAID, "providerReference", "set the field last"),
    "duplicated delivery": (a_duplicated_delivery, REFUNDED, "refundedMinor", "applied twice"),
    "skipped event": (a_skipped_event, REFUNDED, "refundedMinor", "been skipped"),
}


class TestPlantedFaults:
    @pytest.mark.parametrize("name", PLANTED)
    async def test_the_document_the_field_and_the_event_are_named(
        self, world: World, name: str
    ) -> None:
        plant, revision, field, cause = PLANTED[name]
        payment_ids = await world.pay_many(PAYMENTS)
        chosen = random.SystemRandom().choice(payment_ids)
        generation = first(MODEL)
        async with world.keeping(MODEL, generation, lambda writer: plant(world, writer, chosen)):
            pass

        report = await verify(world.database, world.store, MODEL, generation)

        event = await stored_event(world, chosen, revision)
        found = report.faults[0]
        assert found.kind is FaultKind.DIFFERS
        assert found.key == Key(chosen)
        assert found.field == field
        assert found.event is not None
        assert (found.event.id, found.event.type) == (event.event_id, event.type)
        assert cause in found.cause
        assert {fault.key for fault in report.faults} == {Key(chosen)}

    async def test_an_edit_by_hand(self, world: World) -> None:
        payment_ids = await world.pay_many(PAYMENTS)
        chosen = random.SystemRandom().choice(payment_ids)
        generation = first(MODEL)
        async with world.keeping(MODEL, generation):
            pass
        edit = {"$set": {"capturedMinor": 99_00}}
        await world.database[generation.collection("")].update_one({"_id": chosen}, edit)

        report = await verify(world.database, world.store, MODEL, generation)

        differs, money = report.faults
        event = await stored_event(world, chosen, PAID)
        for fault in (differs, money):
            assert (fault.key, fault.field) == (Key(chosen), "capturedMinor")
            assert (fault.expected, fault.found) == ("10000", "9900")
        assert differs.event is not None
        assert differs.event.id == event.event_id
        assert (differs.kind, money.kind) == (FaultKind.DIFFERS, FaultKind.MONEY)

    async def test_a_document_that_is_gone_and_one_that_nothing_made(self, world: World) -> None:
        payment_ids = await world.pay_many(PAYMENTS)
        generation = first(MODEL)
        async with world.keeping(MODEL, generation):
            pass
        documents = world.database[generation.collection("")]
        gone = await documents.find_one_and_delete({"_id": payment_ids[0]})
        assert gone is not None
        invented = str(uuid4())
        await documents.insert_one({**gone, "_id": invented})

        report = await verify(world.database, world.store, MODEL, generation)

        found = {fault.key: fault for fault in report.faults}
        missing, unexpected = found[Key(payment_ids[0])], found[Key(invented)]
        assert missing.kind is FaultKind.MISSING
        assert missing.event is not None
        assert missing.event.id == (await stored_event(world, payment_ids[0], 0)).event_id
        assert unexpected.kind is FaultKind.UNEXPECTED

    async def test_a_sum_that_lost_something(self, world: World) -> None:
        await world.pay_many(PAYMENTS)
        generation = first(TAKINGS)
        async with world.keeping(TAKINGS, generation):
            pass
        sums = world.database[generation.collection("totals")]
        await sums.update_one({"_id": "rival"}, {"$inc": {"sums.returned": -7}})

        (found,) = (await verify(world.database, world.store, TAKINGS, generation)).faults

        assert found.key == Key("rival", "totals")
        assert found.field == "sums.returned"
        assert found.event is not None
        assert found.event.type == "RefundCompleted"

    async def test_code_that_gets_amounts_wrong_is_found_though_its_own_fold_agrees(
        self, world: World
    ) -> None:
        def wrong(found: Found, recorded: RecordedEvent) -> Changes:
            changes = project(found, recorded)
            if isinstance(recorded.event, PaymentCompletedEvent):
                return {key: {**one, "capturedMinor": 1} for key, one in changes.items()}
            return changes

        model = replace(MODEL, project=wrong)
        payment_ids = await world.pay_many(3)
        async with world.keeping(model, first(model)):
            pass

        report = await verify(world.database, world.store, model, first(model))

        assert report.faults_count == 3
        assert {fault.kind for fault in report.faults} == {FaultKind.MONEY}
        assert {fault.key.id for fault in report.faults if fault.key} == set(payment_ids)


class TestNoFalseAlarm:
    @pytest.mark.parametrize("model", [MODEL, TAKINGS], ids=lambda model: model.name)
    async def test_beside_live_traffic(self, world: World, model: ReadModel) -> None:
        generation = first(model, partitions=2)
        async with world.keeping(model, generation):
            paying = asyncio.create_task(world.pay_many(150))
            rounds = 0
            while not paying.done() or rounds < 3:
                report = await verify(world.database, world.store, model, generation)
                assert report.agrees, report.as_json()
                rounds += 1
            await paying
        assert rounds >= 3

    async def test_a_parked_stream_is_no_difference(self, world: World) -> None:
        payment_ids = await world.pay_many(5)
        async with world.keeping(MODEL, first(MODEL), refusing(payment_ids[0])):
            pass

        report = await verify(world.database, world.store, MODEL, first(MODEL))

        assert report.agrees, report.as_json()
        assert report.parked == 8 - PAID

    @pytest.mark.parametrize("name", ["event_feed", "provider_health", "payment_details"])
    async def test_what_was_replayed_is_expected_where_it_was_replayed(
        self, world: World, name: str
    ) -> None:
        model = READ_MODELS[name]
        generation = first(model)
        async with world.keeping(model, generation, refusing(*await world.pay_many(2))):
            await world.pay_many(2)
        for number in range(2):
            await replay_first(world, model, generation)
            if number == 0:
                async with world.keeping(model, generation):
                    await world.pay_many(2)

        good = await verify(world.database, world.store, model, generation)
        documents = world.database[generation.collection("")]
        newest = await documents.find_one({}, sort=[("position", -1)])
        assert newest is not None
        await documents.update_one({"_id": newest["_id"]}, {"$set": {"tenantId": "nobody"}})
        bad = await verify(world.database, world.store, model, generation)

        assert good.agrees, good.as_json()
        assert good.parked == 0
        assert [fault.key for fault in bad.faults] == [Key(newest["_id"])]


async def test_documents_that_take_longer_to_read_than_mongodb_keeps_a_moment_are_not_compared(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = world.database.client.admin

    async def slowly(database: Database, *rest: Any, **named: Any) -> None:
        for _ in range(60):  # moments age as others write
            await asyncio.gather(database["others"].insert_one({}), asyncio.sleep(0.05))
        await take_all(database, *rest, **named)

    monkeypatch.setattr("projections.verify.take_all", slowly)
    async with world.keeping(MODEL, first(MODEL)):
        await world.pay_many(3)
    await admin.command({"setParameter": 1, KEPT_FOR: 1})
    try:
        report = await verify(world.database, world.store, MODEL, first(MODEL))
    finally:
        await admin.command({"setParameter": 1, KEPT_FOR: KEPT_FOR_S})

    (fault,) = report.faults
    assert (report.agrees, fault.kind) == (False, FaultKind.NOT_COMPARED)
    assert KEPT_FOR in fault.cause


class TestExtent:
    async def test_a_sample_reads_part_of_the_log_and_finds_what_is_wrong_in_it(
        self, world: World
    ) -> None:
        await world.pay_many(60)
        generation = first(MODEL)
        async with world.keeping(MODEL, generation):
            pass
        good = await verify(world.database, world.store, MODEL, generation, Extent(sample=10))
        await world.database[generation.collection("")].update_many({}, {"$set": {"status": "?"}})
        bad = await verify(world.database, world.store, MODEL, generation, Extent(sample=10))

        assert good.agrees, good.as_json()
        assert 0 < good.documents <= 10
        assert good.events < 60 * 8
        assert bad.faults_count >= bad.documents > 0

    async def test_since_looks_only_at_what_changed_later(self, world: World) -> None:
        early = await world.pay_many(3)
        late = await world.pay_many(3, at=START + timedelta(days=1))
        generation = first(MODEL)
        async with world.keeping(MODEL, generation):
            pass
        edit = {"$set": {"status": "?"}}
        documents = world.database[generation.collection("")]
        since = Extent(since=START + timedelta(hours=1))

        await documents.update_one({"_id": early[0]}, edit)
        before = await verify(world.database, world.store, MODEL, generation, since)
        await documents.update_one({"_id": late[0]}, edit)
        after = await verify(world.database, world.store, MODEL, generation, since)

        assert before.agrees
        assert [fault.key for fault in after.faults] == [Key(late[0])]

    @pytest.mark.parametrize(("sample", "of"), [(1, 0), (10, 60), (100, 100_000), (5_000, 2_000)])
    def test_prefixes_are_drawn_for_about_as_many_as_are_wanted(self, sample: int, of: int) -> None:
        drawn = draw_prefixes(sample, of=of)
        covered = of * len(drawn) / 16 ** len(drawn[0])
        assert len(set(drawn)) == len(drawn)
        assert covered >= min(sample, of) * 0.99
