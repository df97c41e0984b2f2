"""A provider that gave no clear answer: neither yes nor no, until it was asked again."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from datetime import timedelta

import pytest

from payment_gateway.application.commands.recover_payment import INTENT_AGE_MIN
from tests.child_process import running
from tests.contracts.provider_sandbox import script_fault, token_of
from tests.integration.rest.recovery import books_agree, recover
from tests.integration.rest.shop import Shop

SOON = timedelta(seconds=6)  # past the first inquiry after an unknown outcome
LAPSED = timedelta(hours=1)  # past the time in which Pagadito lets a payer pay
AT_ONCE = 20
RECOVERED_WITHIN_S = 20.0  # the first inquiry within 10 s, and the start of a process
# What the provider may do to a request whose answer is lost: nothing, or what it was asked.
LOST = ["drop_after", "status_after", "drop_before", "status"]


class TestLostAnswer:
    @pytest.mark.parametrize("fault", LOST)
    async def test_to_a_checkout(self, shop: Shop, fault: str) -> None:
        await script_fault(shop.paypal, "create_order", fault)
        answer = await shop.initiate()
        payment = answer.json()
        assert answer.status_code == 202, answer.text
        assert (payment["status"], payment["checkoutUrl"]) == ("UNKNOWN", None)
        await recover(shop, payment["paymentId"], after=SOON)
        assert (await shop.history(payment["paymentId"]))[-1] == "CheckoutCreated"
        assert len(await shop.books("orders", payment["paymentId"])) == 1

    async def test_to_a_checkout_at_pagadito(self, shop: Shop) -> None:
        """Its page's address is lost with the answer; nobody can pay there, so it lapses."""
        await script_fault(shop.pagadito, "exec_trans", "drop_after")
        answer = await shop.initiate(providerType="PAGADITO")
        assert (answer.status_code, answer.json()["status"]) == (202, "UNKNOWN")
        payment_id = answer.json()["paymentId"]
        await recover(shop, payment_id, after=SOON)
        assert (await shop.history(payment_id))[-1] == "OutcomeUnknown"
        window = {"advanceSeconds": LAPSED.total_seconds()}
        (await shop.pagadito.post("/_control/clock", json=window)).raise_for_status()
        await recover(shop, payment_id, after=LAPSED)
        assert (await shop.history(payment_id))[-2:] == ["ProviderAttemptFailed", "PaymentExpired"]

    async def test_of_what_never_arrived_at_pagadito(self, shop: Shop) -> None:
        await script_fault(shop.pagadito, "exec_trans", "drop_before")
        body = {"providerType": "PAGADITO", "externalReferenceNumber": "ERN-770077"}
        first = await shop.initiate(**body)
        assert (first.status_code, first.json()["status"]) == (202, "UNKNOWN")
        assert (await shop.initiate(**body)).status_code == 202
        await recover(shop, first.json()["paymentId"], after=SOON)
        assert (await shop.history(first.json()["paymentId"]))[-1] == "ProviderAttemptFailed"
        again = await shop.opened_payment(**body)
        assert again["paymentId"] == first.json()["paymentId"]

    @pytest.mark.parametrize("fault", LOST)
    async def test_to_a_capture(self, shop: Shop, fault: str) -> None:
        payment = await shop.opened_payment()
        payment_id = payment["paymentId"]
        await shop.approve(payment["checkoutUrl"])
        await script_fault(shop.paypal, "capture", fault)
        answer = await shop.complete(payment_id)
        assert (answer.status_code, answer.json()["status"]) == (202, "UNKNOWN")
        assert answer.json()["providerReference"] is None
        await recover(shop, payment_id, after=SOON)
        assert (await shop.history(payment_id))[-1] == "PaymentCompleted"
        await books_agree(shop, payment_id)
        assert (await shop.complete(payment_id)).status_code == 200

    @pytest.mark.parametrize("fault", LOST)
    async def test_to_a_refund(self, shop: Shop, fault: str) -> None:
        payment_id = await shop.paid_payment()
        await script_fault(shop.paypal, "refund", fault)
        answer = await shop.command("refund", payment_id, amount="7.77", refundId="r1")
        assert (answer.status_code, answer.json()["status"]) == (202, "UNKNOWN")
        assert answer.json()["refundedTotal"] == "0.00"
        over = await shop.command("refund", payment_id, amount="12.23")
        assert over.json()["code"] == "refund_exceeds_captured"
        await recover(shop, payment_id, after=SOON)
        answer = await shop.command("refund", payment_id, amount="7.77", refundId="r1")
        assert (answer.status_code, answer.json()["status"]) == (200, "COMPLETED")
        assert answer.json()["refundedTotal"] == "7.77"
        await books_agree(shop, payment_id)

    async def test_is_asked_about_by_the_reactors_soon(self, shop: Shop) -> None:
        payment = await shop.opened_payment()
        await shop.approve(payment["checkoutUrl"])
        await script_fault(shop.paypal, "capture", "drop_after")
        assert (await shop.complete(payment["paymentId"])).status_code == 202
        argv = (sys.executable, "-m", "payment_gateway", "work")
        log = shop.installation.folder / "work.log"
        environment = {
            **shop.installation.environment,
            "GATEWAY_MONGODB_DATABASE": f"work-{payment['paymentId'][:8]}",
        }
        with running(argv, log=log, env=environment):
            deadline = time.monotonic() + RECOVERED_WITHIN_S
            while (await shop.history(payment["paymentId"]))[-1] != "PaymentCompleted":
                assert time.monotonic() < deadline, log.read_text()[-2000:]
                await asyncio.sleep(0.1)
        await books_agree(shop, payment["paymentId"])

    async def test_to_a_question_leaves_things_as_they_are(self, shop: Shop) -> None:
        payment = await shop.opened_payment()
        await shop.approve(payment["checkoutUrl"])
        before = await shop.history(payment["paymentId"])
        await script_fault(shop.paypal, "get_order", "drop_after", times=3)
        answer = await shop.complete(payment["paymentId"])
        assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")
        assert await shop.history(payment["paymentId"]) == before


