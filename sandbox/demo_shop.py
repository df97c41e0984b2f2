"""Makes the demo shop known: as a merchant at both simulators, as a tenant of the gateway.

Repeating all of it changes nothing, so it is done at each start.
"""

from __future__ import annotations

import httpx

from sandbox.addresses import Addresses
from sandbox.errors import DemoShopRefused
from sandbox.keys import DEMO_TENANT, Keys
from sandbox.providers.webhooks.loopback import is_loopback_url

SHOP_NAME = "Demo shop"
ANSWER_WITHIN_S = 30.0
# Pagadito fills in its token and our reference (its merchant panel, "return URL").
PAGADITO_RETURN = "/checkout/return/pagadito?token={value}&ern={ern_value}"


async def register_demo_shop(
    addresses: Addresses, keys: Keys, *, public_url: str, shop_url: str
) -> None:
    """Register the merchants, the tenant and its credentials.

    Args:
        addresses: Where the simulators and the API are.
        keys: The merchants' secrets and the administrator's key.
        public_url: Where payers reach the API.
        shop_url: The origin that payers may be sent back to.

    Raises:
        DemoShopRefused: One of them was not accepted.
    """
    async with httpx.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=False) as http:
        merchants = keys.merchants
        template = public_url + PAGADITO_RETURN
        await _post(
            http,
            f"{addresses.paypal}/_control/merchants",
            {**merchants.paypal, **_webhook(addresses.api, "paypal")},
        )
        await _post(
            http,
            f"{addresses.pagadito}/_control/merchants",
            {
                **merchants.pagadito,
                "returnUrlTemplate": template,
                **_webhook(addresses.api, "pagadito"),
            },
        )
        http.headers["Authorization"] = f"Bearer {keys.admin}"
        await _create_tenant(http, addresses.api, shop_url)
        for provider, credentials in (
            ("PAYPAL", merchants.paypal),
            ("PAGADITO", merchants.pagadito),
        ):
            await _post(
                http,
                f"{addresses.api}/api/v1/providers/credentials",
                {
                    "tenantId": DEMO_TENANT,
                    "providerType": provider,
                    "credentials": {**credentials, "sandbox": True},
                },
            )


def _webhook(api: str, provider: str) -> dict[str, str]:
    """Return where a simulator sends notifications, which it does on this machine only."""
    url = f"{api}/api/v1/webhooks/{provider}/{DEMO_TENANT}"
    return {"webhookUrl": url} if is_loopback_url(url) else {}


async def _create_tenant(http: httpx.AsyncClient, api: str, shop_url: str) -> None:
    """Create the tenant; one that is there already, and was changed, keeps its own settings."""
    new = {"tenantId": DEMO_TENANT, "name": SHOP_NAME, "returnUrls": [shop_url]}
    answer = await _send(http, "POST", f"{api}/api/v1/tenants", new)
    if answer.status_code != 409:
        _accepted(answer)
        return
    url = f"{api}/api/v1/tenants/{DEMO_TENANT}"
    tenant = _accepted(await _send(http, "GET", url)).json()
    known = tenant["returnUrls"]
    if shop_url not in known:
        _accepted(await _send(http, "PATCH", url, {"returnUrls": [*known, shop_url]}))


async def _post(http: httpx.AsyncClient, url: str, body: object) -> None:
    _accepted(await _send(http, "POST", url, body))


async def _send(
    http: httpx.AsyncClient, method: str, url: str, body: object = None
) -> httpx.Response:
    try:
        return await http.request(method, url, json=body)
    except httpx.TransportError as error:
        raise DemoShopRefused(
            f"The demo shop could not be registered: {method} {url}: {error!r}"
        ) from error


def _accepted(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    request = answer.request
    raise DemoShopRefused(
        f"The demo shop could not be registered: {request.method} {request.url} "
        f"answered {answer.status_code}: {answer.text}"
    )
