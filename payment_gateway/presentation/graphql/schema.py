"""The schema, its limits, and how what goes wrong is told."""

from __future__ import annotations

from typing import Any, Final

import strawberry
import structlog
from graphql import GraphQLError
from graphql.execution import ExecutionResult as GraphQLResult
from strawberry.extensions import (
    MaxAliasesLimiter,
    MaxTokensLimiter,
    QueryDepthLimiter,
    SchemaExtension,
)
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext
from strawberry.types import ExecutionResult as Result

from payment_gateway.presentation.graphql.mutations import Mutation
from payment_gateway.presentation.graphql.queries import Query
from payment_gateway.presentation.graphql.query_checks import QueryChecks
from payment_gateway.presentation.graphql.subscriptions import Subscription
from payment_gateway.presentation.rest.refusals import INTERNAL, INVALID_QUERY

DEPTH_MAX: Final = 12  # what tools ask of the schema itself has a limit of its own, in graphql-core
ALIASES_MAX: Final = 15
TOKENS_MAX: Final = 2_000

_log = structlog.get_logger(__name__)


class Codes(SchemaExtension):
    """Gives every error a code, and tells nothing of one that should not have happened."""

    def on_operation(self) -> Any:
        """Look at the result once it is there."""
        yield
        result = self.execution_context.result
        if isinstance(result, GraphQLResult | Result) and result.errors:
            result.errors = [_told(error) for error in result.errors]


def _told(error: GraphQLError) -> GraphQLError:
    if (error.extensions or {}).get("code"):
        return error
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        # The query itself is at fault: its syntax, its names, its types, its limits.
        error.extensions = {"code": INVALID_QUERY.code, "retryable": INVALID_QUERY.retryable}
        return error
    _log.error("graphql.failed", path=error.path, error=type(cause).__name__, exc_info=cause)
    return GraphQLError(
        INTERNAL.detail or "",
        nodes=error.nodes,
        path=error.path,
        extensions={"code": INTERNAL.code, "retryable": INTERNAL.retryable},
    )


class DiscreetSchema(strawberry.Schema):
    """A schema whose errors are logged without their text, which repeats the query with all that is in it."""

    def process_errors(
        self,
        errors: list[GraphQLError],
        execution_context: ExecutionContext | None = None,  # noqa: ARG002 - holds the query as well
    ) -> None:
        """Log that there were errors, and of which kind."""
        for error in errors:
            _log.info("graphql.refused", error=type(error.original_error or error).__name__)


SCHEMA: Final = DiscreetSchema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    config=StrawberryConfig(disable_field_suggestions=True),
    extensions=[
        Codes,
        QueryChecks,
        lambda: QueryDepthLimiter(max_depth=DEPTH_MAX),
        lambda: MaxAliasesLimiter(max_alias_count=ALIASES_MAX),
        lambda: MaxTokensLimiter(max_token_count=TOKENS_MAX),
    ],
)
