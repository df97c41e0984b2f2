"""Who is logged in: the key itself, sealed in a cookie that only this installation can open.

Nothing is kept on the server. Every page asks the REST interface with that key, so a key that is revoked
ends its sessions at once, and no rule about who may do what stands here a second time.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

import msgspec

from payment_gateway.application.ports import SealBroken

SESSION_COOKIE: Final = "gateway_session"
FLASH_COOKIE: Final = "gateway_flash"
LOG_IN_COOKIE: Final = "gateway_log_in"
LASTS: Final = timedelta(hours=12)
FLASH_LASTS: Final = timedelta(seconds=60)
# So long somebody may take at the issuer's own pages.
LOG_IN_LASTS: Final = timedelta(minutes=10)
# Browsers keep cookies of 4096 bytes, name and attributes included (RFC 6265, section 6.1).
COOKIE_LENGTH_MAX: Final = 3_800
_CSRF_BYTES: Final = 16


class Sealer(Protocol):
    """Seals texts for this installation alone."""

    def wrap(self, text: bytes, bound_to: bytes) -> bytes:
        """Return a text sealed."""
        ...

    def unwrap(self, sealed: bytes, bound_to: bytes) -> bytes:
        """Return it; raises ``SealBroken`` for what was sealed elsewhere or for something else."""
        ...


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is logged in.

    Attributes:
        key: What they logged in with; sent with every request to the REST interface.
        csrf: Stands in every form, so that no other site's form is taken for one of ours.
        ends_at: When they have to log in again.
    """

    key: str
    csrf: str
    ends_at: datetime

    def vouches_for(self, csrf: str) -> bool:
        """Whether a form came from a page of this session; takes the same time for any text."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode())


class Flash(msgspec.Struct, frozen=True, kw_only=True):
    """What the next page says of what was just done.

    Attributes:
        token: The ``Consistency-Token`` of what was done, so that the page shows it.
    """

    text: str
    is_refusal: bool
    token: str | None
    ends_at: datetime


class LogInBegun(msgspec.Struct, frozen=True, kw_only=True):
    """A log-in at an issuer that this browser began.

    Attributes:
        issuer: Where.
        state: Comes back from there.
        nonce: Stands in its ID token.
        verifier: Shown with its code.
    """

    issuer: str
    state: str
    nonce: str
    verifier: str
    ends_at: datetime

    def is_answered_by(self, state: str) -> bool:
        """Whether an answer belongs to it; takes the same time for any text."""
        return hmac.compare_digest(self.state.encode(), state.encode())


class TooLongForACookie(Exception):
    """Browsers would drop it."""


Kept = TypeVar("Kept", Session, Flash, LogInBegun)


@dataclass(frozen=True, slots=True)
class Cookies:
    """Seals what browsers keep, and opens it again."""

    sealer: Sealer

    def new_session(self, key: str, now: datetime, *, until: datetime | None = None) -> Session:
        """Return a session that begins now, and ends no later than what they logged in with."""
        ends_at = now + LASTS if until is None else min(until, now + LASTS)
        return Session(key=key, csrf=secrets.token_urlsafe(_CSRF_BYTES), ends_at=ends_at)

    def seal(self, kept: Session | Flash | LogInBegun) -> str:
        """Return the value of a cookie.

        Raises:
            TooLongForACookie: No browser would keep it.
        """
        sealed = self.sealer.wrap(msgspec.json.encode(kept), _bound_to(type(kept)))
        value = base64.urlsafe_b64encode(sealed).decode()
        if len(value) > COOKIE_LENGTH_MAX:
            raise TooLongForACookie
        return value

    def open(self, value: str | None, kind: type[Kept], now: datetime) -> Kept | None:
        """Return what a cookie holds, ``None`` if it is none of ours or has ended."""
        if value is None or len(value) > COOKIE_LENGTH_MAX:
            return None
        try:
            sealed = base64.urlsafe_b64decode(value.encode())
            kept = msgspec.json.decode(self.sealer.unwrap(sealed, _bound_to(kind)), type=kind)
        except (SealBroken, binascii.Error, ValueError):
            return None
        return kept if kept.ends_at > now else None


def _bound_to(kind: type[Session | Flash | LogInBegun]) -> bytes:
    return f"dashboard-{kind.__name__.lower()}".encode()
