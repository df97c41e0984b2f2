"""The plain page where a payer ends up whom the order leads nowhere."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import expect

from tests.e2e.dashboard.conftest import Shop, Window


class TestReturnPages:
    def test_whoever_has_paid_is_told_so(self, shop: Shop, window: Window) -> None:
        opened = shop.initiate("return-1")
        window.page.goto(shop.approve(opened["checkoutUrl"], comes_back=False))
        expect(window.page.get_by_role("heading", level=1)).to_have_text("Payment completed")
        expect(window.page.get_by_role("main")).to_contain_text("Order: return-1")
        window.check_rules("checkout-return")

    def test_whoever_calls_it_off_is_told_that_nothing_was_taken(
        self, shop: Shop, window: Window
    ) -> None:
        opened = shop.initiate("return-2")
        (token,) = parse_qs(urlsplit(opened["checkoutUrl"]).query)["token"]
        query = urlencode({"token": token, "payment_id": opened["paymentId"]})
        window.page.goto(f"{shop.url}/checkout/cancel/paypal?{query}")
        expect(window.page.get_by_role("heading", level=1)).to_have_text("Payment cancelled")
        expect(window.page.get_by_role("main")).to_contain_text("No payment was taken.")
        window.check_rules("checkout-cancel")
