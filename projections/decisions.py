"""Where operators' decisions about read models are kept: each before it has any effect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from payment_gateway.domain.events.read_model import ReadModelEvent

Record = Callable[[ReadModelEvent], Awaitable[None]]
"""Keeps a decision together with who took it and why; what it raises stops the step."""
