"""The dashboard in a real browser.

One file, so that one installation and one browser are enough wherever tests are shared out by file: what is
shown and done stands by page in the modules beside this one.
"""

from __future__ import annotations

import pytest

from tests.e2e.dashboard.accessibility import TestAccessibility
from tests.e2e.dashboard.administration import TestApiKeys, TestTenants
from tests.e2e.dashboard.checkout import TestReturnPages
from tests.e2e.dashboard.operations import (
    TestAudit,
    TestDeadLetters,
    TestDeliveries,
    TestOverview,
    TestProjections,
    TestProviders,
    TestResolve,
)
from tests.e2e.dashboard.payments import TestActions, TestPayments
from tests.e2e.dashboard.sessions import TestSessions
from tests.e2e.dashboard.without_mongodb import TestWithoutMongodb

__all__ = [
    "TestAccessibility",
    "TestActions",
    "TestApiKeys",
    "TestAudit",
    "TestDeadLetters",
    "TestDeliveries",
    "TestOverview",
    "TestPayments",
    "TestProjections",
    "TestProviders",
    "TestResolve",
    "TestReturnPages",
    "TestSessions",
    "TestTenants",
    "TestWithoutMongodb",
]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
