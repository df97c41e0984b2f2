"""What an operator does on the command line: look, explain, answer, reconcile."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.contracts.provider_sandbox import script_fault
from tests.integration.rest.operator import Operator
from tests.integration.rest.shop import Shop

pytestmark = pytest.mark.xdist_group("rest")

NOBODY = "00000000-0000-5000-8000-000000000000"


@pytest.fixture
async def operator(shop: Shop) -> AsyncGenerator[Operator, None]:
    operator = Operator(shop, f"operator-{uuid4().hex[:12]}")
    yield operator
    await operator.drop()


async def in_question(shop: Shop, operator: Operator) -> str:
    await script_fault(shop.paypal, "create_order", "drop_after")
    answer = await shop.initiate()
    assert answer.status_code == 202, answer.text
    payment_id: str = answer.json()["paymentId"]
    await operator.give_up(payment_id)
    await operator.project(payment_id)
    return payment_id


class TestPayments:
    async def test_show_tells_a_payment_as_it_is_and_as_it_was(
        self, shop: Shop, operator: Operator
    ) -> None:
        before = datetime.now(UTC)
        payment_id = await shop.paid_payment()
        events = (await shop.store.read(f"payment-{payment_id}")).events
        shown = await operator.run("payments", "show", payment_id, "--json")
        assert (shown.code, shown.document["status"]) == (0, "COMPLETED")
        then = events[2].context.at.isoformat()
        was = await operator.run("payments", "show", payment_id, "--as-of", then, "--json")
        assert was.document["status"] == "AWAITING_PAYER"
        earlier = (before - timedelta(days=1)).isoformat()
        assert (await operator.run("payments", "show", payment_id, "--as-of", earlier)).code == 1
        table = await operator.run("payments", "show", payment_id)
        assert "COMPLETED" in table.out

    async def test_explain_tells_every_event(self, shop: Shop, operator: Operator) -> None:
        payment_id = await shop.paid_payment()
        told = await operator.run("payments", "explain", payment_id, "--json")
        assert [line["event"] for line in told.document["data"]] == await shop.history(payment_id)
        assert (
            "PAYPAL took 19.99 USD" in (await operator.run("payments", "explain", payment_id)).out
        )

    @pytest.mark.parametrize("name", ["show", "explain"])
    async def test_a_payment_that_is_not_there_is_refused(
        self, operator: Operator, name: str
    ) -> None:
        for wrong in (NOBODY, "no-id"):
            refused = await operator.run("payments", name, wrong)
            assert (refused.code, refused.out) == (1, "")
            assert "payment" in refused.err

    async def test_questions_are_listed_and_answered_once(
        self, shop: Shop, operator: Operator
    ) -> None:
        payment_id = await in_question(shop, operator)
        listed = await operator.run("payments", "questions", "--json")
        (waiting,) = listed.document["data"]
        assert (waiting["paymentId"], waiting["status"]) == (payment_id, "NEEDS_OPERATOR")
        assert payment_id in (await operator.run("payments", "questions")).out

        answer = ("payments", "resolve", payment_id, "--note", "not in the list", "--yes")
        resolved = await operator.run(*answer, "--answer", "failed", "--json")
        assert (resolved.code, resolved.document["status"]) == (0, "FAILED")
        assert (await operator.run(*answer, "--answer", "failed")).code == 0
        contrary = await operator.run(*answer, "--answer", "completed", "--reference", "CAP1")
        assert contrary.code == 1

        await operator.project(payment_id)
        assert (await operator.run("payments", "questions", "--json")).document["data"] == []
        answered = (await shop.store.read(f"payment-{payment_id}")).events[-1]
        assert answered.context.actor.startswith("operator:")

    async def test_resolve_asks_first(self, shop: Shop, operator: Operator) -> None:
        payment_id = await in_question(shop, operator)
        history = await shop.history(payment_id)
        answer = ("payments", "resolve", payment_id, "--answer", "failed", "--note", "no")
        declined = await operator.run(*answer, stdin="n\n")
        assert (declined.code, declined.out.strip()) == (1, "")
        assert await shop.history(payment_id) == history
        assert (await operator.run(*answer, stdin="y\n")).code == 0


class TestReconcile:
    async def test_finds_a_refund_that_was_made_in_the_providers_pages(
        self, shop: Shop, operator: Operator
    ) -> None:
        agreeing, changed = await shop.paid_payment(), await shop.paid_payment()
        await shop.command("refund", agreeing, amount="5.00")
        await operator.project(agreeing, changed)
        clean = await operator.run("reconcile", "--provider", "PAYPAL", "--json")
        assert (clean.code, clean.document["compared"]) == (0, 2), clean.err

        await operator.refund_in_the_panel(changed, "7.00")
        found = await operator.run("reconcile", "--provider", "PAYPAL", "--json")
        assert found.code == 1
        assert found.document["differences"] == [
            {
                "paymentId": changed,
                "tenantId": "acme",
                "provider": "PAYPAL",
                "subject": "refunded",
                "ours": "0.00 USD",
                "theirs": "7.00 USD",
            }
        ]
        table = await operator.run("reconcile", "--provider", "PAYPAL")
        assert (table.code, changed in table.out) == (1, True)
        history = await shop.history(changed)
        assert history.count("ReconciliationDifferenceFound") == 1
        assert "ReconciliationDifferenceFound" not in await shop.history(agreeing)

    async def test_finds_money_that_only_the_provider_knows_of(
        self, shop: Shop, operator: Operator
    ) -> None:
        payment = await shop.opened_payment(providerType="PAGADITO")
        await shop.pay_at_pagadito(payment["checkoutUrl"])
        await operator.project(payment["paymentId"])
        found = await operator.run("reconcile", "--provider", "PAGADITO", "--json")
        (row,) = found.document["differences"]
        assert (row["subject"], row["ours"], row["theirs"]) == (
            "status",
            "AWAITING_PAYER",
            "CAPTURED",
        )

    async def test_closed_payments_are_compared_for_as_long_as_is_said(
        self, shop: Shop, operator: Operator
    ) -> None:
        await operator.project(await shop.paid_payment())
        later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        none = await operator.run("reconcile", "--provider", "PAYPAL", "--since", later, "--json")
        assert (none.code, none.document["compared"]) == (0, 0)

    async def test_a_provider_there_is_no_adapter_for_is_refused(self, operator: Operator) -> None:
        refused = await operator.run("reconcile", "--provider", "NONE")
        assert (refused.code, refused.out) == (1, "")
        assert "NONE" in refused.err
