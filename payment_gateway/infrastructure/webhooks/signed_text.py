"""Whether a text is signed with a certificate that a provider has at an address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from payment_gateway.application.webhooks import SignatureRefused
from payment_gateway.infrastructure.webhooks.certificate_chain import TrustedIssuers
from payment_gateway.infrastructure.webhooks.certificates import Certificates, Chain
from payment_gateway.infrastructure.webhooks.signature import check_signature


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedText:
    """What was signed, and the signature as it came."""

    text: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatures:
    """Checks the signatures of one provider.

    Attributes:
        issuers: Who may have issued its certificates; not checked where it is ``None``.
    """

    certificates: Certificates
    issuers: TrustedIssuers | None
    now: Callable[[], datetime]

    async def check(self, signed: SignedText, *, url: str) -> None:
        """Refuse what was not signed with the certificate at a URL, which may be fetched.

        Raises:
            SignatureRefused: It was not.
            VerificationUnavailable: That could not be found out.
        """
        try:
            self._check(signed, await self.certificates.get(url))
        except SignatureRefused:
            renewed = await self.certificates.renew(url)
            if renewed is None:
                raise
            self._check(signed, renewed)

    def _check(self, signed: SignedText, chain: Chain) -> None:
        if self.issuers is not None:
            self.issuers.check(chain, now=self.now())
        check_signature(chain[0], signed.signature, signed.text)
