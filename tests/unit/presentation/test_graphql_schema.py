"""The committed schema: what clients are generated from, with the mutations that were promised."""

from __future__ import annotations

from graphql import (
    GraphQLInputObjectType,
    GraphQLSchema,
    assert_valid_schema,
    build_schema,
    parse,
    validate,
)

from payment_gateway.presentation.graphql.schema import SCHEMA
from tests.reference_pages import FOLDER

# To the letter, the order of the arguments too.
PROMISED = """
  initiatePayment(tenantId: String!, providerType: String!, amount: Float!, currency: String!, orderId: String!,
    details: [PaymentDetailInput!], customParams: String, allowPendingPayments: Boolean, externalReferenceNumber: String): String!
  completePayment(tenantId: String!, providerType: String!, paymentId: String!): String!
  saveOrUpdateProviderKeys(tenantId: String!, providerType: String!, credentials: String!): Boolean!
"""
CLIENT = """
query Page($first: Int!, $after: String) {
  payments(first: $first, after: $after) {
    edges { cursor node { paymentId status amount currency } } pageInfo { hasNextPage endCursor } } }
subscription Follow($after: String) { paymentEvents(after: $after) { cursor event { type data } } }
mutation Pay($details: [PaymentDetailInput!]) {
  initiatePayment(tenantId: "demo", providerType: "PAYPAL", amount: 19.99, currency: "USD", orderId: "1",
    details: $details) }
"""


def committed() -> GraphQLSchema:
    return build_schema((FOLDER / "schema.graphql").read_text(encoding="utf-8"))


def test_a_client_can_be_made_from_the_file_alone() -> None:
    schema = committed()
    assert_valid_schema(schema)
    assert validate(schema, parse(CLIENT)) == []


def test_the_file_has_each_type_of_the_code() -> None:
    assert committed().type_map.keys() == SCHEMA._schema.type_map.keys()


def test_the_mutations_are_exactly_those_that_were_promised() -> None:
    promised = build_schema(
        f"type Query {{ a: Int }} type Mutation {{ {PROMISED} }}"
        "input PaymentDetailInput"
        " { quantity: Int!, description: String!, price: Float!, urlProduct: String }"
    )
    assert signatures(committed()) == signatures(promised)
    assert fields_of_a_line(committed()) == fields_of_a_line(promised)


def signatures(schema: GraphQLSchema) -> dict[str, tuple[list[tuple[str, str]], str]]:
    """Return each mutation's arguments, in order, and what it answers."""
    assert schema.mutation_type is not None
    return {
        name: ([(named, str(one.type)) for named, one in field.args.items()], str(field.type))
        for name, field in schema.mutation_type.fields.items()
    }


def fields_of_a_line(schema: GraphQLSchema) -> dict[str, str]:
    line = schema.type_map["PaymentDetailInput"]
    assert isinstance(line, GraphQLInputObjectType)
    return {name: str(one.type) for name, one in line.fields.items()}
