"""Pagadito: APIPG, the form interface of its own libraries."""
