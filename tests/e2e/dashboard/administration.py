"""Keys and tenants, as an administrator keeps them in a browser."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import expect

from tests.e2e.dashboard.conftest import Shop, Window


def status_of(shop: Shop, key: str) -> int:
    """Return what the interface answers to a key."""
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{shop.url}/api/v1/payments?limit=1"
    return httpx.get(url, headers=headers, timeout=60, trust_env=False).status_code


class TestApiKeys:
    def test_are_made_and_shown_once_rotated_and_revoked(self, shop: Shop, window: Window) -> None:
        window.log_in("adminKey")
        window.accept_questions()
        page = window.page
        window.open("/api-keys")
        page.get_by_label("Tenant", exact=True).fill("demo")
        page.get_by_label("viewer").check()
        page.get_by_label("Name").fill("support desk")
        page.get_by_role("button", name="Make the key").click()
        first = page.locator("#secret").inner_text()
        assert status_of(shop, first) == 200
        window.check_rules("api-key-issued")

        page.get_by_role("link", name="Back to the keys").click()
        row = page.get_by_role("row").filter(has_text="support desk")
        expect(row).to_contain_text("viewer")
        assert first not in page.content()
        page.get_by_text("Change support desk").click()
        window.check_rules("api-key-changed")
        row.get_by_label("Accept the one before").select_option("0")
        row.get_by_role("button", name="Rotate").click()
        second = page.locator("#secret").inner_text()
        assert (status_of(shop, first), status_of(shop, second)) == (401, 200)

        page.get_by_role("link", name="Back to the keys").click()
        page.get_by_text("Change support desk").click()
        row.get_by_label("Why").fill("a test of ours")
        row.get_by_role("button", name="Revoke").click()
        window.says("is accepted no more.")
        expect(row).to_contain_text("revoked")
        assert status_of(shop, second) == 401

    def test_what_is_refused_is_said_with_its_field(self, window: Window) -> None:
        window.log_in("adminKey")
        window.open("/api-keys")
        window.page.get_by_label("Tenant", exact=True).fill("demo")
        window.page.get_by_role("button", name="Make the key").click()
        window.says("roles: List should have at least 1 item")

    def test_are_not_for_whoever_only_looks(self, window: Window) -> None:
        window.log_in("apiKey")
        for path in ("/api-keys", "/tenants"):
            window.open(path)
            expect(window.page.get_by_role("heading", level=1)).to_have_text("Not allowed")
            expect(window.page.get_by_role("navigation").get_by_text("API keys")).to_have_count(0)
            expect(window.page.locator("main form")).to_have_count(0)
        window.faults.clear()  # the browser says 403 on its console


class TestTenants:
    def test_are_let_in_suspended_and_resumed(self, shop: Shop, window: Window) -> None:
        window.log_in("adminKey")
        window.accept_questions()
        page = window.page
        window.open("/tenants")
        page.get_by_label("Tenant id").fill("corner-shop")
        page.get_by_label("Name").fill("The corner shop")
        page.get_by_label("Origins").fill("https://corner.example")
        page.get_by_role("button", name="Let it in").click()
        window.says("corner-shop may use the gateway.")
        row = page.get_by_role("row").filter(has_text="corner-shop")
        expect(row).to_contain_text("https://corner.example")

        page.get_by_text("Suspend corner-shop").click()
        row.get_by_label("Why").fill("not paid")
        row.get_by_role("button", name="Suspend").click()
        window.says("corner-shop is suspended now.")
        row.get_by_role("button", name="Resume").click()
        window.says("corner-shop is active now.")
        expect(row).to_contain_text("active")

        window.open("/audit?tenant=corner-shop")
        expect(page.get_by_role("row", name=re.compile("not paid"))).to_be_visible()
