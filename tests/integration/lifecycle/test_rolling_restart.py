"""A new release is rolled out process by process, while customers buy: nobody is refused, nothing is lost."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.integration.lifecycle.load import Load
from tests.integration.lifecycle.world import (
    all_is_consistent,
    read_models_are_right,
    running_world,
    shop_of,
)

pytestmark = pytest.mark.skipif(
    "ROLLING_RESTART" not in os.environ, reason="takes minutes: make test-rolling-restart"
)

CUSTOMERS = 3
# The proxy looks every two seconds which processes are ready.
STEADY_S = 3.0


@pytest.mark.timeout(600)
async def test_each_process_is_restarted_in_turn_and_no_request_fails(tmp_path: Path) -> None:
    async with running_world(tmp_path, behind_proxy=True) as world, shop_of(world) as shop:
        load = Load(shop, CUSTOMERS)
        running = asyncio.create_task(load.run())
        await asyncio.sleep(STEADY_S)
        for name, process in world.gateway.items():
            if name != "proxy":
                before = len(load.answers)
                await process.restart()
                await asyncio.sleep(STEADY_S)
                assert len(load.answers) > before, f"customers went on while {name} restarted"
        load.stop()
        await running

        assert load.refused() == [], load.outcomes()
        await all_is_consistent(shop, load.payments)
        await read_models_are_right(world.installation)
        print(load.outcomes(), f"slowest {max(one.took_s for one in load.answers):.2f} s")
