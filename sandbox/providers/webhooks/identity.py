"""The key that a simulated provider signs with, and the certificates that vouch for it.

They are made once for a data folder and kept there in a file that only its owner may read.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.private_file import write_private_json

RSA_BITS = 2048
VALID_DAYS = 3650
_CLOCK_SKEW = timedelta(days=1)


class _Stored(msgspec.Struct, frozen=True):
    key: str
    certificate: str
    ca: str


class SigningIdentity:
    """An RSA key with a certificate from a certificate authority of its own.

    The first use of a new data folder makes them, which takes about a tenth of a second.
    """

    def __init__(self, path: Path, *, host: str) -> None:
        """Take the file to keep them in, and the host name that the certificate is for."""
        self._path = path
        self._host = host

    @property
    def certificate_pem(self) -> str:
        """The certificate of the key."""
        return self._stored.certificate

    @property
    def ca_pem(self) -> str:
        """The certificate of the authority, which a merchant's test trusts."""
        return self._stored.ca

    @cached_property
    def certificate_name(self) -> str:
        """A name for the certificate that changes with it."""
        digest = hashlib.sha256(self.certificate_pem.encode()).hexdigest()
        return f"CERT-{digest[:32]}"

    def sign(self, text: str) -> bytes:
        """Return the RSA signature (PKCS #1 v1.5, SHA-256) of a text."""
        return self._key.sign(text.encode(), PKCS1v15(), SHA256())

    @cached_property
    def public_key(self) -> rsa.RSAPublicKey:
        """What a signature is verified with."""
        return self._key.public_key()

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        key = load_pem_private_key(self._stored.key.encode(), password=None)
        assert isinstance(key, rsa.RSAPrivateKey), "written by this class"
        return key

    @cached_property
    def _stored(self) -> _Stored:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Stored)
        except FileNotFoundError:
            made = _make(self._host)
            write_private_json(self._path, msgspec.structs.asdict(made))
            return made


def _make(host: str) -> _Stored:
    """Make a key and both certificates; the authority's own key is forgotten, it vouches once."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Simulator CA of {host}")])
    ca = (
        _builder(ca_name, ca_key.public_key(), issuer=ca_name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(ca_key, SHA256())
    )
    key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    leaf = (
        _builder(name, key.public_key(), issuer=ca_name)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return _Stored(
        key=private.decode(),
        certificate=leaf.public_bytes(Encoding.PEM).decode(),
        ca=ca.public_bytes(Encoding.PEM).decode(),
    )


def _builder(
    subject: x509.Name, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, *, issuer: x509.Name
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
