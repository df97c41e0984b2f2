"""What Schemathesis is told of the installation that it fuzzes: some of what it makes up is there.

Of ids that are made up none exists, and every request for one ends at 404 or 403. So half of them are
replaced by one that does; which half is decided by the id itself, so that a seed repeats a run. What it makes
up no provider has signed, either: half of the notifications are replaced by one that its provider sent.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import schemathesis

from payment_gateway.presentation.rest.openapi import IF_MATCH
from tests.integration.rest.installation import CLIENT_SECRET, WSK

KNOWN: dict[str, list[str]] = {
    **json.loads(os.environ["FUZZ_KNOWN"]),
    "tenantId": [os.environ["FUZZ_TENANT"]],
    "tenant_id": [os.environ["FUZZ_TENANT"]],
    "name": ["payment_details", "order_payments"],
    "provider": ["paypal"],
    "providerType": ["PAYPAL"],
}
NOTIFICATIONS: dict[str, dict[str, Any]] = json.loads(os.environ["FUZZ_NOTIFICATIONS"])
NOTIFIED = "/api/v1/webhooks/"
ELSEWHERE = {"not_found", "method_not_allowed"}
ANSWERED = Path(os.environ["FUZZ_ANSWERED"])
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
    _context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]
) -> None:
    """Put an account that is there in the place of one that could be, and what is signed for what is not.

    What could be none is sent as it is. Of conditions only some are sent: what is made up is the tag of nothing.
    """
    tag = case.headers.get("If-Match")
    if isinstance(tag, str) and (tag == IF_MATCH["example"] or _is_replaced(tag)):
        case.headers.pop("If-Match")
    body: Any = case.body
    given = body.get("credentials") if isinstance(body, dict) else None
    for account in ACCOUNTS:
        if isinstance(given, dict) and given.keys() == account.keys():
            case.body = {**body, "credentials": account}
    path = case.operation.path
    if path.startswith(NOTIFIED) and isinstance(body, dict) and _is_replaced(json.dumps(body)):
        sent = NOTIFICATIONS[path.removeprefix(NOTIFIED).partition("/")[0]]
        kwargs["data"] = sent["body"].encode()
        case.headers.update(sent["headers"])


@schemathesis.hook
def after_call(
    _context: schemathesis.HookContext,
    case: schemathesis.Case[Any],
    response: schemathesis.Response,
) -> None:
    """Note how each operation is answered; what another method or another path meets is not its answer."""
    is_refusal = "problem" in response.headers.get("content-type", [""])[0]
    code = json.loads(response.content)["code"] if is_refusal and response.content else None
    if response.request.method == case.operation.method.upper() and code not in ELSEWHERE:
        with ANSWERED.open("a") as file:
            file.write(f"{response.status_code} {case.operation.label}\n")


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
        name: KNOWN[name][zlib.crc32(value.encode()) % len(KNOWN[name])]
        if name in KNOWN and isinstance(value, str) and _is_replaced(value)
        else value
        for name, value in given.items()
    }


def _is_replaced(text: str) -> bool:
    return len(text) % 2 == 0
