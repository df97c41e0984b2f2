"""Until a page can show what was just done.

Payments carry a ``Consistency-Token``, and their pages wait for it. What reactors list is an instant behind the
events and knows no token: there, whoever did something looks until it shows. Read models, tenants, keys and what
subscriptions have parked are changed by the command itself, and need neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from payment_gateway.presentation.in_process import ApiRefused

LOOK_EVERY_S: Final = 0.2
# Then the page is led to all the same, and goes on looking by itself.
LOOKS_MAX: Final = 50


async def until_shown(is_shown: Callable[[], Awaitable[bool]]) -> bool:
    """Look until what was done shows; return whether it did in time.

    Args:
        is_shown: Asks the REST interface; where that refuses, it does not show yet.
    """
    for look in range(LOOKS_MAX):
        if look:
            await asyncio.sleep(LOOK_EVERY_S)
        try:
            if await is_shown():
                return True
        except ApiRefused:
            continue
    return False
