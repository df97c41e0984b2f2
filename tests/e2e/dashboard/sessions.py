"""Logging in and out, who sees what, and what a foreign page cannot do."""

from __future__ import annotations

import re
import time
from typing import Final
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import expect

from tests.e2e.dashboard.conftest import Shop, Window
from tests.oidc_issuer import Issuer

TOKEN_LASTS_S: Final = 300


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
        window.enter(shop.addresses["apiKey"])
        (cookie,) = window.page.context.cookies()
        assert shop.addresses["apiKey"] not in cookie["value"]
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Strict"
        assert cookie["path"] == "/dashboard"

    def test_a_token_of_an_oidc_issuer_logs_in(self, window: Window, issuer: Issuer) -> None:
        window.enter(issuer.token(tenant="demo"))
        expect(window.page.locator(".who")).to_contain_text(re.compile("demo, oidc:.*user-17"))

    def test_a_key_that_is_revoked_ends_its_sessions_without_reloading(
        self, shop: Shop, window: Window
    ) -> None:
        made = {"tenantId": "demo", "roles": ["operator"], "name": "goes"}
        issued = shop.installation.administer("/apikeys", made)
        window.have_session(issued["key"])
        window.open("/projections")
        expect(window.page.get_by_role("heading", name="payment_list")).to_be_visible()
        shop.installation.withdraw(issued["id"])
        expect(window.page.get_by_label("API key")).to_be_visible()
        window.faults.clear()  # the browser says 401 on its console

    def test_an_oidc_issuer_logs_somebody_in_with_its_own_page(
        self, window: Window, issuer: Issuer
    ) -> None:
        window.open("/login")
        window.page.get_by_role("link", name="Log in with localhost").click()
        window.page.get_by_role("link", name="Cancel").click()
        expect(window.page.get_by_role("alert")).to_contain_text("called off")
        window.faults.clear()  # the browser says 403 on its console
        window.page.get_by_role("link", name="Log in with localhost").click()
        window.page.get_by_role("link", name="Approve").click()
        expect(window.page.locator(".who")).to_contain_text(re.compile("demo, oidc:.*user-17"))
        expect(window.page.get_by_role("heading", level=1)).to_have_text("Overview")
        assert urlsplit(window.page.url).path == "/dashboard"
        (cookie,) = window.page.context.cookies()
        assert cookie["expires"] <= time.time() + TOKEN_LASTS_S
        window.page.get_by_role("button", name="Log out").click()
        expect(window.page.get_by_label("API key")).to_be_visible()
        assert "/token" in issuer.asked

    def test_logging_out_ends_it(self, window: Window) -> None:
        window.log_in("apiKey")
        window.open("/payments")
        window.page.get_by_role("button", name="Log out").click()
        expect(window.page.get_by_label("API key")).to_be_visible()
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
        window.open("")
        pages = window.page.get_by_role("navigation", name="Pages")
        expect(pages.get_by_role("link")).to_have_text(["Overview", "Payments", "Providers"])
        window.log_in("adminKey")
        window.open("/projections")
        expect(pages.get_by_role("link", name="Payments")).to_have_count(0)
        expect(pages.get_by_role("link", name="Projections")).to_have_count(1)
