"""What admins command is done once under its key, though a process died before its answer was kept.

Whoever sends it next is given the same ids; what the one before had made, and told nobody, is found by them.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from payment_gateway.domain.errors import ApiKeyEnded
from payment_gateway.domain.value_objects.grant import GrantVO
from payment_gateway.infrastructure.security.api_keys import hash_api_key
from tests.unit.application.gateway_fixture import Shop, open_shop

MASTER = b"k" * 32
URL = "https://shop.example/hooks"


@pytest.fixture
async def shop() -> Shop:
    return await open_shop()


class TestApiKey:
    async def make(self, shop: Shop, api_key_id: str) -> str:
        grant = GrantVO.parse("demo", ["viewer"])
        issued = await shop.gateway.api_keys.create(
            grant, name="Shop", expires_at=None, context=shop.context, api_key_id=api_key_id
        )
        assert issued.api_key.api_key_id == api_key_id
        return issued.secret

    async def test_one_key_is_made_and_what_is_shown_opens_it(self, shop: Shop) -> None:
        api_key_id = str(uuid4())
        unseen, seen = await self.make(shop, api_key_id), await self.make(shop, api_key_id)
        (key,) = shop.gateway.api_keys.every("demo")
        assert key.accepts(hash_api_key(MASTER, seen), shop.now)
        assert not key.accepts(hash_api_key(MASTER, unseen), shop.now)

    async def test_one_that_was_revoked_meanwhile_stays_so(self, shop: Shop) -> None:
        api_key_id = str(uuid4())
        await self.make(shop, api_key_id)
        await shop.gateway.api_keys.revoke(api_key_id, shop.context)
        with pytest.raises(ApiKeyEnded):
            await self.make(shop, api_key_id)

    async def test_rotated_again_the_secret_that_callers_have_is_accepted_as_was_said(
        self, shop: Shop
    ) -> None:
        api_key_id = str(uuid4())
        known = hash_api_key(MASTER, await self.make(shop, api_key_id))
        for _ in range(2):
            await shop.gateway.api_keys.rotate(
                api_key_id, overlap=timedelta(hours=1), context=shop.context
            )
            shop.later(minutes=5)
        (key,) = shop.gateway.api_keys.every("demo")
        assert key.accepts(known, shop.now)
        assert not key.accepts(known, shop.now + timedelta(minutes=50))


class TestWebhookEndpoint:
    async def make(self, shop: Shop, endpoint_id: str) -> str:
        shown = await shop.gateway.webhook_endpoints.create(
            url=URL, types=(), enabled=True, context=shop.context, endpoint_id=endpoint_id
        )
        return shown.secret

    async def test_one_endpoint_is_made_and_what_is_shown_signs(self, shop: Shop) -> None:
        endpoint_id = str(uuid4())
        unseen, seen = await self.make(shop, endpoint_id), await self.make(shop, endpoint_id)
        assert unseen != seen
        endpoint = await shop.gateway.webhook_endpoints.find(endpoint_id, tenant_id="demo")
        assert len(shop.gateway.webhook_endpoints.signing_secrets(endpoint, shop.now)) == 1

    async def test_a_test_is_requested_once(self, shop: Shop) -> None:
        endpoint_id, test_id = str(uuid4()), str(uuid4())
        await self.make(shop, endpoint_id)
        first, again = [
            await shop.gateway.webhook_endpoints.request_test(
                endpoint_id, shop.context, test_id=test_id
            )
            for _ in range(2)
        ]
        assert first.event_id == again.event_id
        history = await shop.store.read(f"endpoint-{endpoint_id}")
        assert [one.type for one in history.events].count("WebhookTestRequested") == 1
