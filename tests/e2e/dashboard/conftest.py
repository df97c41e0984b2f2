"""A running installation with a few payments, and a browser."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
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
from tests.oidc_issuer_log_in import CLIENT_ID, CLIENT_SECRET

# What stands beside the one test module is tests as well.
pytest.register_assert_rewrite(
    *(
        f"tests.e2e.dashboard.{name}"
        for name in (
            "accessibility",
            "administration",
            "checkout",
            "operations",
            "payments",
            "sessions",
            "without_mongodb",
        )
    )
)

CHROMIUM: Final = shutil.which("chromium")
SCREENSHOTS: Final = REPOSITORY / "build" / "screenshots"
# The machine may be busy with other tests.
PAGE_WITHIN_MS: Final = 30_000
DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 900}
PHONE: Final[ViewportSize] = {"width": 360, "height": 740}
AXE: Final = Path(__file__).parents[2] / "vendor" / "axe-core-4.14.1" / "axe.min.js"
RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SESSION_COOKIE: Final = "gateway_session"


@dataclass(frozen=True)
class Shop:
    """The demo tenant's order service, and its payers."""

    addresses: dict[str, str]
    installation: RunningInstallation
    sessions: dict[str, str] = field(default_factory=dict)

    def session(self, key: str) -> str:
        """Return the cookie that somebody has who has logged in with a key."""
        if key not in self.sessions:
            answer = httpx.post(
                f"{self.url}/dashboard/login", data={"key": key}, timeout=60, trust_env=False
            )
            assert answer.status_code == 303, answer.text
            self.sessions[key] = answer.cookies[SESSION_COOKIE]
        return self.sessions[key]

    def key(self, name: str) -> str:
        """Return a key that ``up`` printed, or that of the demo tenant's own ``team``."""
        return self.addresses.get(name) or self.installation.team_key

    @property
    def url(self) -> str:
        return self.addresses["api"]

    def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Command something of a payment, and return once pages show it."""
        headers = {"Authorization": f"Bearer {self.addresses['apiKey']}"}
        answer = httpx.post(
            f"{self.url}/api/v1{path}",
            json={"tenantId": "demo", **body},
            headers=headers,
            timeout=60,
            trust_env=False,
        )
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        token = answer.headers["Consistency-Token"]
        httpx.get(
            f"{self.url}/api/v1/payments/{found['paymentId']}",
            headers={**headers, "Consistency-Token": token, "Prefer": "wait=30"},
            timeout=60,
            trust_env=False,
        ).raise_for_status()
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

    def approve(self, checkout_url: str, *, comes_back: bool = True) -> str:
        """Approve as a payer; return where they were led to, whether they go there or not."""
        parts = urlsplit(checkout_url)
        (token,) = parse_qs(parts.query)["token"]
        page = parts._replace(query="").geturl()
        answer = httpx.post(
            f"{page}/approve",
            data={"token": token},
            timeout=60,
            trust_env=False,
            follow_redirects=False,
        )
        leads_to = answer.headers["Location"]
        if comes_back:
            httpx.get(leads_to, timeout=60, trust_env=False).raise_for_status()
        return str(leads_to)

    def pay_at_pagadito(self, checkout_url: str) -> None:
        """Pay as a payer who then closes the browser."""
        (token,) = parse_qs(urlsplit(checkout_url).query)["token"]
        page = urlsplit(checkout_url)._replace(path="/comercios/pay", query="").geturl()
        form = {"token": token, "action": "pay"}
        answer = httpx.post(page, data=form, timeout=60, trust_env=False, follow_redirects=False)
        assert answer.status_code < 400, answer.text

    def sell(self, order_id: str, amount: str = "19.99") -> str:
        """Take a payment whole; return its id."""
        opened = self.initiate(order_id, amount)
        self.approve(opened["checkoutUrl"])
        body = {"providerType": "PAYPAL", "paymentId": opened["paymentId"]}
        assert self.call("/payments/complete", body)["status"] == "COMPLETED"
        return str(opened["paymentId"])


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    # To a browser another site than the gateway's 127.0.0.1, as issuers are.
    with running_issuer(host="localhost") as issuer:
        yield issuer


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("dashboard")
    log = folder / "up.log"
    argv = [sys.executable, "-m", "payment_gateway", "up", "--data-dir", str(folder / "data")]
    trusted = {
        "issuer": issuer.url,
        "audience": AUDIENCE,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    env = {
        "GATEWAY_WEBHOOK_NETWORKS_ALLOWED": "127.0.0.0/8",
        "GATEWAY_OIDC_ISSUERS": json.dumps([trusted]),
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
        self.have_session(self.shop.key(key))

    def have_session(self, key: str) -> None:
        """Have the session of a key without the log-in page."""
        self.page.context.add_cookies(
            [
                {
                    "name": SESSION_COOKIE,
                    "value": self.shop.session(key),
                    "domain": urlsplit(self.shop.url).hostname or "",
                    "path": "/dashboard",
                    "httpOnly": True,
                    "sameSite": "Strict",
                }
            ]
        )

    def enter(self, key: str) -> None:
        """Log in on the log-in page."""
        self.open("/login")
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(lambda url: "/login" not in url)

    def accept_questions(self) -> None:
        self.page.on("dialog", lambda dialog: dialog.accept())

    def says(self, text: str) -> None:
        """Wait for the page to say what was just done."""
        expect(self.page.locator("p.flash").first).to_contain_text(text, timeout=PAGE_WITHIN_MS)

    def check_rules(self, name: str) -> None:
        """Check what is shown against the rules in both schemes, and that a phone need not scroll sideways."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            found = self.page.evaluate(
                "tags => axe.run({runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})",
                RULES,
            )
            broken = [
                (one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]
            ]
            self.photograph(f"{name}-{scheme}")
            assert broken == [], (name, scheme)
        self.page.set_viewport_size(PHONE)
        wide = self.page.evaluate("document.documentElement.scrollWidth")
        self.photograph(f"{name}-phone")
        self.page.set_viewport_size(DESKTOP)
        assert wide <= PHONE["width"], name

    def photograph(self, name: str) -> Path:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=path, full_page=True)
        return path


@pytest.fixture
def window(shop: Shop, browser: Browser, issuer: Issuer) -> Iterator[Window]:
    # Without motion: the rules are about colours as they are, not on their way to others.
    context = browser.new_context(
        viewport=DESKTOP,
        timezone_id="America/El_Salvador",
        locale="en-GB",
        reduced_motion="reduce",
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
            if not request.url.startswith((shop.url, f"{issuer.url}/authorize"))
            else None
        ),
    )
    yield window
    context.close()
    assert window.faults == []
