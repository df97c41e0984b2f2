"""Every refusal as problem details (RFC 9457)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from payment_gateway.domain import errors as domain
from payment_gateway.presentation.rest.access import AccessRefused
from payment_gateway.presentation.rest.refusals import (
    DOMAIN_STATUS,
    HTTP,
    INTERNAL,
    OTHER,
    Refusal,
)

RETRY_AFTER_DEFAULT_S: Final = 5
log = structlog.get_logger()


def install(app: FastAPI, others: Mapping[type[Exception], Refusal]) -> None:
    """Answer every exception as a problem; ``others`` are those of the read side."""
    table = {**OTHER, **others}

    async def refuse_domain(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, domain.DomainError), "registered for domain errors"
        extensions: dict[str, Any] = {}
        for attribute, key in (("payment_id", "paymentId"), ("refund_id", "refundId")):
            if isinstance(error, domain.PaymentFailedError | domain.RefundFailed):
                value = getattr(error, attribute, None)
                extensions |= {key: value} if value else {}
        return problem(
            request,
            status=DOMAIN_STATUS[type(error)],
            code=error.code,
            detail=str(error),
            retryable=error.retryable,
            param=error.param,
            retry_after_s=getattr(error, "retry_after_s", None),
            **extensions,
        )

    async def refuse_other(request: Request, error: Exception) -> JSONResponse:
        refusal = next(table[cls] for cls in type(error).__mro__ if cls in table)
        if refusal.status >= 500:
            log.warning("request.refused", code=refusal.code, error=type(error).__name__)
        return problem(
            request,
            status=refusal.status,
            code=refusal.code,
            detail=refusal.detail or str(error),
            retryable=refusal.retryable,
        )

    app.add_exception_handler(domain.DomainError, refuse_domain)
    for error_type in table:
        app.add_exception_handler(error_type, refuse_other)
    app.add_exception_handler(AccessRefused, refuse_access)
    app.add_exception_handler(RequestValidationError, _refuse_value)
    app.add_exception_handler(HTTPException, _refuse_http)
    app.add_exception_handler(Exception, _fail)


def problem(
    request: Request,
    *,
    status: int,
    code: str,
    detail: str,
    retryable: bool = False,
    param: str | None = None,
    retry_after_s: float | None = None,
    **extensions: Any,
) -> JSONResponse:
    """Return problem details; ``extensions`` are further members."""
    body = {
        "type": f"{request.scope.get('root_path', '')}/docs/errors#{code}",
        "title": code.replace("_", " "),
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "code": code,
        "retryable": retryable,
        "requestId": request.scope.get("request_id"),
        **({"param": param} if param else {}),
        **extensions,
    }
    headers = {"Cache-Control": "no-store"}
    if status in {429, 503} or retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(retry_after_s or RETRY_AFTER_DEFAULT_S))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(
        body, status_code=status, media_type="application/problem+json", headers=headers
    )


async def refuse_access(request: Request, error: Exception) -> JSONResponse:
    """Answer a caller who is not known, or may not do this."""
    assert isinstance(error, AccessRefused), "registered for refused access"
    return problem(
        request,
        status=error.status,
        code=error.code,
        detail=str(error),
        retryable=error.status in {429, 503},
        retry_after_s=error.retry_after_s,
    )


async def _refuse_value(request: Request, error: Exception) -> JSONResponse:
    """Name the first field at fault; the value itself is not repeated, it may be a secret."""
    assert isinstance(error, RequestValidationError), "registered for values"
    first = error.errors()[0]
    where = [str(part) for part in first["loc"][1:]]
    param = ".".join(where) or None
    code = "invalid_amount" if where and where[-1] in {"amount", "price"} else "invalid_value"
    detail = "unknown field" if first["type"] == "extra_forbidden" else first["msg"]
    return problem(request, status=422, code=code, detail=detail, param=param)


async def _refuse_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException), "registered for HTTP errors"
    code = HTTP.get(error.status_code, HTTP[400]).code
    answer = problem(request, status=error.status_code, code=code, detail=error.detail)
    answer.headers.update(error.headers or {})  # a 405 names the methods there are
    return answer


async def _fail(request: Request, error: Exception) -> JSONResponse:
    log.error("request.failed", path=request.url.path, error=type(error).__name__, exc_info=error)
    return problem(
        request,
        status=INTERNAL.status,
        code=INTERNAL.code,
        detail=INTERNAL.detail or "",
        retryable=INTERNAL.retryable,
    )
