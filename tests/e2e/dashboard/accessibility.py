"""Every page for everybody: by the rules, in both schemes, on a phone, without a mouse."""

from __future__ import annotations

from typing import Final

import pytest
from playwright.sync_api import expect

from tests.e2e.dashboard.conftest import Shop, Window

# Who opens which pages; those with something in them that takes steps are checked where the steps are.
PAGES: Final = {
    "team": {
        "overview": "",
        "payments": "/payments",
        "no-payment": "/payments?q=no-such-order",
        "providers": "/providers",
        "projections-of-a-tenant": "/projections",
        "deliveries-of-none": "/deliveries?endpoint=&tenant=demo",
        "audit": "/audit",
    },
    "adminKey": {
        "providers-of-a-tenant": "/providers?tenant=demo",
        "dead-letters": "/dead-letters",
        "api-keys": "/api-keys",
        "tenants": "/tenants",
    },
}


class TestAccessibility:
    @pytest.mark.parametrize("key", PAGES)
    def test_no_rule_is_broken(self, shop: Shop, window: Window, key: str) -> None:
        paths = dict(PAGES[key])
        if key == "team":
            paths["payment"] = f"/payments/{shop.sell('axe-1')}"
            paths["open-payment"] = f"/payments/{shop.initiate('axe-2')['paymentId']}"
        window.log_in(key)
        for name, path in paths.items():
            window.open(path)
            window.check_rules(name)

    def test_nor_where_somebody_is_let_in_or_turned_away(self, window: Window) -> None:
        window.open("/login")
        window.check_rules("login")
        window.log_in("apiKey")
        window.open("/projections")
        expect(window.page.get_by_role("heading", level=1)).to_have_text("Not allowed")
        window.check_rules("not-allowed")
        window.faults.clear()  # the browser says 403 on its console

    def test_the_keyboard_is_enough(self, shop: Shop, window: Window) -> None:
        shop.sell("keyboard-1")
        window.open("/login")
        window.page.keyboard.type(shop.addresses["apiKey"])  # the field has the focus
        window.page.keyboard.press("Enter")
        window.page.wait_for_url(lambda url: "/login" not in url)
        window.page.keyboard.press("Tab")
        expect(window.page.get_by_text("Skip to the content")).to_be_focused()
        window.page.keyboard.press("Enter")
        expect(window.page.locator("main")).to_be_focused()
