"""The kinds of ``ProviderUnavailable``, for who decides whether to try again.

ProviderUnavailable
├── SlowDown               the provider listens, but wants this account to wait
└── NotNow                 the same again at once would end the same
    ├── AccountNotAccepted the provider does not know the account
    ├── CircuitOpen        its endpoint fails too often to be called now
    └── BulkheadFull       as many calls to its endpoint are under way as may be
"""

from __future__ import annotations

from payment_gateway.application.ports import ProviderUnavailable


class SlowDown(ProviderUnavailable):
    """The provider answered 429. It says nothing about how other accounts fare."""


class NotNow(ProviderUnavailable):
    """Nothing happened, and trying again at once would end the same."""


class AccountNotAccepted(NotNow):
    """The provider refuses the account: its credentials have to be replaced."""


class CircuitOpen(NotNow):
    """Nothing was sent: the endpoint failed too often lately."""


class BulkheadFull(NotNow):
    """Nothing was sent: the endpoint has as many calls under way as it may."""
