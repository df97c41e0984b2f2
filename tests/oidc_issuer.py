"""An OIDC issuer on a real socket: discovery, keys that can be rotated, tokens of any kind."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE: Final = "payment-gateway"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass
class Issuer:
    """What it signs with, what it lists, and how often it was asked.

    Attributes:
        listed: The keys that it tells the world, by id.
        discovery: Changes to the discovery document.
    """

    url: str
    listed: dict[str, dict[str, Any]] = field(default_factory=dict)
    private: dict[str, PrivateKey] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def add_key(self, key_id: str, *, listed: bool = True) -> None:
        """Make an RSA key, and list it."""
        self._add(key_id, rsa.generate_private_key(public_exponent=65537, key_size=2048), listed)

    def add_elliptic_key(self, key_id: str) -> None:
        """Make a key on P-256, and list it."""
        self._add(key_id, ec.generate_private_key(ec.SECP256R1()), True)

    def _add(self, key_id: str, key: PrivateKey, listed: bool) -> None:
        self.private[key_id] = key
        public = key.public_key()
        jwk = (
            RSAAlgorithm.to_jwk(public, as_dict=True)
            if isinstance(public, rsa.RSAPublicKey)
            else ECAlgorithm.to_jwk(public, as_dict=True)
        )
        if listed:
            self.listed[key_id] = {**jwk, "kid": key_id, "use": "sig"}

    def token(
        self,
        key_id: str = "key-1",
        *,
        algorithm: str = "RS256",
        claims: Mapping[str, object] | None = None,
        **changes: object,
    ) -> str:
        """Return a token of a viewer of acme; ``None`` leaves a claim out."""
        now = datetime.now(UTC)
        signed: dict[str, object] = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "user-17",
            "iat": now,
            "exp": now + timedelta(minutes=5),
            "tenant": "acme",
            "roles": ["viewer"],
            **(claims or {}),
            **changes,
        }
        kept = {name: value for name, value in signed.items() if value is not None}
        return jwt.encode(kept, self.private[key_id], algorithm=algorithm, headers={"kid": key_id})

    def answer(self, path: str) -> object:
        """Return what the issuer says at a path, ``None`` for nothing."""
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys", **self.discovery}
        return {"keys": list(self.listed.values())} if path == "/keys" else None


@contextmanager
def running_issuer(port: int = 0) -> Generator[Issuer, None, None]:
    """Run an issuer with one key until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = issuer.answer(self.path)
            body = json.dumps(found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    issuer = Issuer(url=f"http://127.0.0.1:{server.server_port}")
    issuer.add_key("key-1")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
