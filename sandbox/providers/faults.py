"""Faults on demand: the next calls of an operation go wrong in the way a test has scripted.

Scripts live in memory; a restart forgets them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from enum import StrEnum
from typing import Annotated

import msgspec
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

ABORT_EXTENSION = "sandbox.abort"
SCRIPTS_MAX = 1_000
TIMES_MAX = 1_000_000
DELAY_MS_MAX = 120_000
RETRY_AFTER_S_MAX = 3_600
PIECES_MAX = 50

_HTML_ERROR = "<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"


class FaultKind(StrEnum):
    """In which way a call goes wrong."""

    DROP_BEFORE = "drop_before"  # connection closed, nothing was done
    DROP_AFTER = "drop_after"  # connection closed, the work was done
    STATUS = "status"  # HTML with this status, nothing was done
    STATUS_AFTER = "status_after"  # HTML with this status, the work was done
    REFUSE = "refuse"  # the provider's own refusal with this code, nothing was done
    EMPTY_AFTER = "empty_after"  # the right status with an empty body, the work was done
    DELAY_BEFORE = "delay_before"  # the right answer, the work begins `delayMs` later
    DELAY_AFTER = "delay_after"  # the right answer, `delayMs` after the work was done
    SLOW_BYTES = "slow_bytes"  # the right answer, its body in pieces over `delayMs`


_WITH_DELAY = frozenset({FaultKind.DELAY_BEFORE, FaultKind.DELAY_AFTER, FaultKind.SLOW_BYTES})
_WITH_RETRY_AFTER = frozenset({FaultKind.STATUS, FaultKind.STATUS_AFTER, FaultKind.REFUSE})


class Fault(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    """A script: what the next ``times`` calls of ``operation`` meet.

    ``retry_after_s`` becomes the header ``Retry-After`` of an error; without it there is none.
    """

    operation: str
    kind: FaultKind
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 500
    code: str | None = None
    times: Annotated[int, msgspec.Meta(ge=1, le=TIMES_MAX)] = 1
    delay_ms: Annotated[int, msgspec.Meta(ge=1, le=DELAY_MS_MAX)] | None = None
    retry_after_s: Annotated[int, msgspec.Meta(ge=0, le=RETRY_AFTER_S_MAX)] | None = None


class FaultRefused(Exception):
    """The script names what the provider does not have, contradicts itself, or there are too many."""


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
        if (fault.delay_ms is not None) != (fault.kind in _WITH_DELAY):
            kinds = ", ".join(sorted(_WITH_DELAY))
            raise FaultRefused(f"delayMs belongs to these kinds and no others: {kinds}")
        if fault.retry_after_s is not None and fault.kind not in _WITH_RETRY_AFTER:
            kinds = ", ".join(sorted(_WITH_RETRY_AFTER))
            raise FaultRefused(f"retryAfterS belongs to errors: {kinds}")
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
                return _html_error(fault)
            case FaultKind.STATUS_AFTER:
                await call()
                return _html_error(fault)
            case FaultKind.REFUSE:
                assert fault.code is not None, "a script without a known code is not accepted"
                return _with_retry_after(refuse(fault.code), fault)
            case FaultKind.EMPTY_AFTER:
                return Response(status_code=(await call()).status_code)
            case FaultKind.DELAY_BEFORE:
                await asyncio.sleep(_delay_s(fault))
                return await call()
            case FaultKind.DELAY_AFTER:
                answer = await call()
                await asyncio.sleep(_delay_s(fault))
                return answer
            case FaultKind.SLOW_BYTES:
                return _slow(await call(), _delay_s(fault))

    def _take(self, operation: str) -> Fault | None:
        for index, fault in enumerate(self._pending):
            if fault.operation == operation:
                if fault.times == 1:
                    del self._pending[index]
                else:
                    self._pending[index] = msgspec.structs.replace(fault, times=fault.times - 1)
                return fault
        return None


def _delay_s(fault: Fault) -> float:
    assert fault.delay_ms is not None, "a script of this kind without a delay is not accepted"
    return fault.delay_ms / 1000


def _html_error(fault: Fault) -> Response:
    page = HTMLResponse(_HTML_ERROR.format(status=fault.status), status_code=fault.status)
    return _with_retry_after(page, fault)


def _with_retry_after(response: Response, fault: Fault) -> Response:
    if fault.retry_after_s is not None:
        response.headers["Retry-After"] = str(fault.retry_after_s)
    return response


def _slow(answer: Response, duration_s: float) -> Response:
    """Return the answer with its own headers, its body in at most ``PIECES_MAX`` pieces."""
    body = bytes(answer.body)
    size = max(1, -(-len(body) // PIECES_MAX))
    pieces = [body[start : start + size] for start in range(0, len(body), size)]

    async def trickle() -> AsyncIterator[bytes]:
        for piece in pieces:
            await asyncio.sleep(duration_s / len(pieces))
            yield piece

    slow = StreamingResponse(trickle(), status_code=answer.status_code)
    slow.raw_headers = answer.raw_headers
    return slow
