"""A payment goes to another provider where the first holds nothing, and never while that is in doubt."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sandbox.ports import free_port
from tests.contracts.provider_sandbox import script_fault
from tests.integration.rest.installation import Installation, api_process
from tests.integration.rest.recovery import recover
from tests.integration.rest.shop import Shop, new_number, open_shop

pytestmark = pytest.mark.xdist_group("rest")

SOON = timedelta(minutes=2)
STARTED, FAILED = "ProviderAttemptStarted", "ProviderAttemptFailed"
FELL_BACK = ["PaymentInitiated", STARTED, FAILED, STARTED, "CheckoutCreated"]


async def at_pagadito(shop: Shop, number: str) -> list[dict[str, Any]]:
    """Return what Pagadito's books hold of a payment, by its reference number."""
    ledger = (await shop.pagadito.get("/_control/ledger")).json()["transactions"]
    return [entry for entry in ledger if entry["ern"].startswith(number)]


async def test_a_provider_that_is_down_is_followed_by_the_next(installation: Installation) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    nowhere = f"http://127.0.0.1:{free_port()}"
    number = new_number()
    with api_process(
        installation, url=url, GATEWAY_PUBLIC_URL=url, GATEWAY_PAYPAL_BASE_URL=nowhere
    ):
        async with open_shop(installation, url=url) as shop:
            payment = await shop.opened_payment(
                fallbackProviders=["PAGADITO"], externalReferenceNumber=number
            )
            assert payment["providerType"] == "PAGADITO"
            assert await shop.history(payment["paymentId"]) == FELL_BACK
            await shop.pay_at_pagadito(payment["checkoutUrl"])
            done = await shop.complete(payment["paymentId"], "PAGADITO")
            assert done.json()["status"] == "COMPLETED", done.text
            assert [one["status"] for one in await at_pagadito(shop, number)] == ["COMPLETED"]
            assert await shop.books("orders", payment["paymentId"]) == []


async def test_a_provider_that_refuses_is_followed_by_the_next(shop: Shop) -> None:
    number = new_number()
    await script_fault(shop.paypal, "create_order", "refuse", code="PERMISSION_DENIED")
    payment = await shop.opened_payment(
        fallbackProviders=["PAGADITO"], externalReferenceNumber=number
    )
    again = await shop.opened_payment(
        fallbackProviders=["PAGADITO"], externalReferenceNumber=number
    )
    assert payment == again
    assert payment["providerType"] == "PAGADITO"
    assert len(await at_pagadito(shop, number)) == 1


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_a_lost_answer_of_paypal_never_leads_to_another_provider(
    shop: Shop, kind: str
) -> None:
    number = new_number()
    await script_fault(shop.paypal, "create_order", kind)
    answer = await shop.initiate(fallbackProviders=["PAGADITO"], externalReferenceNumber=number)
    assert answer.status_code == 202, answer.text
    payment_id = answer.json()["paymentId"]
    assert await recover(shop, payment_id, after=SOON) == 1
    assert (await shop.history(payment_id))[-1] == "CheckoutCreated"
    assert await at_pagadito(shop, number) == []
    assert len(await shop.books("orders", payment_id)) == 1


async def test_recovery_goes_on_with_the_fallback_once_there_is_proof(shop: Shop) -> None:
    number = new_number()
    await script_fault(shop.pagadito, "exec_trans", "drop_before")
    answer = await shop.initiate(
        providerType="PAGADITO", fallbackProviders=["PAYPAL"], externalReferenceNumber=number
    )
    assert answer.status_code == 202, answer.text
    payment_id = answer.json()["paymentId"]
    assert await shop.books("orders", payment_id) == []
    assert await recover(shop, payment_id, after=SOON) == 1
    payment = await shop.opened_payment(
        providerType="PAGADITO", fallbackProviders=["PAYPAL"], externalReferenceNumber=number
    )
    assert payment["providerType"] == "PAYPAL"
    await shop.approve(payment["checkoutUrl"])
    assert (await shop.complete(payment_id)).json()["status"] == "COMPLETED"
    assert len(await shop.books("captures", payment_id)) == 1
    assert await at_pagadito(shop, number) == []
