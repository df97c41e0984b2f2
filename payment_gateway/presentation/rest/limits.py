"""How long and how many the parts of a request may be.

What the domain limits has its limit there; these are of what only travels, or is refused before the domain
would say more about it. ``tests/integration/rest/test_limits.py`` sends what is at each limit, and beyond.
"""

from __future__ import annotations

from typing import Final

# Of ids, as characters. Each has a form of its own that its value object knows.
TENANT_ID_LENGTH_MAX: Final = 63
PROVIDER_TYPE_LENGTH_MAX: Final = 32
ID_LENGTH_MAX: Final = 64
REFUND_ID_LENGTH_MAX: Final = 64
EXTERNAL_REFERENCE_LENGTH_MAX: Final = 64
ROLE_LENGTH_MAX: Final = 32
EVENT_TYPE_LENGTH_MAX: Final = 64
CURSOR_LENGTH_MAX: Final = 256

# Of a customer. An address is as long as SMTP lets it be: RFC 5321, section 4.5.3.1.3, less two brackets.
CUSTOMER_REFERENCE_LENGTH_MAX: Final = 128
PERSON_NAME_LENGTH_MAX: Final = 200
EMAIL_LENGTH_MAX: Final = 254
PHONE_LENGTH_MAX: Final = 40

# Why something is done: PayPal takes 255 characters with a refund.
REFUND_REASON_LENGTH_MAX: Final = 255
ACT_REASON_LENGTH_MAX: Final = 500

API_KEY_NAME_LENGTH_MAX: Final = 200
ROLES_MAX: Final = 5

# Of steps with read models: into how many parts one is split, how fast it is built, how much is compared.
READ_MODEL_NAME_LENGTH_MAX: Final = 100
PARTITIONS_MAX: Final = 16
EVENTS_PER_S_MIN: Final = 0.1
EVENTS_PER_S_MAX: Final = 1_000_000
SAMPLE_MAX: Final = 1_000_000

PAGE_SIZE_MAX: Final = 100
PAGE_SIZE_DEFAULT: Final = 25
