"""A running installation with a few payments, and a browser."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.child_process import launch, ready_line, stop
from tests.e2e.dashboard.running_installation import RunningInstallation
from tests.markdown_pages import REPOSITORY
from tests.oidc_issuer import AUDIENCE, Issuer, running_issuer

CHROMIUM: Final = shutil.which("chromium")
SCREENSHOTS: Final = REPOSITORY / "build" / "screenshots"
# The machine may be busy with other tests.
PAGE_WITHIN_MS: Final = 30_000
DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 900}


@dataclass(frozen=True)
class Shop:
    """The demo tenant's order service, and its payers."""

    addresses: dict[str, str]
    installation: RunningInstallation

    def key(self, name: str) -> str:
        """Return a key that ``up`` printed, or that of the demo tenant's own ``team``."""
        return self.addresses.get(name) or self.installation.team_key

    @property
    def url(self) -> str:
        return self.addresses["api"]

    def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = httpx.post(
            f"{self.url}/api/v1{path}",
            json={"tenantId": "demo", **body},
            headers={"Authorization": f"Bearer {self.addresses['apiKey']}"},
            timeout=60,
            trust_env=False,
        )
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def initiate(
        self, order_id: str, amount: str = "19.99", *, provider: str = "PAYPAL"
    ) -> dict[str, Any]:
        body = {
            "providerType": provider,
            "amount": amount,
            "currency": "USD",
            "orderId": order_id,
        }
        return self.call("/payments/initiate", body)

    def approve(self, checkout_url: str) -> None:
        parts = urlsplit(checkout_url)
        (token,) = parse_qs(parts.query)["token"]
        page = parts._replace(query="").geturl()
        httpx.post(
            f"{page}/approve",
            data={"token": token},
            timeout=60,
            trust_env=False,
            follow_redirects=True,
        ).raise_for_status()

    def sell(self, order_id: str, amount: str = "19.99") -> str:
        """Take a payment whole; return its id."""
        opened = self.initiate(order_id, amount)
        self.approve(opened["checkoutUrl"])
        body = {"providerType": "PAYPAL", "paymentId": opened["paymentId"]}
        assert self.call("/payments/complete", body)["status"] == "COMPLETED"
        return str(opened["paymentId"])


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    with running_issuer() as issuer:
        yield issuer


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("dashboard")
    log = folder / "up.log"
    argv = [sys.executable, "-m", "payment_gateway", "up", "--data-dir", str(folder / "data")]
    env = {
        "GATEWAY_WEBHOOK_NETWORKS_ALLOWED": "127.0.0.0/8",
        "GATEWAY_OIDC_ISSUERS": json.dumps([{"issuer": issuer.url, "audience": AUDIENCE}]),
    }
    process = launch([*argv, "--json"], log=log, env=env)
    try:
        addresses = ready_line(process, log)
        yield Shop(addresses, RunningInstallation(addresses, folder / "data"))
    finally:
        stop(process)


# Of a module and no longer: while it runs, no test with an event loop of its own can.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@dataclass
class Window:
    """A browser window: what it was refused, what it asked of other hosts, and what its console said."""

    page: Page
    shop: Shop
    faults: list[str]

    def open(self, path: str) -> None:
        self.page.goto(f"{self.shop.url}/dashboard{path}")

    def log_in(self, key: str) -> None:
        self.enter(self.shop.key(key))

    def enter(self, key: str) -> None:
        self.open("/login")
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(lambda url: "/login" not in url)

    def accept_questions(self) -> None:
        self.page.on("dialog", lambda dialog: dialog.accept())

    def says(self, text: str) -> None:
        """Wait for the page to say what was just done."""
        expect(self.page.locator("p.flash").first).to_contain_text(text, timeout=PAGE_WITHIN_MS)

    def photograph(self, name: str) -> Path:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=path, full_page=True)
        return path


@pytest.fixture
def window(shop: Shop, browser: Browser) -> Iterator[Window]:
    context = browser.new_context(
        viewport=DESKTOP, timezone_id="America/El_Salvador", locale="en-GB"
    )
    page = context.new_page()
    page.set_default_timeout(PAGE_WITHIN_MS)
    expect.set_options(timeout=PAGE_WITHIN_MS)
    window = Window(page, shop, [])
    page.on("pageerror", lambda error: window.faults.append(f"script: {error}"))
    page.on(
        "console",
        lambda said: (
            window.faults.append(f"console: {said.text}") if said.type == "error" else None
        ),
    )
    page.on(
        "request",
        lambda request: (
            window.faults.append(f"asked elsewhere: {request.url}")
            if not request.url.startswith(shop.url)
            else None
        ),
    )
    yield window
    context.close()
    assert window.faults == []
