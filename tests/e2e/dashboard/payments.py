"""Payments as support sees them in a browser."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e.dashboard.conftest import Shop, Window


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
        row.get_by_role("link").click()
        expect(window.page.get_by_role("heading", level=1)).to_have_text("Payment find-me-1")
        expect(window.page.get_by_text(payment_id)).to_be_visible()

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

    def test_filters_leave_out_what_does_not_match(self, shop: Shop, window: Window) -> None:
        shop.sell("filtered-1")
        shop.initiate("filtered-2", provider="PAGADITO")
        window.log_in("apiKey")
        window.open("/payments")
        page = window.page
        rows = page.locator("tbody tr")
        page.get_by_label("Status").select_option("AWAITING_PAYER")
        page.get_by_label("Provider").fill("PAGADITO")
        page.get_by_role("button", name="Search").click()
        expect(rows.filter(has_text="filtered-2")).to_be_visible()
        expect(rows.filter(has_text="PAYPAL")).to_have_count(0)
        expect(rows.filter(has_text="completed")).to_have_count(0)
        page.get_by_label("To (UTC)").fill("2020-01-01")
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_text("No payment matches.")).to_be_visible()

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

    def test_a_page_that_is_left_says_that_the_next_is_loading(self, window: Window) -> None:
        window.log_in("apiKey")
        window.open("/providers")
        window.page.evaluate(
            """() => window.addEventListener("pagehide", () => sessionStorage.setItem("said",
            document.querySelector("main").ariaBusy + " " + document.getElementById("announcement").textContent))"""
        )
        window.page.get_by_role("link", name="Payments").click()
        expect(window.page.get_by_role("heading", level=1)).to_have_text("Payments")
        assert window.page.evaluate('sessionStorage.getItem("said")') == "true Loading."
        expect(window.page.get_by_text("Loading.")).to_have_count(0)

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

    def test_one_that_nobody_approved_cannot_be_completed(self, shop: Shop, window: Window) -> None:
        opened = shop.initiate("complete-1")
        window.log_in("apiKey")
        window.open(f"/payments/{opened['paymentId']}")
        window.page.get_by_role("button", name="Complete").click()
        expect(window.page.get_by_role("status").first).to_contain_text("payment_not_approved")

    def test_an_approved_payment_can_be_completed(self, shop: Shop, window: Window) -> None:
        opened = shop.initiate("complete-2", provider="PAGADITO")
        window.log_in("apiKey")
        window.open(f"/payments/{opened['paymentId']}")
        complete = window.page.get_by_role("button", name="Complete")
        expect(complete).to_be_visible()
        shop.pay_at_pagadito(opened["checkoutUrl"])
        complete.click()
        window.says("It is completed now.")
        expect(window.page.locator(".lead")).to_contain_text("completed")
