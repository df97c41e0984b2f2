"""Certificates that notifications are signed with, fetched once and kept for a while."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import httpx
from cryptography import x509

from payment_gateway.application.webhooks import VerificationUnavailable

KEEP_S: Final = 3600.0
KEPT_MAX: Final = 64
# A certificate may be replaced at its address; whoever sends forgeries must not have it fetched each time.
RENEW_AFTER_S: Final = 60.0
FETCH_WITHIN_S: Final = 10.0
# Whoever can reach the gateway can make it ask the provider for certificates: not more at a time.
FETCHES_AT_ONCE_MAX: Final = 4
CERTIFICATE_BYTES_MAX: Final = 64 * 1024
CHAIN_MAX: Final = 8

Chain = tuple[x509.Certificate, ...]


class Certificates:
    """Certificates by URL; the caller has checked that the URL may be fetched."""

    def __init__(
        self, client: httpx.AsyncClient, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._client: Final = client
        self._monotonic: Final = monotonic
        self._kept: Final[OrderedDict[str, tuple[float, Chain]]] = OrderedDict()
        self._places: Final = asyncio.Semaphore(FETCHES_AT_ONCE_MAX)

    async def get(self, url: str) -> Chain:
        """Return the certificate at a URL, followed by those that lead to its root, if any.

        Raises:
            VerificationUnavailable: No answer, no yes, or nothing that is a certificate.
        """
        return self._find(url, younger_than_s=KEEP_S) or await self._load(url, KEEP_S)

    async def renew(self, url: str) -> Chain | None:
        """Return what is at a URL now; ``None`` if what is kept was fetched a moment ago.

        Raises:
            VerificationUnavailable: As above.
        """
        if self._find(url, younger_than_s=RENEW_AFTER_S) is not None:
            return None
        return await self._load(url, RENEW_AFTER_S)

    async def _load(self, url: str, younger_than_s: float) -> Chain:
        try:
            async with asyncio.timeout(FETCH_WITHIN_S), self._places:
                # Another request may have fetched it meanwhile.
                kept = self._find(url, younger_than_s=younger_than_s)
                if kept is not None:
                    return kept
                chain = read_chain(await self._fetch(url))
        except TimeoutError as error:
            raise VerificationUnavailable("no certificate in time") from error
        except httpx.HTTPError as error:
            raise VerificationUnavailable(type(error).__name__) from error
        self._kept[url] = (self._monotonic(), chain)
        self._kept.move_to_end(url)
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return chain

    def _find(self, url: str, *, younger_than_s: float) -> Chain | None:
        if url not in self._kept:
            return None
        fetched_s, chain = self._kept[url]
        if self._monotonic() >= fetched_s + younger_than_s:
            return None
        self._kept.move_to_end(url)
        return chain

    async def _fetch(self, url: str) -> bytes:
        async with self._client.stream("GET", url) as response:
            if response.status_code != 200:
                raise VerificationUnavailable(f"status {response.status_code}")
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > CERTIFICATE_BYTES_MAX:
                    raise VerificationUnavailable("too large for a certificate")
            return bytes(body)


def read_chain(data: bytes) -> Chain:
    """Return what PEM, or DER of one certificate, holds.

    Raises:
        VerificationUnavailable: It is neither.
    """
    try:
        if b"-----BEGIN" in data:
            chain = tuple(x509.load_pem_x509_certificates(data))
        else:
            chain = (x509.load_der_x509_certificate(data),)
    except ValueError as error:
        raise VerificationUnavailable("not a certificate") from error
    if not 1 <= len(chain) <= CHAIN_MAX:
        raise VerificationUnavailable(f"{len(chain)} certificates")
    return chain
