"""What the log says of a GraphQL query that is refused: never what was in it."""

import logging

import pytest
from structlog.testing import capture_logs

from payment_gateway.presentation.graphql.schema import SCHEMA

SECRET = "planted-in-a-query"


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        (f'{{ nothing(like: "{SECRET}") }}', "GraphQLError"),
        (f'{{ payment(paymentId: "{SECRET}" ', "GraphQLSyntaxError"),
        (
            f"query($id: String!) {{ payment(paymentId: $other) {{ status }} }} # {SECRET}",
            "GraphQLError",
        ),
    ],
)
async def test_a_query_at_fault_is_logged_by_its_kind(
    query: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs() as lines, caplog.at_level(logging.DEBUG):
        result = await SCHEMA.execute(query)

    assert result.errors
    assert {(line["event"], line["error"]) for line in lines} == {("graphql.refused", kind)}
    assert SECRET not in repr(lines) + caplog.text
