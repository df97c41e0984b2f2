"""``Idempotency-Key``: a command that is sent again is answered as it was the first time."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from fastapi import Request, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from payment_gateway.application.services.idempotency_service import (
    Claim,
    CommandAnswer,
    KeyedRequest,
)
from payment_gateway.domain.errors import InvalidValue
from payment_gateway.domain.value_objects.idempotency_key import IdempotencyKeyVO
from payment_gateway.presentation.rest.access import AccessRefused, Caller
from payment_gateway.presentation.rest.command_context import CommandSide, context_of
from payment_gateway.presentation.rest.command_metrics import counted
from payment_gateway.presentation.rest.json_body import ExactJsonRequest

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
# What an answer says beside its body that a repetition says again.
KEPT_HEADERS: Final = ("content-type", "consistency-token", "etag", "location")
_NEEDED: Final = frozenset({"request", "response", "caller", "side"})

Parameters = ParamSpec("Parameters")
Answered = TypeVar("Answered", bound=BaseModel | None)


def idempotent(
    endpoint: Callable[Parameters, Awaitable[Answered]],
) -> Callable[Parameters, Awaitable[Answered | Response]]:
    """Make a command's endpoint heed the header; it is reached with a valid body and an allowed caller.

    Args:
        endpoint: Takes ``request``, ``response``, ``caller`` and ``side``, and ``body`` if there is one.
    """
    missing = _NEEDED - set(inspect.signature(endpoint).parameters)
    assert not missing, f"{endpoint.__qualname__} takes no {', '.join(sorted(missing))}"

    @wraps(endpoint)
    async def answer_request(
        *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Answered | Response:
        request = kwargs["request"]
        assert isinstance(request, Request), "FastAPI gives it"
        given: dict[str, Any] = dict(kwargs)

        async def execute(claim: Claim) -> CommandAnswer:
            request.scope["claim"] = claim
            return _rendered(await endpoint(*args, **kwargs), request, given["response"])

        with counted(request, given["side"]) as ending:
            key = _key_of(request)
            if key is None:
                answered = await endpoint(*args, **kwargs)
                ending.answered(_status(request, given["response"]))
                return answered
            answer, replayed = await _answer_once(key, request, given, execute)
            ending.answered(answer.status, replayed=replayed)
            headers = {**answer.headers, REPLAYED: "true"} if replayed else answer.headers
            return Response(answer.body, status_code=answer.status, headers=headers)

    answer_request.__dict__["idempotent"] = True
    return answer_request


def is_idempotent(endpoint: Callable[..., Any]) -> bool:
    """Whether an endpoint heeds the header."""
    return bool(getattr(endpoint, "idempotent", False))


def claim_of(request: Request) -> Claim | None:
    """Return what is set aside for this command; ``None`` where it came without a key."""
    claim = request.scope.get("claim")
    assert claim is None or isinstance(claim, Claim), "only this module sets it"
    return claim


async def _answer_once(
    key: IdempotencyKeyVO,
    request: Request,
    given: dict[str, Any],
    execute: Callable[[Claim], Awaitable[CommandAnswer]],
) -> tuple[CommandAnswer, bool]:
    caller: Caller = given["caller"]
    side: CommandSide = given["side"]
    named = getattr(given.get("body"), "tenant_id", None) or given.get("tenant_id")
    context = context_of(request, caller, named or caller.tenant_id, side)
    keyed = KeyedRequest(key=key, owner=caller.tenant_id, content=await _content(request))
    return await side.gateway.idempotency.answer_once(
        keyed, context, execute, refusals=(AccessRefused, HTTPException, *side.refusals)
    )


def _key_of(request: Request) -> IdempotencyKeyVO | None:
    sent = request.headers.getlist(HEADER)
    if len(sent) > 1:
        raise InvalidValue("the header is there more than once", param=HEADER)
    return IdempotencyKeyVO(sent[0]) if sent else None


async def _content(request: Request) -> bytes:
    """Return what makes the request what it is; how its JSON is spaced or ordered does not."""
    raw = await request.body()
    # Where no body is wanted none is read as JSON, and whatever is sent is compared as it is.
    is_json = isinstance(request, ExactJsonRequest) and raw
    body = await request.json() if is_json else raw.decode("latin-1")
    asked = [request.method, request.url.path, request.url.query, body]
    return json.dumps(asked, sort_keys=True, default=str).encode()


def _status(request: Request, response: Response) -> int:
    """Return what a command is answered with: what it said itself, or what it always is."""
    return response.status_code or request.scope["route"].status_code or 200


def _rendered(answer: BaseModel | None, request: Request, response: Response) -> CommandAnswer:
    status = _status(request, response)
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    if answer is None:
        return CommandAnswer(status=status, headers=headers, body="")
    return CommandAnswer(
        status=status,
        headers={**headers, "content-type": "application/json"},
        body=answer.model_dump_json(by_alias=True),
    )
