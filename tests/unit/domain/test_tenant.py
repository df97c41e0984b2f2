"""The rules of a tenant."""

from __future__ import annotations

import pytest

from payment_gateway.domain.aggregates import tenant
from payment_gateway.domain.errors import TenantExists, TenantNotFound
from payment_gateway.domain.events.tenant import TenantChangedEvent, TenantCreatedEvent
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO

DEMO = TenantIdVO("demo")
SHOP = ("https://shop.example:443",)
CREATE = tenant.CreateTenant(tenant_id=DEMO, name="Demo", return_origins=SHOP)
CREATED = TenantCreatedEvent(tenant_id="demo", name="Demo", return_origins=SHOP)
STATE = tenant.evolve(None, CREATED)


class TestTenant:
    def test_is_created_once(self) -> None:
        assert tenant.decide(CREATE, None) == [CREATED]
        assert tenant.decide(CREATE, STATE) == []

    def test_of_the_same_id_but_otherwise_different_is_refused(self) -> None:
        other = tenant.CreateTenant(tenant_id=DEMO, name="Other", return_origins=SHOP)
        with pytest.raises(TenantExists):
            tenant.decide(other, STATE)

    def test_changes_what_is_named_and_keeps_the_rest(self) -> None:
        change = tenant.ChangeTenant(tenant_id=DEMO, name=None, return_origins=())
        changed = TenantChangedEvent(tenant_id="demo", name="Demo", return_origins=())
        assert tenant.decide(change, STATE) == [changed]
        assert tenant.decide(change, tenant.evolve(STATE, changed)) == []

    def test_that_is_not_there_cannot_be_changed(self) -> None:
        change = tenant.ChangeTenant(tenant_id=DEMO, name="Demo", return_origins=None)
        with pytest.raises(TenantNotFound):
            tenant.decide(change, None)
