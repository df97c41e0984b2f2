"""What a query is looked at for before it runs: what it may cost, and whether its numbers are kept.

Each field of an operation's root is one request to the REST interface.
"""

from __future__ import annotations

from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)
from strawberry.extensions import SchemaExtension

from payment_gateway.presentation.graphql.exact_numbers import inexact_literal
from payment_gateway.presentation.rest.refusals import QUERY_TOO_COSTLY

# A page of a dashboard needs a handful; a list costs as much as it may show.
ROOT_FIELDS_MAX: Final = 10
_DEPTH_MAX: Final = 20  # of fragments inside fragments


class QueryChecks(SchemaExtension):
    """Refuses a query with too many fields at its root, or with a number that would be changed."""

    def on_validate(self) -> Any:
        """Look once the query is parsed."""
        document = self.execution_context.graphql_document
        if document is not None:
            error = too_costly(document) or inexact_literal(document)
            if error is not None:
                self.execution_context.pre_execution_errors = [error]
        yield


def too_costly(document: DocumentNode) -> GraphQLError | None:
    """Return why a query is refused, ``None`` where it is not."""
    fragments = {
        one.name.value: one
        for one in document.definitions
        if isinstance(one, FragmentDefinitionNode)
    }
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            fields = _count(operation.selection_set, fragments, _DEPTH_MAX)
            if fields > ROOT_FIELDS_MAX:
                return GraphQLError(
                    f"an operation asks for at most {ROOT_FIELDS_MAX} things",
                    extensions={"code": QUERY_TOO_COSTLY.code, "retryable": False},
                )
    return None


def _count(
    selections: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode], depth: int
) -> int:
    if depth == 0:
        return ROOT_FIELDS_MAX + 1
    total = 0
    for one in selections.selections:
        match one:
            case FieldNode():
                total += 1
            case InlineFragmentNode():
                total += _count(one.selection_set, fragments, depth - 1)
            case FragmentSpreadNode() if one.name.value in fragments:
                inner = fragments[one.name.value].selection_set
                total += _count(inner, fragments, depth - 1)
    return total
