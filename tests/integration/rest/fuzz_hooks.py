"""What Schemathesis is told of the installation that it fuzzes: some of what it makes up is there.

Of ids that are made up none exists, and every request for one ends at 404 or 403. So half of them are
replaced by one that does; which half is decided by the id itself, so that a seed repeats a run.
"""

from __future__ import annotations

import os
from typing import Any

import schemathesis

from tests.integration.rest.installation import CLIENT_SECRET, WSK

KNOWN = {
    "tenantId": os.environ["FUZZ_TENANT"],
    "tenant_id": os.environ["FUZZ_TENANT"],
    "paymentId": os.environ["FUZZ_PAYMENT"],
    "endpoint_id": os.environ["FUZZ_ENDPOINT"],
    "name": "payment_details",
    "provider": "paypal",
    "providerType": "PAYPAL",
}
# With an account that is made up, no provider would let the gateway in any more, and no payment would begin.
ACCOUNTS: tuple[dict[str, Any], ...] = (
    {
        "clientId": os.environ["FUZZ_TENANT"],
        "clientSecret": CLIENT_SECRET,
        "webhookId": f"WH-{os.environ['FUZZ_TENANT']}",
        "sandbox": True,
    },
    {"uid": os.environ["FUZZ_TENANT"], "wsk": WSK, "sandbox": True},
)


@schemathesis.hook
def before_call(
    _context: schemathesis.HookContext, case: schemathesis.Case[Any], _kwargs: dict[str, Any]
) -> None:
    """Put an account that is there in the place of one that could be; what could be none is sent as it is."""
    body: Any = case.body
    given = body.get("credentials") if isinstance(body, dict) else None
    for account in ACCOUNTS:
        if isinstance(given, dict) and given.keys() == account.keys():
            case.body = {**body, "credentials": account}


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
