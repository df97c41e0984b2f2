"""How one payment is going to go, decided when it is created."""

from enum import StrEnum
from typing import Annotated

import msgspec

AFTER_MS_MAX = 3_600_000

AfterMs = Annotated[int, msgspec.Meta(ge=0, le=AFTER_MS_MAX)]


class Webhooks(StrEnum):
    """How the notifications of a payment travel."""

    PROMPT = "prompt"
    DUPLICATE = "duplicate"  # each is sent once more after it was taken
    LATE = "late"  # each sets out `after_ms` late
    REORDERED = "reordered"  # the first sets out `after_ms` after the second
    LOST = "lost"  # none sets out


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What both providers can do to a payment. ``after_ms`` is the time between one step and the next."""

    after_ms: AfterMs = 1_000
    webhooks: Webhooks = Webhooks.PROMPT
