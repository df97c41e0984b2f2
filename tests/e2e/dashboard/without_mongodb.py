"""What a browser shows while a server is away, and once it is back."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.dashboard.conftest import Shop, Window

WITHIN_MS = 120_000


class TestWithoutMongodb:
    def test_pages_say_that_mongodb_is_away_and_recover_by_themselves(
        self, shop: Shop, window: Window
    ) -> None:
        shop.sell("outage-1")
        window.log_in("team")
        opened_before = window.page.context.new_page()
        opened_before.goto(f"{shop.url}/dashboard/projections")
        expect(opened_before.get_by_role("heading", name="payment_list")).to_be_visible()
        notice = opened_before.get_by_text("could not be brought up to date")

        with shop.installation.mongodb_stopped():
            window.page.goto(f"{shop.url}/dashboard/payments?q=outage-1", timeout=WITHIN_MS)
            expect(window.page.get_by_role("alert")).to_contain_text("read_models_unavailable")
            window.photograph("mongodb-stopped")
            expect(notice).to_be_visible(timeout=WITHIN_MS)

        row = window.page.get_by_role("row").filter(has_text="outage-1")
        expect(row).to_be_visible(timeout=WITHIN_MS)
        expect(notice).to_have_count(0, timeout=WITHIN_MS)
        window.faults.clear()  # the browser says 503 on its console
