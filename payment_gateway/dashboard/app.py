"""The dashboard as routes of the API's application."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from payment_gateway.dashboard import (
    actions,
    api_keys,
    audit,
    dead_letters,
    deliveries,
    live,
    login,
    login_oidc,
    overview,
    pages,
    projections,
    tenants,
)
from payment_gateway.dashboard.rendering import STATIC, page
from payment_gateway.dashboard.visitor import (
    LOGIN,
    ROOT,
    ForeignForm,
    NotLoggedIn,
    Visitor,
    doors_of,
    visitor_of,
)
from payment_gateway.presentation.in_process import ApiRefused


def add_dashboard(app: FastAPI) -> None:
    """Add the pages; what they are given is put into ``app.state.dashboard`` as the app opens."""
    for module in (
        login,
        login_oidc,
        overview,
        pages,
        actions,
        projections,
        dead_letters,
        deliveries,
        audit,
        api_keys,
        tenants,
        live,
    ):
        app.include_router(module.router)
    app.mount(f"{ROOT}/static", StaticFiles(directory=STATIC), name="dashboard-static")
    app.add_exception_handler(NotLoggedIn, _to_login)
    app.add_exception_handler(ForeignForm, _foreign)
    app.add_exception_handler(ApiRefused, _refused)


async def _to_login(request: Request, _: Exception) -> Response:
    if request.headers.get("HX-Request"):
        return Response(status_code=401, headers={"HX-Redirect": LOGIN})
    return RedirectResponse(LOGIN, status_code=303)


async def _foreign(request: Request, _: Exception) -> Response:
    visitor = await _visitor(request)
    text = "This form is from an earlier session. Go back, load the page again, and send it anew."
    return page("refused.html", visitor, title="Not done", text=text, code=403)


async def _refused(request: Request, error: Exception) -> Response:
    """Show why a page has nothing to show."""
    assert isinstance(error, ApiRefused), "registered for refusals"
    visitor = await _visitor(request)
    titles = {404: "Not found", 403: "Not allowed"}
    return page(
        "refused.html",
        visitor,
        title=titles.get(error.status, "Not available"),
        text=error.told,
        code=error.status,
    )


async def _visitor(request: Request) -> Visitor | None:
    """Return who looks, for the frame of a page that says what went wrong; ``None`` if that is unknown."""
    try:
        return await visitor_of(request, doors_of(request))
    except (NotLoggedIn, ApiRefused):
        return None
