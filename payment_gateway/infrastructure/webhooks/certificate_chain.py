"""Whether a certificate is the provider's: issued under a trusted root, valid now, with its name."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import httpx
from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from payment_gateway.application.webhooks import SignatureRefused
from payment_gateway.infrastructure.webhooks.certificates import CHAIN_MAX, Chain


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuers:
    """Roots, and the domain that a certificate under them must be for.

    Attributes:
        domain: ``paypal.com`` stands for itself and every name below; ``None`` where the roots
            sign for nobody else.
    """

    roots: Store
    domain: str | None

    def check(self, chain: Chain, *, now: datetime) -> None:
        """Refuse a certificate that is not the provider's.

        Raises:
            SignatureRefused: No trusted root, not valid now, or for another name.
        """
        leaf, *between = chain
        verifier = (
            PolicyBuilder()
            .store(self.roots)
            .time(now)
            .max_chain_depth(CHAIN_MAX)
            .extension_policies(ca_policy=_ISSUER, ee_policy=ExtensionPolicy.permit_all())
            .build_client_verifier()
        )
        try:
            verifier.verify(leaf, between)
        except VerificationError as error:
            raise SignatureRefused("the certificate leads to no trusted root") from error
        if self.domain is not None and not any(
            name == self.domain or name.endswith(f".{self.domain}") for name in _names(leaf)
        ):
            raise SignatureRefused("the certificate is not for the provider's name")


def system_roots() -> Store:
    """Return the roots that connections over TLS are checked against."""
    roots = []
    for der in httpx.create_ssl_context(trust_env=False).get_ca_certs(binary_form=True):
        with warnings.catch_warnings():
            warnings.simplefilter("error", CryptographyDeprecationWarning)
            try:
                roots.append(x509.load_der_x509_certificate(der))
            except CryptographyDeprecationWarning:
                continue  # an old root that breaks RFC 5280; what it has issued is not trusted
    return Store(roots)


def roots_of(path: Path) -> Store:
    """Return the roots in a PEM file.

    Raises:
        OSError: It cannot be read.
        ValueError: It holds no certificate.
    """
    return Store(x509.load_pem_x509_certificates(path.read_bytes()))


def _require_issuer(
    policy: Policy,  # noqa: ARG001 - the library passes it
    certificate: x509.Certificate,  # noqa: ARG001 - as above
    constraints: x509.BasicConstraints,
) -> None:
    if not constraints.ca:
        raise ValueError("signed by a certificate that may not sign others")


# A certificate for signing messages need not have what browsers want of a web server's; that only
# an authority issued it must hold all the same.
_ISSUER: Final = ExtensionPolicy.permit_all().require_present(
    x509.BasicConstraints, Criticality.AGNOSTIC, _require_issuer
)


def _names(certificate: x509.Certificate) -> Sequence[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        subject = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return [str(name.value).lower() for name in subject]
    return [name.lower() for name in extension.value.get_values_for_type(x509.DNSName)]
