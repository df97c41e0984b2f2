"""A simulator of Pagadito: APIPG, Connect REST v2 and the payer's page."""
