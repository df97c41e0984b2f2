"""A step with a dead letter that is taken again, as after a crash: answered as it was, done and kept once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from payment_gateway.application.operator_step import OperatorStep
from payment_gateway.application.ports import CommandContext, EventStoreUnavailable
from payment_gateway.application.services.webhook_service import WebhookNotParked
from payment_gateway.bootstrap import OpenGateway, open_gateway
from payment_gateway.dead_letter_desk import GATEWAY, DeadLetterDesk
from payment_gateway.domain.events import DomainEvent
from payment_gateway.infrastructure.messaging.dead_letters import NoSuchLetter
from payment_gateway.infrastructure.persistence.eventstoredb import EventStoreDB
from payment_gateway.infrastructure.persistence.mongodb import Database
from payment_gateway.infrastructure.security.key_file import read_or_create_key_file
from payment_gateway.settings import Settings
from projections.generations import install
from projections.payment_details import MODEL
from tests.event_store_fixture import embedded_event_store_uri
from tests.integration.rest.parked import parked_notification
from tests.integration.test_dead_letters_cli import park
from tests.integration.test_projection_worker import CONTEXT, append_history, folded
from tests.mongodb_fixture import database, mongodb_uri

__all__ = ["database", "embedded_event_store_uri", "mongodb_uri"]


def step() -> Callable[[str], OperatorStep]:
    """Return a new step, by whoever."""
    step_id = str(uuid4())

    def step_for(tenant_id: str) -> OperatorStep:
        context: CommandContext = replace(CONTEXT, tenant_id=tenant_id, actor="operator")
        return OperatorStep(id=step_id, context=context)

    return step_for


@pytest.fixture
async def desk(
    embedded_event_store_uri: str, mongodb_uri: str, database: Database, tmp_path: Path
) -> AsyncGenerator[DeadLetterDesk, None]:
    read_or_create_key_file(tmp_path / "master.key")
    settings = Settings(
        eventstore_uri=embedded_event_store_uri,
        mongodb_uri=mongodb_uri,
        mongodb_database=database.name,
        encryption_key_file=tmp_path / "master.key",
    )
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(open_gateway(settings))
        yield DeadLetterDesk(opened=opened, database=database, settings=settings)


@pytest.fixture
async def letter(desk: DeadLetterDesk) -> dict[str, Any]:
    """Return what a read model could not take of a payment."""
    payment_id = str(uuid4())
    store = desk.opened.event_store
    await append_history(store, payment_id)
    await park(store, desk.database, await install(desk.database, MODEL), payment_id)
    (parked,) = [one for one in await desk.all() if one["stream"] == f"payment-{payment_id}"]
    return parked


async def kept(desk: DeadLetterDesk, letter: dict[str, Any], by: Callable[[str], Any]) -> list[str]:
    """Return the names of the events that say of a step."""
    stream = f"deadletter-{letter['subscription']}"
    events = (await desk.opened.event_store.read(stream)).events
    return [one.type for one in events if one.event_id == by(GATEWAY).id]


class AnswerLost(EventStoreDB):
    """Appends what a step is, and then is gone before it can say so."""

    def __init__(self, store: EventStoreDB) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def mark_once(
        self, stream: str, event: DomainEvent, context: CommandContext, *, event_id: str
    ) -> None:
        await self._store.mark_once(stream, event, context, event_id=event_id)
        raise EventStoreUnavailable("gone")


def losing_the_answer(desk: DeadLetterDesk) -> DeadLetterDesk:
    opened: OpenGateway = replace(desk.opened, event_store=AnswerLost(desk.opened.event_store))
    return replace(desk, opened=opened)


async def test_a_replay_is_answered_as_it_was(desk: DeadLetterDesk, letter: dict[str, Any]) -> None:
    by = step()
    first = await desk.replay(letter["id"], by, dry_run=False)
    again = await desk.replay(letter["id"], by, dry_run=False)
    assert again == first
    assert (first["events"], first["dryRun"]) == (3, False)
    assert first["changes"]
    assert await kept(desk, letter, by) == ["DeadLetterReplayed"]
    with pytest.raises(NoSuchLetter):
        await desk.replay(letter["id"], step(), dry_run=False)


async def test_a_discard_is_answered_as_it_was(
    desk: DeadLetterDesk, letter: dict[str, Any]
) -> None:
    by = step()
    first = await desk.discard(letter["id"], "a test", by)
    assert (
        await desk.discard(letter["id"], "a test", by) == first == {"id": letter["id"], "events": 3}
    )
    assert await kept(desk, letter, by) == ["DeadLetterDiscarded"]
    with pytest.raises(NoSuchLetter):
        await desk.discard(letter["id"], "a test", step())


async def test_a_replay_that_broke_off_between_its_event_and_its_effect_is_finished(
    desk: DeadLetterDesk, letter: dict[str, Any]
) -> None:
    by = step()
    with pytest.raises(EventStoreUnavailable):
        await losing_the_answer(desk).replay(letter["id"], by, dry_run=False)
    assert letter["id"] in {one["id"] for one in await desk.all()}, "it had no effect"

    finished = await desk.replay(letter["id"], by, dry_run=False)

    assert finished["events"] == 3
    assert await kept(desk, letter, by) == ["DeadLetterReplayed"]
    payment_id = letter["stream"].removeprefix("payment-")
    generation = letter["subscription"].partition(".")[0]
    document = await desk.database[generation].find_one({"_id": payment_id})
    assert document == await folded(desk.opened.event_store, payment_id)


async def test_a_discard_that_broke_off_is_finished(
    desk: DeadLetterDesk, letter: dict[str, Any]
) -> None:
    by = step()
    with pytest.raises(EventStoreUnavailable):
        await losing_the_answer(desk).discard(letter["id"], "a test", by)
    assert letter["id"] in {one["id"] for one in await desk.all()}
    assert (await desk.discard(letter["id"], "a test", by))["events"] == 3
    assert await kept(desk, letter, by) == ["DeadLetterDiscarded"]


@pytest.mark.parametrize("wanted", ["WebhookReplayRequested", "WebhookDiscarded"])
async def test_a_step_with_a_notification_is_taken_once(desk: DeadLetterDesk, wanted: str) -> None:
    store = desk.opened.event_store
    stream = await parked_notification(store, "acme")

    async def take(by: Callable[[str], OperatorStep]) -> dict[str, Any]:
        if wanted == "WebhookDiscarded":
            return await desk.discard(stream, "a test", by)
        return await desk.replay(stream, by, dry_run=False)

    by = step()
    assert await take(by) == await take(by)
    types = [one.type for one in (await store.read(stream)).events]
    assert types == ["WebhookReceived", "WebhookParked", wanted]
    with pytest.raises(WebhookNotParked):
        await take(step())
