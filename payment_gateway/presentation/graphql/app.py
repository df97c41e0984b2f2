"""``/graphql`` as a route of the API's application: over HTTP, and over WebSocket for the subscription.

Annotations are evaluated here, not postponed: FastAPI reads those of the context.
"""

from collections.abc import Callable
from typing import Final

from fastapi.requests import HTTPConnection
from strawberry.exceptions import ConnectionRejectionError
from strawberry.fastapi import GraphQLRouter
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.unset import UNSET, UnsetType

from payment_gateway.presentation.graphql.context import Context, CursorOf, FollowEvents
from payment_gateway.presentation.graphql.exact_numbers import with_floats
from payment_gateway.presentation.graphql.schema import SCHEMA
from payment_gateway.presentation.in_process import Api
from payment_gateway.presentation.rest.access import AccessRefused, Caller
from payment_gateway.presentation.rest.json_body import read_json

PATH: Final = "/graphql"
SUBSCRIPTIONS_MAX: Final = 10  # over one connection
PASSED_ON: Final = ("x-request-id", "traceparent", "consistency-token", "prefer", "if-match")
BEARER: Final = "bearer "


class ExactRouter(GraphQLRouter[Context, None]):
    """Reads numbers of a body exactly, and lets nobody connect without a key."""

    def decode_json(self, data: str | bytes) -> object:
        """Return a body.

        Raises:
            NotJson: None, or with a number that a float would change.
        """
        return with_floats(read_json(data if isinstance(data, bytes) else data.encode()))

    async def on_ws_connect(self, context: Context) -> UnsetType:
        """Let a connection in that names an accepted key in its first message or its header.

        Raises:
            ConnectionRejectionError: It names none.
        """
        params = context.connection_params or {}
        given = params.get("Authorization") or params.get("authorization") or ""
        key = _key(str(given)) or context.api.key
        try:
            context.caller = await context.authenticate(key, context.api.client[0])
        except AccessRefused as refusal:
            raise ConnectionRejectionError({"code": refusal.code}) from None
        context.api = Api(app=context.api.app, key=key, client=context.api.client)
        assert isinstance(UNSET, UnsetType), "strawberry's own word for nothing to add"
        return UNSET


def create_graphql_router(
    cursor_of: CursorOf, follow_events: Callable[[HTTPConnection], FollowEvents]
) -> GraphQLRouter[Context, None]:
    """Return the route.

    Args:
        cursor_of: From a tenant, a time of creation and a payment to the place after it in a list.
        follow_events: From a connection to where the events of its subscriptions come from.
    """

    async def context_of(connection: HTTPConnection) -> Context:
        headers = connection.headers
        key = _key(headers.get("authorization", ""))
        caller = connection.scope.get("caller")
        if connection.scope["type"] == "http" and not isinstance(caller, Caller):
            refusal = connection.scope.get("access_refusal")
            raise refusal if isinstance(refusal, AccessRefused) else AccessRefused()
        client = connection.client
        return Context(
            caller=caller if isinstance(caller, Caller) else None,
            api=Api(
                app=connection.app,
                key=key,
                client=(client.host, client.port) if client else ("unknown", 0),
                headers={name: headers[name] for name in PASSED_ON if name in headers},
            ),
            idempotency_key=headers.get("idempotency-key"),
            cursor_of=cursor_of,
            authenticate=connection.app.state.application.authenticate,
            follow_events=follow_events(connection),
        )

    return ExactRouter(
        SCHEMA,
        path=PATH,
        graphql_ide=None,  # it would load its scripts from another host
        allow_queries_via_get=False,
        context_getter=context_of,
        subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
        max_subscriptions_per_connection=SUBSCRIPTIONS_MAX,
        include_in_schema=False,
    )


def _key(authorization: str) -> str:
    named = authorization[: len(BEARER)].lower() == BEARER
    return authorization[len(BEARER) :].strip() if named else ""
