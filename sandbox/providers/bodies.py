"""Reading request bodies of bounded size, and writing JSON."""

from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

BODY_BYTES_MAX = 1024 * 1024
FORM_FIELDS_MAX = 100

T = TypeVar("T")

_encoder = msgspec.json.Encoder(decimal_format="string")


def json_text(content: Any) -> str:
    """Return ``content`` as JSON; decimals become strings with all their digits."""
    return _encoder.encode(content).decode()


def json_response(content: Any, status: int = 200) -> Response:
    """Answer with ``content`` as :func:`json_text` writes it."""
    return Response(_encoder.encode(content), status_code=status, media_type="application/json")


async def read_body(request: Request) -> bytes:
    """Return the body.

    Raises:
        HTTPException: 413, it is larger than ``BODY_BYTES_MAX``.
    """
    chunks = bytearray()
    async for chunk in request.stream():
        chunks += chunk
        if len(chunks) > BODY_BYTES_MAX:
            raise HTTPException(413)
    return bytes(chunks)


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of an ``application/x-www-form-urlencoded`` body; the last of a name counts.

    Raises:
        HTTPException: 400, not a form; 413, too large.
    """
    body = await read_body(request)
    try:
        text = body.decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX))
    except ValueError as error:
        raise HTTPException(400, "not a form") from error


async def read_json(request: Request, expected: type[T]) -> T:
    """Return a control request's body as ``expected``.

    Raises:
        HTTPException: 422 with the reason, the body is not that; 413, too large.
    """
    try:
        return msgspec.json.decode(await read_body(request), type=expected)
    except msgspec.DecodeError as error:
        raise HTTPException(422, str(error)) from error
