"""The rules of a tenant."""

from __future__ import annotations

import pytest

from payment_gateway.domain.aggregates import tenant
from payment_gateway.domain.errors import (
    TenantDeleted,
    TenantExists,
    TenantNotFound,
    TenantSuspended,
)
from payment_gateway.domain.events.tenant import (
    TenantChangedEvent,
    TenantCreatedEvent,
    TenantDeletedEvent,
    TenantResumedEvent,
    TenantSuspendedEvent,
)
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


SUSPEND = tenant.ChangeTenant(tenant_id=DEMO, suspended=True)
RESUME = tenant.ChangeTenant(tenant_id=DEMO, suspended=False)
DELETE = tenant.DeleteTenant(tenant_id=DEMO)
SUSPENDED = tenant.evolve(STATE, TenantSuspendedEvent(tenant_id="demo"))
DELETED = tenant.evolve(STATE, TenantDeletedEvent(tenant_id="demo"))


class TestSuspending:
    def test_happens_once_and_can_be_taken_back(self) -> None:
        assert tenant.decide(SUSPEND, STATE) == [TenantSuspendedEvent(tenant_id="demo")]
        assert tenant.decide(SUSPEND, SUSPENDED) == []
        assert tenant.decide(RESUME, SUSPENDED) == [TenantResumedEvent(tenant_id="demo")]
        assert tenant.decide(RESUME, STATE) == []

    def test_may_come_with_other_changes(self) -> None:
        both = tenant.ChangeTenant(tenant_id=DEMO, name="Other", suspended=True)
        assert tenant.decide(both, STATE) == [
            TenantChangedEvent(tenant_id="demo", name="Other", return_origins=SHOP),
            TenantSuspendedEvent(tenant_id="demo"),
        ]

    def test_takes_no_commands_until_it_is_taken_back(self) -> None:
        with pytest.raises(TenantSuspended):
            SUSPENDED.check_active()
        STATE.check_active()
        tenant.evolve(SUSPENDED, TenantResumedEvent(tenant_id="demo")).check_active()

    def test_keeps_what_the_tenant_is(self) -> None:
        assert (SUSPENDED.name, SUSPENDED.return_origins) == ("Demo", SHOP)


class TestDeleting:
    @pytest.mark.parametrize("before", [STATE, SUSPENDED])
    def test_happens_once_and_for_good(self, before: tenant.Tenant) -> None:
        assert tenant.decide(DELETE, before) == [TenantDeletedEvent(tenant_id="demo")]
        assert tenant.decide(DELETE, DELETED) == []
        for command in (SUSPEND, RESUME):
            with pytest.raises(TenantDeleted):
                tenant.decide(command, DELETED)
        with pytest.raises(TenantDeleted):
            DELETED.check_active()

    def test_the_id_is_never_given_again(self) -> None:
        with pytest.raises(TenantExists):
            tenant.decide(CREATE, DELETED)

    def test_of_one_that_is_not_there_is_refused(self) -> None:
        with pytest.raises(TenantNotFound):
            tenant.decide(DELETE, None)
