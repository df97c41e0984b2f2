"""Payments as support sees them in a browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.dashboard.conftest import Shop, Window

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


class TestPayments:
    def test_the_list_finds_a_payment_by_its_order_and_shows_it(
        self, shop: Shop, window: Window
    ) -> None:
        payment_id = shop.sell("find-me-1", "12.34")
        window.log_in("apiKey")
        window.open("/payments")
        window.page.get_by_label("Order, payment id").fill("find-me-1")
        window.page.get_by_role("button", name="Search").click()
        row = window.page.get_by_role("row", name=re.compile("find-me-1"))
        expect(row).to_contain_text("12.34 USD")
        expect(row).to_contain_text("completed")
        window.photograph("payments")
        row.get_by_role("link").click()
        expect(window.page.get_by_role("heading", level=1)).to_have_text("Payment find-me-1")
        expect(window.page.get_by_text(payment_id)).to_be_visible()
        window.photograph("payment")

    def test_a_search_for_its_id_or_reference_number_leads_straight_to_it(
        self, shop: Shop, window: Window
    ) -> None:
        opened = shop.initiate("straight-1")
        window.log_in("apiKey")
        for text in (opened["paymentId"], opened["externalReferenceNumber"]):
            window.open("/payments")
            window.page.get_by_label("Order, payment id").fill(text)
            window.page.get_by_role("button", name="Search").click()
            expect(window.page.get_by_role("heading", level=1)).to_have_text("Payment straight-1")

    def test_nothing_found_is_said(self, window: Window) -> None:
        window.log_in("apiKey")
        window.open("/payments?q=no-such-order")
        expect(window.page.get_by_text("No payment matches.")).to_be_visible()

    def test_what_happens_elsewhere_shows_without_reloading(
        self, shop: Shop, window: Window
    ) -> None:
        opened = shop.initiate("live-1")
        window.log_in("apiKey")
        window.open(f"/payments/{opened['paymentId']}")
        expect(window.page.locator(".lead")).to_contain_text("awaiting payer")
        shop.approve(opened["checkoutUrl"])
        expect(window.page.locator(".lead")).to_contain_text("completed", timeout=30_000)

    def test_times_are_the_readers(self, shop: Shop, window: Window) -> None:
        opened = shop.initiate("times-1")
        window.log_in("apiKey")
        window.open(f"/payments/{opened['paymentId']}")
        shown = window.page.locator("dl.facts time").first
        moment = shown.get_attribute("title")
        assert moment is not None
        local = window.page.evaluate(
            "m => new Intl.DateTimeFormat('en-GB', {dateStyle: 'medium', timeStyle: 'medium',"
            " timeZone: 'America/El_Salvador'}).format(new Date(m))",
            moment,
        )
        expect(shown).to_have_text(local)

    def test_a_payment_of_nobody_is_not_found(self, window: Window) -> None:
        window.log_in("apiKey")
        window.open("/payments/6c0a33a7-7f0c-5a6f-a4a9-6a6a0c8fb1b5")
        expect(window.page.get_by_role("heading", level=1)).to_have_text("Not found")
        window.faults.clear()  # the browser says 404 on its console


class TestActions:
    def test_a_refund_gives_money_back_once(self, shop: Shop, window: Window) -> None:
        payment_id = shop.sell("refund-1", "10.00")
        window.log_in("apiKey")
        window.open(f"/payments/{payment_id}")
        window.page.on("dialog", lambda dialog: dialog.accept())
        window.page.get_by_label("Amount in USD").fill("4.00")
        window.page.get_by_role("button", name="Refund").click()
        expect(window.page.get_by_role("status").first).to_contain_text("It is completed now")
        expect(window.page.locator(".lead")).to_contain_text("partially refunded")
        expect(window.page.locator("dl.facts")).to_contain_text("4.00")

    def test_what_is_refused_is_said_with_its_code(self, shop: Shop, window: Window) -> None:
        payment_id = shop.sell("refund-2", "10.00")
        window.log_in("apiKey")
        window.open(f"/payments/{payment_id}")
        window.page.on("dialog", lambda dialog: dialog.accept())
        window.page.get_by_label("Amount in USD").fill("10.01")
        window.page.get_by_role("button", name="Refund").click()
        expect(window.page.get_by_role("status").first).to_contain_text("refund_exceeds_captured")

    def test_a_question_not_confirmed_does_nothing(self, shop: Shop, window: Window) -> None:
        payment_id = shop.sell("refund-3", "10.00")
        window.log_in("apiKey")
        window.open(f"/payments/{payment_id}")
        window.page.on("dialog", lambda dialog: dialog.dismiss())
        window.page.get_by_role("button", name="Refund").click()
        expect(window.page.locator("dl.facts")).to_contain_text("0.00")
        assert window.page.url.endswith(payment_id)

    def test_an_open_payment_can_be_called_off(self, shop: Shop, window: Window) -> None:
        opened = shop.initiate("cancel-1")
        window.log_in("apiKey")
        window.open(f"/payments/{opened['paymentId']}")
        window.page.on("dialog", lambda dialog: dialog.accept())
        window.page.get_by_role("button", name="Cancel the payment").click()
        expect(window.page.get_by_role("status").first).to_contain_text("cancelled")

    def test_an_approved_payment_can_be_completed(self, shop: Shop, window: Window) -> None:
        opened = shop.initiate("complete-1")
        window.log_in("apiKey")
        window.open(f"/payments/{opened['paymentId']}")
        window.page.get_by_role("button", name="Complete").click()
        expect(window.page.get_by_role("status").first).to_contain_text("payment_not_approved")
