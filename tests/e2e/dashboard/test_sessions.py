"""Logging in and out, who sees what, and what a foreign page cannot do."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx
import pytest
from playwright.sync_api import ViewportSize, expect

from tests.e2e.dashboard.conftest import Shop, Window
from tests.oidc_issuer import Issuer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

AXE: Final = Path(__file__).parents[2] / "vendor" / "axe-core-4.14.1" / "axe.min.js"
RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PHONE: Final[ViewportSize] = {"width": 360, "height": 740}
# What clocks may differ by: so long a token is still good after its end.
CLOCKS_DIFFER_S: Final = 30
ENDED_WITHIN_S: Final = 60
# Who opens which pages.
PAGES: Final = {
    "team": ("", "/payments", "/providers", "/projections", "/deliveries", "/audit"),
    "adminKey": ("/providers?tenant=demo", "/dead-letters"),
}


class TestSessions:
    def test_without_one_every_page_leads_to_the_log_in(self, window: Window) -> None:
        window.open("/payments")
        expect(window.page.get_by_label("API key")).to_be_visible()

    def test_a_key_that_is_none_is_refused(self, window: Window) -> None:
        window.open("/login")
        window.page.get_by_label("API key").fill("gw_test_nonsense")
        window.page.get_by_role("button", name="Log in").click()
        expect(window.page.get_by_role("alert")).to_have_text("This key is not accepted.")
        window.faults.clear()  # the browser says 401 on its console

    def test_the_key_is_in_no_cookie_and_scripts_see_none(self, shop: Shop, window: Window) -> None:
        window.log_in("apiKey")
        (cookie,) = window.page.context.cookies()
        assert shop.addresses["apiKey"] not in cookie["value"]
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Strict"
        assert cookie["path"] == "/dashboard"

    def test_a_token_of_an_oidc_issuer_logs_in_until_it_ends(
        self, window: Window, issuer: Issuer
    ) -> None:
        soon = datetime.now(UTC) - timedelta(seconds=CLOCKS_DIFFER_S - 15)
        window.enter(issuer.token(tenant="demo", exp=soon))
        window.open("/payments")
        expect(window.page.locator(".who")).to_contain_text(re.compile("demo, oidc:.*user-17"))
        deadline = time.monotonic() + ENDED_WITHIN_S
        while window.page.get_by_label("API key").count() == 0:
            assert time.monotonic() < deadline, "the session outlives its token"
            window.page.wait_for_timeout(1_000)
            window.open("/payments")
        window.faults.clear()  # the browser says 401 on its console, if the page asks before we do

    def test_logging_out_ends_it(self, window: Window) -> None:
        window.log_in("apiKey")
        window.page.get_by_role("button", name="Log out").click()
        window.open("/payments")
        expect(window.page.get_by_label("API key")).to_be_visible()

    def test_a_form_of_another_page_does_nothing(self, shop: Shop, window: Window) -> None:
        window.log_in("apiKey")
        opened = shop.initiate("foreign-1")
        cookies = {one["name"]: one["value"] for one in window.page.context.cookies()}
        answer = httpx.post(
            f"{shop.url}/dashboard/payments/{opened['paymentId']}/cancel",
            data={"csrf": "guessed", "idempotencyKey": "k"},
            cookies=cookies,
            timeout=30,
            trust_env=False,
        )
        assert answer.status_code == 403
        window.open(f"/payments/{opened['paymentId']}")
        expect(window.page.locator(".lead")).to_contain_text("awaiting payer")

    def test_a_page_may_not_be_framed_and_loads_nothing_from_elsewhere(self, shop: Shop) -> None:
        policy = httpx.get(f"{shop.url}/dashboard/login", trust_env=False).headers[
            "content-security-policy"
        ]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy

    def test_the_pages_are_those_of_the_roles(self, window: Window) -> None:
        window.log_in("apiKey")
        pages = window.page.get_by_role("navigation", name="Pages")
        expect(pages.get_by_role("link")).to_have_text(["Overview", "Payments", "Providers"])
        window.page.get_by_role("button", name="Log out").click()
        window.log_in("adminKey")
        expect(pages.get_by_role("link", name="Payments")).to_have_count(0)
        expect(pages.get_by_role("link", name="Projections")).to_have_count(1)


class TestAccessibility:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("key", PAGES)
    def test_no_rule_is_broken(self, shop: Shop, window: Window, key: str, scheme: str) -> None:
        paths = list(PAGES[key])
        if key == "team":
            paths.append(f"/payments/{shop.sell(f'axe-{scheme}')}")
            paths.append(f"/payments/{shop.initiate(f'axe-open-{scheme}')['paymentId']}")
        window.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        window.log_in(key)
        for number, path in enumerate(paths):
            window.open(path)
            window.page.evaluate(AXE.read_text(encoding="utf-8"))
            found = window.page.evaluate(
                "tags => axe.run({runOnly: {type: 'tag', values: tags}})", RULES
            )
            broken = [
                (one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]
            ]
            window.photograph(f"{key}-{scheme}-{number}")
            assert broken == [], path

    def test_a_phone_shows_all_without_scrolling_sideways(self, shop: Shop, window: Window) -> None:
        payment_id = shop.sell("phone-1")
        window.page.set_viewport_size(PHONE)
        window.log_in("team")
        for number, path in enumerate((*PAGES["team"], f"/payments/{payment_id}")):
            window.open(path)
            wide = window.page.evaluate("document.documentElement.scrollWidth")
            window.photograph(f"phone-{number}")
            assert wide <= PHONE["width"], path

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
