"""Which addresses a simulator calls: those of this machine and no others."""

import ipaddress
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException


def is_loopback_url(url: str) -> bool:
    """Say whether the URL is plain HTTP on a loopback address, without credentials."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme != "http" or parts.username is not None or port == 0:
        return False
    if parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def require_loopback_url(url: str | None) -> None:
    """Accept a merchant's ``webhookUrl``.

    Raises:
        HTTPException: 422, it leads elsewhere; nobody outside is ever called.
    """
    if url is not None and not is_loopback_url(url):
        raise HTTPException(
            422,
            "webhookUrl: a simulator calls this machine only, such as http://127.0.0.1:8080/webhooks",
        )
