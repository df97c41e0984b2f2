"""What an OIDC issuer says of itself, and how its answers are read: bounded, no redirects.

Source: OpenID Connect Discovery 1.0, sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx
import msgspec

from payment_gateway.setting_types import OidcIssuer

ANSWER_BYTES_MAX: Final = 256 * 1024
_DISCOVERY: Final = "/.well-known/openid-configuration"

# What asking an issuer may raise, within a deadline.
TROUBLE: Final = (httpx.HTTPError, httpx.InvalidURL, ValueError, TimeoutError)

Document = dict[str, Any]


class IssuerUnavailable(Exception):
    """The issuer cannot be asked now, so nobody can say whether a token is good."""


async def discover(issuer: OidcIssuer, client: httpx.AsyncClient) -> Document:
    """Return the discovery document of an issuer.

    Raises:
        httpx.HTTPError: It does not answer well.
        ValueError: The document is another issuer's, or none.
    """
    url = issuer.issuer.rstrip("/") + _DISCOVERY
    document = await read_document(client, "GET", url)
    if document.get("issuer") != issuer.issuer:
        raise ValueError("the discovery document is another issuer's")
    return document


def address_in(document: Mapping[str, Any], member: str, issuer: OidcIssuer) -> str:
    """Return an address that the document names: over TLS, or over what the issuer's own address has.

    Raises:
        ValueError: It names none.
    """
    url = document.get(member)
    same_scheme = issuer.issuer.partition(":")[0]
    if not isinstance(url, str) or url.partition("://")[0] not in {"https", same_scheme}:
        raise ValueError(f"the discovery document names no {member}")
    return url


async def read_document(
    client: httpx.AsyncClient, method: str, url: str, **request: Any
) -> Document:
    """Return the JSON object that an issuer answers.

    Raises:
        httpx.HTTPError: It does not answer, or not 2xx.
        ValueError: It is no JSON object, too long, or leads elsewhere.
    """
    async with client.stream(method, url, **request) as response:
        response.raise_for_status()
        return await read_answer(response)


async def read_answer(response: httpx.Response) -> Document:
    """Return the JSON object of an answer whatever its status is, but of one that leads elsewhere.

    Raises:
        ValueError: It is no JSON object, too long, or leads elsewhere.
    """
    if response.is_redirect:
        raise ValueError("redirects are not followed")
    body = b""
    async for part in response.aiter_bytes():
        body += part
        if len(body) > ANSWER_BYTES_MAX:
            raise ValueError("the answer is too long")
    try:
        read: Document = msgspec.json.decode(body, type=Document)
    except msgspec.MsgspecError as error:
        raise ValueError("the answer is no JSON object") from error
    return read