class TestManyAtOnce:
    async def test_refunds_of_more_than_half_happen_once(self, shop: Shop) -> None:
        payment_id = await shop.paid_payment(amount="100.00")
        answers = await asyncio.gather(
            *(shop.command("refund", payment_id, amount="60.00") for _ in range(AT_ONCE))
        )
        told = Counter((answer.status_code, answer.json().get("code")) for answer in answers)
        assert told == {(200, None): 1, (409, "refund_exceeds_captured"): AT_ONCE - 1}
        await books_agree(shop, payment_id)
        assert len(await shop.books("refunds", payment_id)) == 1

    async def test_refunds_of_one_id_are_one_refund(self, shop: Shop) -> None:
        payment_id = await shop.paid_payment(amount="10.00")
        answers = await asyncio.gather(
            *(
                shop.command("refund", payment_id, amount="1.00", refundId="r1")
                for _ in range(AT_ONCE)
            )
        )
        assert {answer.status_code for answer in answers} <= {200, 202}
        assert len(await shop.books("refunds", payment_id)) == 1
        await books_agree(shop, payment_id)

    async def test_small_refunds_stop_at_what_was_taken(self, shop: Shop) -> None:
        payment_id = await shop.paid_payment(amount="10.00")
        answers = await asyncio.gather(
            *(shop.command("refund", payment_id, amount="1.00") for _ in range(AT_ONCE))
        )
        told = Counter((answer.status_code, answer.json().get("code")) for answer in answers)
        assert told == {(200, None): 10, (409, "refund_exceeds_captured"): AT_ONCE - 10}
        await books_agree(shop, payment_id)

    async def test_doors_take_the_money_once(self, shop: Shop) -> None:
        payment = await shop.opened_payment(returnUrl="https://shop.example/")
        payment_id = payment["paymentId"]
        back = await shop.approve(payment["checkoutUrl"])
        answers = await asyncio.gather(
            *(shop.complete(payment_id) for _ in range(AT_ONCE)),
            *(shop.api.get(back) for _ in range(AT_ONCE)),
        )
        assert {answer.status_code for answer in answers} <= {200, 202, 303}
        assert len(await shop.books("captures", payment_id)) == 1
        assert (await shop.complete(payment_id)).json()["status"] == "COMPLETED"
        assert (await shop.history(payment_id)).count("PaymentCompleted") == 1
        assert "LateFactRecorded" not in await shop.history(payment_id)
        await books_agree(shop, payment_id)

    async def test_doors_of_a_provider_that_takes_the_money_itself(self, shop: Shop) -> None:
        payment = await shop.opened_payment(providerType="PAGADITO")
        payment_id = payment["paymentId"]
        back = await shop.pay_at_pagadito(payment["checkoutUrl"])
        answers = await asyncio.gather(
            *(shop.complete(payment_id, provider="PAGADITO") for _ in range(AT_ONCE)),
            *(shop.api.get(back) for _ in range(AT_ONCE)),
        )
        assert {answer.status_code for answer in answers} == {200}
        assert (await shop.history(payment_id)).count("PaymentCompleted") == 1
        assert "LateFactRecorded" not in await shop.history(payment_id)

    async def test_initiates_with_one_number_are_one_payment(self, shop: Shop) -> None:
        body = {"externalReferenceNumber": "ERN-880088", "customer": {"reference": "c-1"}}
        answers = await asyncio.gather(*(shop.initiate(**body) for _ in range(AT_ONCE)))
        (payment_id,) = {answer.json()["paymentId"] for answer in answers}
        assert {answer.status_code for answer in answers} <= {201, 202}
        assert len(await shop.books("orders", payment_id)) == 1
        final = await shop.opened_payment(**body)
        urls = {answer.json()["checkoutUrl"] for answer in answers} - {None}
        assert urls == {final["checkoutUrl"]}
        assert token_of(final["checkoutUrl"])

    async def test_cancel_and_complete_agree(self, shop: Shop) -> None:
        payment = await shop.opened_payment()
        payment_id = payment["paymentId"]
        await shop.approve(payment["checkoutUrl"])
        await asyncio.gather(
            *(shop.complete(payment_id) for _ in range(5)),
            *(shop.command("cancel", payment_id) for _ in range(5)),
        )
        await recover(shop, payment_id, after=INTENT_AGE_MIN + SOON)
        history = await shop.history(payment_id)
        assert ("PaymentCompleted" in history) != ("PaymentCancelled" in history)
        await books_agree(shop, payment_id)
