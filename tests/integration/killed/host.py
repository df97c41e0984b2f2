"""Runs processes of the gateway that kill themselves at a point of a test's choosing.

The points are around what the gateway does to the world: an append to the event store, a stream that is destroyed, a request to a
provider; and where it has found a notification to be a provider's. Production code knows nothing of this; here the four are
wrapped before the process begins. Whatever a point's
name, nothing durable happens between it and the next, so that "before a request" is "after the append before".

Speaks lines of JSON on standard input and output, one answer to each; see ``Host`` in ``processes.py``. Its
children are forks, which spares each of them the seconds that importing takes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from payment_gateway import bootstrap
from payment_gateway.infrastructure.persistence.eventstoredb import EventStoreDB
from payment_gateway.infrastructure.providers.http import HttpEndpoint
from payment_gateway.infrastructure.webhooks.pagadito import PagaditoWebhooks
from payment_gateway.infrastructure.webhooks.paypal import PayPalWebhooks
from payment_gateway.processes import api, reactors
from payment_gateway.settings import Settings
from sandbox.child import die_with


class Doom:
    """Notes each point that is reached, and ends the process at one of them."""

    def __init__(self, point: str | None, reached: Path) -> None:
        self._point = point
        self._reached = reached

    def reach(self, point: str) -> None:
        """Go on, or not: SIGKILL leaves no time to tidy up."""
        with self._reached.open("a") as file:
            file.write(f"{point}\n")
        if point == self._point:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrap(self) -> None:
        """Have every append, request to a provider and verified notification come by here once it is done."""
        append, destroy, send = EventStoreDB.append, EventStoreDB.destroy, HttpEndpoint.send
        for webhooks in (PayPalWebhooks, PagaditoWebhooks):
            self._wrap_verify(webhooks)

        async def appended(store: EventStoreDB, stream: str, events: Any, **more: Any) -> Any:
            result = await append(store, stream, events, **more)
            self.reach(f"append {type(events[-1]).__name__.removesuffix('Event')}")
            return result

        async def destroyed(store: EventStoreDB, stream: str) -> None:
            await destroy(store, stream)
            self.reach(f"destroy {stream.partition('-')[0]}")

        async def sent(endpoint: HttpEndpoint, operation: str, path: str, **more: Any) -> Any:
            try:
                return await send(endpoint, operation, path, **more)
            finally:
                self.reach(f"send {operation}")

        EventStoreDB.append = appended  # type: ignore[method-assign,assignment] # the crash is injected here
        EventStoreDB.destroy = destroyed  # type: ignore[method-assign,assignment] # the crash is injected here
        HttpEndpoint.send = sent  # type: ignore[method-assign,assignment] # the crash is injected here

    def _wrap_verify(self, webhooks: type[PayPalWebhooks] | type[PagaditoWebhooks]) -> None:
        verify = webhooks.verify

        async def verified(notified: Any, *signed: Any) -> datetime | None:
            at: datetime | None = await verify(notified, *signed)
            self.reach("verify")
            return at

        webhooks.verify = verified  # type: ignore[assignment,method-assign] # the crash is injected here


def run(order: dict[str, Any]) -> None:
    """Become ``serve`` or ``work``."""
    os.environ.update(order["env"])
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    Doom(order["point"], Path(order["reached"])).wrap()
    ahead = timedelta(seconds=order["aheadS"])
    bootstrap.utc_now = lambda: datetime.now(UTC) + ahead
    if order["program"] == "serve":
        api.serve(Settings(), "127.0.0.1", order["port"])
    else:
        reactors.work(Settings())


def main() -> None:
    """Start a child, or say how one has ended, for each line."""
    host = os.getpid()
    for line in sys.stdin:
        order = json.loads(line)
        if "poll" in order:
            pid, status = os.waitpid(order["poll"], os.WNOHANG)
            answer = {"ended": os.waitstatus_to_exitcode(status) if pid else None}
        else:
            child = os.fork()
            if child == 0:
                die_with(host)
                run(order)
                os._exit(0)
            answer = {"pid": child}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
