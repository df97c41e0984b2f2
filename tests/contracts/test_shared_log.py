"""Followers of a shared log see of an event store what each would see alone."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

import pytest

from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.events.payment import PaymentCancelledEvent, PaymentExpiredEvent
from payment_gateway.infrastructure.messaging import shared_log
from payment_gateway.infrastructure.messaging.shared_log import SharedLog
from payment_gateway.infrastructure.persistence.eventstoredb import EventStoreDB, open_eventstoredb
from tests.event_store_fixture import (
    docker_event_store_uri,
    embedded_event_store_uri,
    event_store_settings,
)
from tests.log_follower import LogFollower

__all__ = ["docker_event_store_uri", "embedded_event_store_uri"]

CONTEXT: Final = CommandContext(
    tenant_id="acme",
    actor="key-1",
    correlation_id="cor-1",
    causation_id="cause-1",
    traceparent=None,
    at=datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
)
EVENTS: Final = (
    PaymentExpiredEvent(payment_id="p"),
    PaymentCancelledEvent(payment_id="p", reason=None),
)
PAYMENTS: Final = 60
# Of these so many are there before anybody follows.
HISTORY: Final = 20


@pytest.fixture(params=["embedded", pytest.param("docker", marks=pytest.mark.docker)])
async def store(request: pytest.FixtureRequest) -> AsyncGenerator[EventStoreDB, None]:
    uri = request.getfixturevalue(f"{request.param}_event_store_uri")
    async with open_eventstoredb(event_store_settings(uri)) as opened:
        yield opened


async def test_followers_of_a_shared_log_see_what_each_would_see_alone(
    store: EventStoreDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_log, "JOINED_WITHIN_S", 0.05)
    start, mine = await store.head(), uuid4().hex
    patterns = [f"(?:payment|tenant)-{mine}.*", f"tenant-{mine}.*", f"payment-{mine}-[0-4].*"]
    types = [None, frozenset({"PaymentCancelled"}), frozenset({"PaymentExpired"})]
    log = SharedLog(store)
    followers: list[LogFollower] = []

    for number in range(PAYMENTS):
        category = ("payment", "tenant")[number % 2]
        stream = f"{category}-{mine}-{number % 10}-{number}"
        await store.append(stream, EVENTS, expected=None, context=CONTEXT)
        if number >= HISTORY and number % 5 == 0 and patterns:  # one after the other
            followers.append(LogFollower(log, patterns.pop(), types.pop(), start))
    for category in ("tenant", "payment"):  # so that each sees something come
        stream = f"{category}-{mine}-0-last"
        last = await store.append(stream, EVENTS, expected=None, context=CONTEXT)
        for one in followers:
            if category in one.pattern:
                await one.has_come_to(last.position)

    alone = [LogFollower(store, one.pattern, one.types, start) for one in followers]
    for by_itself, shared in zip(alone, followers, strict=True):
        await by_itself.has_come_to(shared.position)
    for shared, by_itself in zip(followers, alone, strict=True):
        assert shared.seen == by_itself.seen
        assert shared.cuts == 0
    assert sum(len(one.seen) for one in followers) > PAYMENTS
    for one in (*followers, *alone):
        await one.leave()
