"""What operators do in a browser: read models, dead letters, deliveries, the audit log, what needs a person."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e.dashboard.conftest import Shop, Window
from tests.e2e.dashboard.running_installation import receiver


class TestOverview:
    def test_tells_how_today_and_the_last_hour_went(self, shop: Shop, window: Window) -> None:
        shop.sell("overview-1", "21.50")
        window.log_in("apiKey")
        window.open("")
        figures = window.page.locator("dl.figures")
        expect(figures).to_contain_text(re.compile(r"Captured\s*\d+[.]\d\d USD"))
        expect(figures).to_contain_text(re.compile(r"Success rate\s*\d+[.]\d %"))
        minutes = window.page.get_by_role("img", name=re.compile(r"[1-9]\d* answered"))
        expect(minutes.locator("canvas")).to_be_visible()
        expect(figures).to_contain_text(re.compile(r"Payments a minute, of late\s*\d+[.]\d"))
        for told in (
            r"Payments begun a minute in the last hour:.*PAYPAL [1-9]",
            r"Share of ended payments that was paid.*PAYPAL",
            r"95 of 100 answers.*PAYPAL",
            r"USD captured in the last hour:.*PAYPAL \d+[.]\d\d",
        ):
            chart = window.page.get_by_role("img", name=re.compile(told))
            expect(chart.locator("canvas")).to_be_visible()
        paypal = window.page.get_by_role("row", name=re.compile("PAYPAL closed"))
        expect(paypal).to_contain_text(re.compile(r"up to \d+ ms"))
        expect(paypal).to_contain_text(re.compile(r"\d+[.]\d\d USD"))
        rows = window.page.locator("details tbody tr").filter(has_text="PAYPAL")
        # A payment that is begun in one minute may be paid in the next.
        begun = rows.filter(has_text=re.compile(r"PAYPAL\s*[1-9]"))
        paid = rows.filter(has_text=re.compile(r"PAYPAL\s*\d+\s*\d+[.]\d %"))
        for minute in (begun, paid):
            expect(minute.first).to_be_attached()


class TestResolve:
    def test_an_operator_says_what_became_of_a_payment(self, shop: Shop, window: Window) -> None:
        opened = shop.initiate("question-1", provider="PAGADITO")
        window.log_in("team")
        window.accept_questions()
        window.open(f"/payments/{opened['paymentId']}")
        expect(window.page.get_by_role("button", name="Cancel the payment")).to_be_visible()
        shop.installation.give_up(opened["paymentId"])  # seen without loading the page again
        expect(window.page.get_by_text("Waits for a person")).to_be_visible()
        expect(window.page.get_by_label("It was not")).to_be_visible()
        expect(window.page.get_by_role("button", name="Cancel the payment")).to_have_count(0)
        window.check_rules("payment-question")
        window.page.get_by_label("It was not").check()
        window.page.get_by_label("How you know").fill("not in the list of transactions")
        window.page.get_by_role("button", name="Record the answer").click()
        window.says("It is failed now.")
        expect(window.page.locator(".lead")).to_contain_text("failed")
        expect(window.page.locator("#actions")).to_have_count(0)

    def test_whoever_only_looks_is_offered_no_action(self, shop: Shop, window: Window) -> None:
        payment_id = shop.sell("no-action-1")
        made = {"tenantId": "demo", "roles": ["viewer"], "name": "looks"}
        viewer = shop.installation.administer("/apikeys", made)["key"]
        window.have_session(viewer)
        window.open(f"/payments/{payment_id}")
        expect(window.page.locator(".lead")).to_contain_text("completed")
        expect(window.page.get_by_role("heading", name="Actions")).to_have_count(0)


class TestProviders:
    def test_tell_how_each_does_and_what_it_can(self, shop: Shop, window: Window) -> None:
        shop.sell("provider-1")
        window.log_in("adminKey")
        window.open("/providers")
        expect(window.page.get_by_text("Name a tenant")).to_be_visible()
        window.page.get_by_label("Tenant").fill("demo")
        window.page.get_by_role("button", name="Show").click()
        paypal = window.page.get_by_role("listitem").filter(has_text="PAYPAL")
        expect(paypal).to_contain_text(re.compile(r"Circuit\s*closed"))
        expect(paypal).to_contain_text(re.compile(r"Calls, last hour\s*[1-9]"))


class TestProjections:
    def test_a_rebuild_shows_how_far_it_is_and_is_paused_resumed_and_given_up(
        self, shop: Shop, window: Window
    ) -> None:
        window.log_in("adminKey")
        window.accept_questions()
        window.open("/projections")
        page = window.page
        model = page.get_by_role("region", name="payment_list", exact=True)
        with shop.installation.workers_stopped():
            model.get_by_role("button", name="Rebuild").click()
            window.says("payment_list is being built anew.")
            expect(model.get_by_role("progressbar")).to_have_attribute("max", re.compile(r"\d+"))
            building = model.get_by_role("row", name=re.compile("building"))
            expect(building).to_contain_text(re.compile(r"\d+ of \d+"))
            model.get_by_role("button", name="Pause the rebuild").click()
            window.says("The rebuild of payment_list stands still.")
            expect(building).to_contain_text("paused")
            window.check_rules("rebuild")
            model.get_by_role("button", name="Resume the rebuild").click()
            window.says("The rebuild of payment_list goes on.")
            expect(building).not_to_contain_text("paused")
            model.get_by_role("button", name="Give the rebuild up").click()
            window.says("payment_list is not built any more.")
        expect(building).to_have_count(0)

    def test_are_rebuilt_verified_rolled_back_paused_and_resumed(self, window: Window) -> None:
        window.log_in("adminKey")
        window.accept_questions()
        window.open("/projections")
        page = window.page
        model = page.get_by_role("region", name="payment_list", exact=True)
        expect(model.locator("tbody tr")).to_have_count(1)

        model.get_by_role("button", name="Rebuild").click()
        window.says("payment_list is being built anew.")
        expect(model.get_by_role("button", name="Roll back")).to_be_visible(timeout=120_000)
        expect(model.get_by_role("row", name=re.compile("previous"))).to_contain_text("0 events")
        window.check_rules("projections")

        model.get_by_role("button", name="Verify").click()
        window.says("is being compared with the log")
        expect(model.locator(".status", has_text="done")).to_be_visible(timeout=120_000)

        model.get_by_role("button", name="Roll back").click()
        window.says("shows the generation before again")
        active = model.get_by_role("row", name=re.compile("active"))
        expect(active.get_by_role("cell").first).to_contain_text("1")

        model.get_by_role("button", name="Pause").click()
        window.says("payment_list stands still.")
        model.get_by_role("button", name="Resume").click()
        window.says("payment_list goes on.")
        expect(active).not_to_contain_text("paused")


class TestDeadLetters:
    def test_are_tried_and_replayed(self, shop: Shop, window: Window) -> None:
        payment_id = shop.sell("dead-1")
        letter = shop.installation.lose(payment_id, cause="ArithmeticError: no such thing")
        window.log_in("adminKey")
        window.accept_questions()
        window.open("/dead-letters")
        row = window.page.get_by_role("row", name=re.compile("no such thing"))
        expect(row).to_contain_text(payment_id)
        window.photograph("dead-letters")
        row.get_by_role("link").click()
        expect(window.page.get_by_text(letter)).to_be_visible()
        window.page.get_by_role("button", name=re.compile("Try it")).click()
        change = window.page.get_by_role("row", name=re.compile(r"orderId null .?dead-1"))
        expect(change).to_be_visible()
        window.check_rules("dead-letter-tried")
        window.page.get_by_role("button", name="Replay").click()
        window.says(f"of {letter} handled.")
        expect(window.page.get_by_text("Nothing is parked.")).to_be_visible()

    def test_are_discarded_with_a_reason(self, shop: Shop, window: Window) -> None:
        payment_id = shop.sell("dead-2")
        letter = shop.installation.lose(payment_id, cause="ValueError: never mind")
        window.log_in("adminKey")
        window.accept_questions()
        window.open(f"/dead-letters/{letter}")
        window.page.get_by_label("Why it is never to be handled").fill("a test of ours")
        window.page.get_by_role("button", name="Discard").click()
        window.says(f"of {letter} discarded.")

        window.open("/audit?tenant=gateway&type=DeadLetterDiscarded")
        expect(window.page.get_by_role("row", name=re.compile("a test of ours"))).to_be_visible()


class TestDeliveries:
    def test_are_tested_shown_and_sent_again(self, shop: Shop, window: Window) -> None:
        with receiver(lambda: 200) as url:
            endpoint = shop.installation.administer(
                "/webhook-endpoints", {"tenantId": "demo", "url": url}
            )
            window.log_in("team")
            window.accept_questions()
            window.open("/deliveries")
            page = window.page
            card = page.get_by_role("listitem").filter(has_text=url)
            card.get_by_role("button", name="Send a test").click()
            window.says("A test is on its way.")
            facts = page.locator("dl.facts")
            expect(facts).to_contain_text("delivered")
            page.get_by_text("Headers").click()
            expect(page.get_by_text(re.compile("webhook-signature"))).to_be_visible()
            expect(page.get_by_text(endpoint["secret"])).to_have_count(0)
            page.reload()  # what is done about it depends on how it stands
            page.get_by_role("button", name="Send it again").click()
            window.says("It is sent again.")
            rows = page.get_by_role("region", name="Attempts").locator("tbody tr")
            expect(rows).to_have_count(2)
            window.check_rules("delivery")

            window.open(f"/deliveries?endpoint={endpoint['id']}")
            expect(page.get_by_role("link", name="WebhookTestRequested")).to_be_visible()
            window.check_rules("deliveries")

            payment_id = shop.sell("resend-1")
            window.open(f"/payments/{payment_id}")
            sent = page.get_by_role("region", name="Sent to endpoints")
            sent.get_by_role("button", name="Resend PaymentCompleted").click()
            window.says("It is sent again.")


class TestAudit:
    def test_tells_who_did_what_and_finds_it(self, shop: Shop, window: Window) -> None:
        opened = shop.initiate("audit-1")
        window.log_in("team")
        window.open("/audit")
        expect(
            window.page.get_by_role("link", name=re.compile(opened["paymentId"]))
        ).not_to_have_count(0)
        window.page.get_by_label("What", exact=True).fill("NoSuchThing")
        window.page.get_by_role("button", name="Search").click()
        expect(window.page.get_by_role("alert")).to_have_text("no event has that name")
        window.faults.clear()  # the browser says 422 on its console
