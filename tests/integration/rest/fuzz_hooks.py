"""What Schemathesis is told of the installation that it fuzzes: some of what it makes up is there.

Of ids that are made up none exists, and every request for one ends at 404 or 403. So half of them are
replaced by one that does; which half is decided by the id itself, so that a seed repeats a run.
"""

from __future__ import annotations

import os
from typing import Any

import schemathesis

KNOWN = {
    "tenantId": os.environ["FUZZ_TENANT"],
    "tenant_id": os.environ["FUZZ_TENANT"],
    "paymentId": os.environ["FUZZ_PAYMENT"],
    "endpoint_id": os.environ["FUZZ_ENDPOINT"],
    "name": "payment_details",
    "provider": "paypal",
    "providerType": "PAYPAL",
}


@schemathesis.hook
def map_body(_context: schemathesis.HookContext, body: Any) -> Any:
    """Put ids that are there into a body."""
    return _known(body) if isinstance(body, dict) else body


@schemathesis.hook
def map_path_parameters(
    _context: schemathesis.HookContext, path_parameters: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Put ids that are there into a path."""
    return path_parameters and _known(path_parameters)


def _known(given: dict[str, Any]) -> dict[str, Any]:
    return {
        name: KNOWN[name]
        if name in KNOWN and isinstance(value, str) and len(value) % 2 == 0
        else value
        for name, value in given.items()
    }
