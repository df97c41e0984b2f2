"""A command, then a query: with the command's token the query never shows less than the command did.

``READ_YOUR_WRITES_PAIRS`` says how many; ``make test-read-your-writes`` runs 2,000.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Generator
from itertools import count

import httpx
import pytest

from tests.child_process import READY_WITHIN_S, running
from tests.integration.rest.installation import Installation
from tests.integration.rest.shop import Shop

PAIRS = int(os.environ.get("READ_YOUR_WRITES_PAIRS", "100"))
AT_ONCE = 8
QUERIES = ("/api/v1/payments/{}", "/api/v1/payments?orderId={}", "/api/v1/orders/{}/payments")


@pytest.fixture
def _delayed_projection(installation: Installation) -> Generator[None, None, None]:
    argv = (sys.executable, "-m", "tests.integration.delayed_projection")
    log = installation.folder / "delayed.log"
    with running(argv, log=log, env=installation.environment):
        yield


def revision_shown(answer: httpx.Response) -> int:
    """Return up to which revision a query shows the payment, -1 where it does not show it at all."""
    if answer.status_code == 404:
        return -1
    assert answer.status_code == 200, answer.text
    body = answer.json()
    found = body.get("data", [body])
    return int(found[0]["revision"]) if found else -1


class Pairs:
    """Commands and queries, and what the queries showed."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.numbers = count()
        self.stale = 0
        self.too_old: list[str] = []

    async def run(self, pairs: int) -> None:
        """Make payments and call them off; look after each command."""
        while (number := next(self.numbers)) < pairs:
            order_id = f"pair-{number}"
            command = await self.shop.initiate(orderId=order_id)
            assert command.status_code == 201, command.text
            payment_id = command.json()["paymentId"]
            if number % 2:
                command = await self.shop.command("cancel", payment_id)
                assert command.status_code == 200, command.text
            template = QUERIES[number % len(QUERIES)]
            await self.look(
                template.format(order_id if "rder" in template else payment_id), command
            )

    async def look(self, path: str, command: httpx.Response) -> None:
        """Query at once, without the token and with it."""
        written = int(command.headers["etag"].strip('"'))
        token = {
            "Consistency-Token": command.headers["consistency-token"],
            "Prefer": "wait=30",
        }
        plain = await self.shop.api.get(path)
        told = await self.shop.api.get(path, headers=token)
        self.stale += revision_shown(plain) < written
        if revision_shown(told) < written:
            self.too_old.append(f"{path}: {revision_shown(told)} after {written}")


@pytest.mark.usefixtures("_delayed_projection")
async def test_with_the_token_never_less_and_without_it_sometimes(shop: Shop) -> None:
    pairs = Pairs(shop)
    async with asyncio.timeout(READY_WITHIN_S):
        for path in QUERIES:
            while (await shop.api.get(path.format("none"))).status_code == 503:
                await asyncio.sleep(0.05)  # its projection has not begun yet
    await asyncio.gather(*(pairs.run(PAIRS) for _ in range(AT_ONCE)))
    print(f"{PAIRS} pairs: {pairs.stale} stale without the token, {len(pairs.too_old)} with it")
    assert pairs.too_old == []
    assert pairs.stale > 0, "the projections are slow enough for the token to matter"
