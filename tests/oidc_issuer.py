"""An OIDC issuer on a real socket: discovery, keys that can be rotated, tokens of any kind, log-ins."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.oidc_issuer_log_in import LogInDesk

AUDIENCE: Final = "payment-gateway"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass
class Issuer:
    """What it signs with, what it lists, and how often it was asked.

    Attributes:
        listed: The keys that it tells the world, by id.
        discovery: Changes to the discovery document.
        desk: Logs people in.
    """

    url: str
    listed: dict[str, dict[str, Any]] = field(default_factory=dict)
    private: dict[str, PrivateKey] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    desk: LogInDesk = field(default_factory=LogInDesk)

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
            return {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
                "authorization_endpoint": f"{self.url}/authorize?realm=shop",
                "token_endpoint": f"{self.url}/token",
                **self.discovery,
            }
        return {"keys": list(self.listed.values())} if path == "/keys" else None

    def issue(self, form: Mapping[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Return status and answer of the token endpoint."""
        self.asked.append("/token")
        return self.desk.issue(form, authorization, self.token)


class _Handler(BaseHTTPRequestHandler):
    issuer: Issuer

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        query = dict(parse_qsl(urlsplit(self.path).query))
        match path:
            case "/authorize":
                self._send(200, self.issuer.desk.page(query), "text/html")
            case "/authorize/approve" | "/authorize/cancel":
                self.send_response(302)
                self.send_header("Location", self.issuer.desk.decide(path, query))
                self.send_header("Content-Length", "0")
                self.end_headers()
            case _:
                found = self.issuer.answer(self.path)
                status = 404 if found is None else 200
                self._send(status, json.dumps(found), "application/json")

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        form = dict(parse_qsl(self.rfile.read(length).decode()))
        status, answer = self.issuer.issue(form, self.headers.get("Authorization", ""))
        self._send(status, json.dumps(answer), "application/json")

    def _send(self, status: int, text: str, kind: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@contextmanager
def running_issuer(port: int = 0, *, host: str = "127.0.0.1") -> Generator[Issuer, None, None]:
    """Run an issuer with one key until the block ends; to browsers, each host is a site of its own."""

    class Handler(_Handler):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    issuer = Issuer(url=f"http://{host}:{server.server_port}")
    issuer.add_key("key-1")
    Handler.issuer = issuer
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
