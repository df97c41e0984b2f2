"""The simulators' HTML pages: templates that escape everything, one stylesheet, no script."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

_TEMPLATES = Path(__file__).parent / "templates"
# The page itself needs no other origin; its forms lead, by redirect, to whatever shop the payer came from.
_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"

_environment = Environment(
    loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined
)


def page(template: str, *, status: int = 200, **values: Any) -> Response:
    """Return the template filled with ``values``."""
    html = _environment.get_template(template).render(values)
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    return HTMLResponse(html, status_code=status, headers=headers)


async def _stylesheet(_: Request) -> Response:
    return Response((_TEMPLATES / "style.css").read_bytes(), media_type="text/css")


STYLESHEET = Route("/_static/style.css", _stylesheet, methods=["GET"])
