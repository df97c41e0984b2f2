"""``payment-gateway deadletters`` on a real event store and MongoDB, as an operator has it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from payment_gateway.domain.events.payment import PaymentCompletedEvent
from payment_gateway.domain.events.webhook import WebhookParkedEvent, WebhookReceivedEvent
from payment_gateway.infrastructure.messaging.subscription import Subscription
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent, StreamFilter
from payment_gateway.infrastructure.persistence.eventstoredb import (
    EventStoreDB,
    open_eventstoredb,
)
from payment_gateway.infrastructure.persistence.mongodb import Database, Session
from payment_gateway.infrastructure.security.key_file import read_or_create_key_file
from payment_gateway.infrastructure.webhooks.queue import SUBSCRIPTION, MongoWebhookQueue
from projections.document_writer import DocumentWriter
from projections.generations import Generation, install, matching
from projections.payment_details import MODEL
from tests.command_line import run_command
from tests.event_store_fixture import embedded_event_store_uri, event_store_settings
from tests.integration.test_projection_worker import CONTEXT, append_history, folded, until
from tests.mongodb_fixture import database, mongodb_uri

__all__ = ["database", "embedded_event_store_uri", "mongodb_uri"]

WITHIN_S = 60


@pytest.fixture
def environment(
    embedded_event_store_uri: str, mongodb_uri: str, database: Database, tmp_path: Path
) -> dict[str, str]:
    read_or_create_key_file(tmp_path / "master.key")
    return {
        "GATEWAY_EVENTSTORE_URI": embedded_event_store_uri,
        "GATEWAY_MONGODB_URI": mongodb_uri,
        "GATEWAY_MONGODB_DATABASE": database.name,
        "GATEWAY_ENCRYPTION_KEY_FILE": str(tmp_path / "master.key"),
    }


async def deadletters(environment: dict[str, str], *words: str) -> tuple[int, Any]:
    """Run the command; return its exit code, and what it printed as JSON or said of a failure."""
    ran = await asyncio.to_thread(run_command, "deadletters", *words, "--json", env=environment)
    said = ran.stdout if ran.returncode == 0 else ran.stderr
    return ran.returncode, json.loads(said) if ran.returncode == 0 else said


async def park(
    store: EventStoreDB, database: Database, generation: Generation, payment_id: str
) -> None:
    """Run a release whose code cannot make anything of a completed payment."""
    writer = DocumentWriter(database, MODEL, generation)
    await writer.install()

    async def faulty(events: Sequence[RecordedEvent], session: Session) -> None:
        for recorded in events:
            event = recorded.event
            if isinstance(event, PaymentCompletedEvent) and event.payment_id == payment_id:
                raise ArithmeticError("no such thing")
        await writer(events, session)

    await followed(
        store,
        database,
        Subscription(
            name=generation.subscription(0),
            matching=matching(MODEL, generation, 0),
            handler=faulty,
            log=store,
            database=database,
        ),
    )


async def followed(store: EventStoreDB, database: Database, subscription: Subscription) -> None:
    """Run a subscription until it has come to where the log ends now."""
    head = await store.head()
    running: asyncio.Task[None] = asyncio.create_task(subscription.run())

    async def there() -> bool:
        return subscription.status.position >= head

    try:
        await until(there)
    finally:
        running.cancel()
        await asyncio.wait({running}, timeout=WITHIN_S)


async def test_parked_events_are_shown_tried_and_replayed_in_order(
    environment: dict[str, str], database: Database
) -> None:
    payment_id = str(uuid4())
    async with open_eventstoredb(
        event_store_settings(environment["GATEWAY_EVENTSTORE_URI"])
    ) as store:
        await append_history(store, payment_id)
        generation = await install(database, MODEL)
        await park(store, database, generation, payment_id)

        _, listed = await deadletters(environment, "list")
        (letter,) = listed["data"]
        assert (letter["kind"], letter["stream"]) == ("projection", f"payment-{payment_id}")
        assert (letter["type"], letter["events"]) == ("PaymentCompleted", 3)
        name = f"{generation.name}/{payment_id}"
        _, shown = await deadletters(environment, "show", letter["id"])
        assert shown["cause"] == "ArithmeticError: no such thing"
        assert shown["documents"][name]["status"] == "AWAITING_PAYER"

        _, tried = await deadletters(environment, "replay", letter["id"], "--dry-run")
        change = {"document": name, "field": "status", "before": "AWAITING_PAYER"}
        assert {**change, "after": "PARTIALLY_REFUNDED"} in tried["changes"]
        assert (await deadletters(environment, "list"))[1] == listed

        code, replayed = await deadletters(environment, "replay", letter["id"])
        assert (code, replayed["events"], replayed["changes"]) == (0, 3, tried["changes"])
        document = await database[generation.collection("")].find_one({"_id": payment_id})
        assert document == await folded(store, payment_id)
        code, said = await deadletters(environment, "replay", letter["id"])
        assert (code, "nothing is parked under" in said) == (1, True)
        audit = await store.read(f"deadletter-{generation.subscription(0)}")
        assert audit.events[-1].type == "DeadLetterReplayed"
        assert audit.events[-1].context.actor.startswith("operator:")


async def test_what_still_fails_stays_parked_until_it_is_discarded_with_a_reason(
    environment: dict[str, str], database: Database
) -> None:
    payment_id = str(uuid4())
    orphan = PaymentCompletedEvent(
        payment_id=payment_id,
        provider="PAYPAL",
        provider_reference="capture",
        captured_minor=1,
        currency="USD",
    )
    stream = f"payment-{payment_id}"
    async with open_eventstoredb(
        event_store_settings(environment["GATEWAY_EVENTSTORE_URI"])
    ) as store:
        await store.append(stream, [orphan], expected=None, context=CONTEXT)
        generation = await install(database, MODEL)
        await park(store, database, generation, payment_id)
        _, listed = await deadletters(environment, "list")
        (letter,) = (one for one in listed["data"] if one["stream"] == stream)

        code, said = await deadletters(environment, "replay", letter["id"])
        assert (code, "before PaymentInitiatedEvent" in said) == (1, True)
        discard = ("discard", letter["id"], "--reason", "written by a test", "--yes")
        assert (await deadletters(environment, *discard))[1] == {"id": letter["id"], "events": 1}
        _, listed = await deadletters(environment, "list")
        assert stream not in [one["stream"] for one in listed["data"]]
        last = (await store.read(f"deadletter-{generation.subscription(0)}")).events[-1]
        assert last.type == "DeadLetterDiscarded"
        assert getattr(last.event, "reason", None) == "written by a test"


async def test_a_parked_notification_is_due_again_or_discarded(
    environment: dict[str, str], database: Database
) -> None:
    of = {"provider": "PAYPAL", "tenant_id": "acme", "delivery_id": f"WH-{uuid4()}"}
    stream = f"webhook-paypal.{of['delivery_id']}"
    received = WebhookReceivedEvent(
        **of, event_type="X", payment_id=None, age_s=None, subject_id="s", body="sealed"
    )
    parked = WebhookParkedEvent(**of, payment_id=None, reason="payment_unknown")
    queue = MongoWebhookQueue(database)
    await queue.install()
    async with open_eventstoredb(
        event_store_settings(environment["GATEWAY_EVENTSTORE_URI"])
    ) as store:

        async def handled() -> None:
            reactor = Subscription(
                name=SUBSCRIPTION,
                matching=StreamFilter(stream),
                handler=queue.handle,
                log=store,
                database=database,
            )
            await followed(store, database, reactor)

        await store.append(stream, [received, parked], expected=None, context=CONTEXT)
        await handled()
        _, listed = await deadletters(environment, "list")
        assert [(one["id"], one["cause"]) for one in listed["data"]] == [
            (stream, "payment_unknown")
        ]
        assert (await deadletters(environment, "replay", stream))[0] == 0
        await handled()
        assert (await deadletters(environment, "list"))[1] == {"data": []}
        code, said = await deadletters(environment, "discard", stream, "--reason", "x", "--yes")
        assert (code, "no notification that is parked" in said) == (1, True)

        await store.append(stream, [parked], expected=2, context=CONTEXT)
        await handled()
        assert (await deadletters(environment, "discard", stream, "--reason", "x", "--yes"))[0] == 0
        types = [event.type for event in (await store.read(stream)).events]
        assert types[2:] == ["WebhookReplayRequested", "WebhookParked", "WebhookDiscarded"]
