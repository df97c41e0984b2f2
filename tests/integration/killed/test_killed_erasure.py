"""Whoever forgets a person dies by SIGKILL at each point of it: the reactors finish it, nobody asks again."""

from __future__ import annotations

from typing import Final
from uuid import uuid4

import httpx
import pytest

from payment_gateway.domain.events.payment import PaymentInitiatedEvent
from payment_gateway.domain.value_objects.subject_id import key_stream
from tests.integration.killed.day import becomes
from tests.integration.killed.processes import Host, Process
from tests.integration.rest.installation import client
from tests.integration.rest.shop import Shop

POINTS: Final = ["append SubjectForgotten", "destroy subject"]

pytestmark = pytest.mark.timeout(600)


async def bought(shop: Shop) -> tuple[str, str]:
    """Return the reference of a customer who has bought something, and the stream of their key."""
    reference = f"customer-{uuid4().hex[:12]}"
    payment = await shop.opened_payment(customer={"reference": reference, "name": "Ana"})
    stored = await shop.store.read(f"payment-{payment['paymentId']}")
    initiated = stored.events[0].event
    assert isinstance(initiated, PaymentInitiatedEvent)
    assert initiated.subject_id is not None
    return reference, key_stream(initiated.subject_id)


async def forget(shop: Shop, api: Process, reference: str) -> httpx.Response:
    body = {"tenantId": "acme", "reference": reference}
    async with client(api.url or "", headers=shop.installation.authorization("admin")) as admin:
        return await admin.post("/api/v1/subjects/forget", json=body)


async def test_these_are_all_points(shop: Shop, host: Host) -> None:
    reference, _ = await bought(shop)
    async with host.api() as api:
        answer = await forget(shop, api, reference)
        assert answer.status_code == 200, answer.text
        assert api.points() == POINTS


async def test_the_reactors_destroy_the_key_that_the_dead_one_left(shop: Shop, host: Host) -> None:
    reference, key = await bought(shop)
    async with host.api(POINTS[0]) as api:
        with pytest.raises(httpx.TransportError):
            await forget(shop, api, reference)
        await api.dies()
    assert (await shop.store.read(key)).events, "it died before the key was destroyed"

    async with host.reactors() as reactors:

        async def is_gone() -> bool:
            gone = not (await shop.store.read(key)).events
            return gone and POINTS[1] in reactors.points()

        await becomes(is_gone, lambda: shop.store.read(key))
        assert reactors.points().count(POINTS[1]) == 1, "no key that was gone is destroyed again"


async def test_one_that_had_come_to_its_end_is_left_as_it_is(shop: Shop, host: Host) -> None:
    reference, key = await bought(shop)
    async with host.api(POINTS[1]) as api:
        with pytest.raises(httpx.TransportError):
            await forget(shop, api, reference)
        await api.dies()
    assert not (await shop.store.read(key)).events
    again = await shop.api.post(
        "/api/v1/subjects/forget",
        json={"tenantId": "acme", "reference": reference},
        headers=shop.installation.authorization("admin"),
    )
    assert again.status_code == 200, again.text
