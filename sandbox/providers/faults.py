"""Faults on demand: the next calls of an operation go wrong in the way a test has scripted.

Scripts live in memory; a restart forgets them.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated

import msgspec
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

ABORT_EXTENSION = "sandbox.abort"
SCRIPTS_MAX = 1_000
TIMES_MAX = 1_000_000

_HTML_ERROR = "<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"


class FaultKind(StrEnum):
    """In which way a call goes wrong."""

    DROP_BEFORE = "drop_before"  # connection closed, nothing was done
    DROP_AFTER = "drop_after"  # connection closed, the work was done
    STATUS = "status"  # HTML with this status, nothing was done
    STATUS_AFTER = "status_after"  # HTML with this status, the work was done
    REFUSE = "refuse"  # the provider's own refusal with this code, nothing was done


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A script: what the next ``times`` calls of ``operation`` meet."""

    operation: str
    kind: FaultKind
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 500
    code: str | None = None
    times: Annotated[int, msgspec.Meta(ge=1, le=TIMES_MAX)] = 1


class FaultRefused(Exception):
    """The script names an operation or a code that the provider does not have, or there are too many."""


class ConnectionDropped(Exception):
    """The simulator closed the connection; raised only where there is no connection to close."""


class DroppedConnection(Response):
    """An answer that never comes: the connection is closed without a byte."""

    async def __call__(self, scope: Scope, receive: Receive, _: Send) -> None:
        """Close the connection and wait until the server has noticed.

        Raises:
            ConnectionDropped: The application is not served over a socket by :mod:`sandbox.providers.server`.
        """
        extension = scope.get("extensions", {}).get(ABORT_EXTENSION)
        if extension is None:
            raise ConnectionDropped
        extension["abort"]()
        while (await receive())["type"] != "http.disconnect":
            pass  # ends: an aborted connection yields what was buffered, then the disconnect


class FaultScript:
    """The faults that are still to come, oldest first."""

    def __init__(self, *, operations: frozenset[str], codes: frozenset[str]) -> None:
        """Take the names of the provider's operations, and the codes it can refuse with."""
        self._operations = operations
        self._codes = codes
        self._pending: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Script one more fault.

        Raises:
            FaultRefused: See the class; the sentence says which.
        """
        if fault.operation not in self._operations:
            raise FaultRefused(f"operation is one of {', '.join(sorted(self._operations))}")
        if fault.kind is FaultKind.REFUSE and fault.code not in self._codes:
            raise FaultRefused(f"{fault.code!r} is no code of this provider")
        if len(self._pending) >= SCRIPTS_MAX:
            raise FaultRefused(f"at most {SCRIPTS_MAX} scripts wait at a time")
        self._pending.append(fault)

    def pending(self) -> list[Fault]:
        """Return what is still to come."""
        return list(self._pending)

    def clear(self) -> None:
        """Forget what is still to come."""
        self._pending.clear()

    async def around(
        self,
        operation: str,
        call: Callable[[], Awaitable[Response]],
        refuse: Callable[[str], Response],
    ) -> Response:
        """Answer a call as the oldest script for its operation says, or else as it should be.

        Args:
            operation: What is called.
            call: Does the work and answers it.
            refuse: The provider's refusal with a code, in the form that this operation answers in.
        """
        fault = self._take(operation)
        if fault is None:
            return await call()
        match fault.kind:
            case FaultKind.DROP_BEFORE:
                return DroppedConnection()
            case FaultKind.DROP_AFTER:
                await call()
                return DroppedConnection()
            case FaultKind.STATUS:
                return _html_error(fault.status)
            case FaultKind.STATUS_AFTER:
                await call()
                return _html_error(fault.status)
            case FaultKind.REFUSE:
                assert fault.code is not None, "a script without a known code is not accepted"
                return refuse(fault.code)

    def _take(self, operation: str) -> Fault | None:
        for index, fault in enumerate(self._pending):
            if fault.operation == operation:
                if fault.times == 1:
                    del self._pending[index]
                else:
                    self._pending[index] = msgspec.structs.replace(fault, times=fault.times - 1)
                return fault
        return None


def _html_error(status: int) -> Response:
    return HTMLResponse(_HTML_ERROR.format(status=status), status_code=status)
