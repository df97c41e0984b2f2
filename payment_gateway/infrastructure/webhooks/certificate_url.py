"""Where a certificate may come from: the header that names it is written by whoever sends the request.

Fetching whatever it names would let anybody make this machine call any address, and believing a
certificate from anywhere would let anybody sign.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from payment_gateway.application.webhooks import SignatureRefused

URL_LENGTH_MAX: Final = 512
# No user-info, no fragment, nothing that one reader of URLs takes for another thing than the next.
_URL: Final = re.compile(
    r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9/._~%?=&+-]*)?", re.ASCII
)
_DEFAULT_PORT: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """Names of hosts: these exactly, or any below a domain but those below another.

    Attributes:
        exactly: Whole names.
        domain: ``pagadito.com`` allows itself and what ends in ``.pagadito.com``.
        but_not: Beginnings of names that are not meant.
    """

    exactly: frozenset[str] = frozenset()
    domain: str | None = None
    but_not: tuple[str, ...] = ()

    def allow(self, host: str) -> bool:
        """Whether a host, in lower case, is one of them."""
        if host in self.exactly:
            return True
        if self.domain is None or host.startswith(self.but_not):
            return False
        return host == self.domain or host.endswith(f".{self.domain}")


def check_provider_url(url: str, hosts: Hosts, *, path: str = "/") -> None:
    """Refuse a URL that is not on one of a provider's hosts, over TLS, at the default port.

    Raises:
        SignatureRefused: It is anywhere else.
    """
    parts = _split(url)
    default = parts.port in {None, _DEFAULT_PORT["https"]}
    on_host = hosts.allow((parts.hostname or "").lower())
    if parts.scheme != "https" or not default or not on_host or not parts.path.startswith(path):
        raise SignatureRefused("the certificate is not at an address of the provider")


def check_same_origin(url: str, base_url: str) -> None:
    """Refuse a URL that has not the scheme, host and port of another one.

    Raises:
        SignatureRefused: It has not.
    """
    if _origin(_split(url)) != _origin(urlsplit(base_url)):
        raise SignatureRefused("the certificate is not at the provider's base URL")


def _split(url: str) -> SplitResult:
    if len(url) > URL_LENGTH_MAX or _URL.fullmatch(url) is None or "/../" in url:
        raise SignatureRefused("the certificate's address is none")
    parts = urlsplit(url)
    try:
        _ = parts.port
    except ValueError as error:
        raise SignatureRefused("the certificate's address is none") from error
    return parts


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    port = parts.port or _DEFAULT_PORT[parts.scheme]
    return parts.scheme, (parts.hostname or "").lower(), port
