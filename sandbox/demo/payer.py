"""A payer with a browser: opens the checkout page, approves, and lets the browser lead back to the shop."""

from __future__ import annotations

from urllib.parse import urljoin

from sandbox.demo.page import NoPayButton, paying
from sandbox.demo.shop_page import ShopPage
from sandbox.demo.steps import Caller, StepFailed

REDIRECTS_MAX = 10
OK = frozenset({200})
REDIRECTS = frozenset({302, 303})  # those after which a browser sends a GET
TITLE = "The payer approves"


async def approve(browser: Caller, checkout_url: str, shop: ShopPage) -> dict[str, str]:
    """Pay on the provider's page.

    Returns:
        The query with which the payer arrived at the shop.

    Raises:
        StepFailed: The page has no button that pays, or the way back does not lead to the shop.
    """
    url = checkout_url
    page = await browser.call("The payer opens the checkout page", "GET", url, expect=OK)
    try:
        form = paying(page.text)
    except NoPayButton as error:
        raise StepFailed(TITLE, str(error), part=browser.part) from error
    url = urljoin(url, form.action)
    answer = await browser.call(TITLE, "POST", url, form=form.fields, expect=REDIRECTS)
    for _ in range(REDIRECTS_MAX):
        url = urljoin(url, answer.headers["location"])
        if url.partition("?")[0] == shop.url:
            await browser.call("The payer is back at the shop", "GET", url, expect=OK)
            return shop.visits[-1]
        answer = await browser.call("The browser is led back", "GET", url, expect=REDIRECTS)
    raise StepFailed(TITLE, f"{REDIRECTS_MAX} redirects did not lead to the shop", part="api")
