"""Each test has a shop of its own."""

from __future__ import annotations

import pytest

from tests.unit.application.gateway_fixture import Shop, open_shop


@pytest.fixture
async def shop() -> Shop:
    return await open_shop()
