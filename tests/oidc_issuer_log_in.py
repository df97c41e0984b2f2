"""The part of a test issuer that logs people in: asks them, gives codes, takes each code once."""

from __future__ import annotations

import base64
import hashlib
import html
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

CLIENT_ID: Final = "gateway-dashboard"
CLIENT_SECRET: Final = "a secret: with & signs"
Sign = Callable[..., str]


@dataclass
class LogInDesk:
    """Who is logged in, and what they are given.

    Attributes:
        codes: What each code that was not used yet was asked with.
        identity: Changes to the claims of the ID token.
        access: Changes to those of the access token.
        secret: What the client has to show; none for a public one.
        fails_with: A status that the token endpoint answers instead.
    """

    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    identity: dict[str, object] = field(default_factory=dict)
    access: dict[str, object] = field(default_factory=lambda: {"tenant": "demo"})
    secret: str | None = CLIENT_SECRET
    fails_with: int | None = None

    def page(self, query: Mapping[str, str]) -> str:
        """Return the page that asks somebody whether they are let in."""
        asked = html.escape(urlencode(query))
        return (
            "<!doctype html><html lang=en><title>Issuer</title><link rel=icon href=data:,>"
            f"<a href='/authorize/approve?{asked}'>Approve</a> <a href='/authorize/cancel?{asked}'>Cancel</a>"
        )

    def decide(self, path: str, query: Mapping[str, str]) -> str:
        """Return where the browser goes after what somebody decided."""
        back = {"state": query["state"]}
        if path.endswith("/cancel"):
            return f"{query['redirect_uri']}?{urlencode({'error': 'access_denied', **back})}"
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe()
        self.codes[code] = dict(query)
        return f"{query['redirect_uri']}?{urlencode({'code': code, **back})}"

    def issue(
        self, form: Mapping[str, str], authorization: str, sign: Sign
    ) -> tuple[int, dict[str, Any]]:
        """Return status and answer of the token endpoint."""
        if self.fails_with is not None:
            return self.fails_with, {}
        if not self._is_client(form, authorization):
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None
            or form["grant_type"] != "authorization_code"
            or form["redirect_uri"] != asked["redirect_uri"]
            or proof != asked["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}
        identity = {"aud": CLIENT_ID, "nonce": asked["nonce"], **self.identity}
        return 200, {
            "token_type": "Bearer",
            "access_token": sign(claims=self.access),
            "id_token": sign(claims=identity),
        }

    def _is_client(self, form: Mapping[str, str], authorization: str) -> bool:
        if self.secret is None:
            return form.get("client_id") == CLIENT_ID and not authorization
        encoded = urlencode({CLIENT_ID: self.secret}).replace("=", ":")
        return authorization == f"Basic {base64.b64encode(encoded.encode()).decode()}"
