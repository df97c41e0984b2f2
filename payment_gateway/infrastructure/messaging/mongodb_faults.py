"""Whose fault it is when a transaction does not go through."""

from __future__ import annotations

from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    InvalidOperation,
    PyMongoError,
    WriteError,
)

# MongoDB specification "Transactions", section "Error Labels": it did not commit, and may if repeated.
_NOT_COMMITTED = "TransientTransactionError"


def is_conflict(error: PyMongoError) -> bool:
    """Tell whether someone else wrote the same documents first; at once again is worth a try."""
    return error.has_error_label(_NOT_COMMITTED) and not isinstance(error, ConnectionFailure)


def is_trouble_of_the_server(error: Exception) -> bool:
    """Tell whether the same transaction may go through later, without anything being repaired here.

    What the driver reports is: out of reach, out of space, access taken away. But a write that is
    itself refused, such as a document that is too large, will be refused for ever.
    """
    if not isinstance(error, PyMongoError):
        return False
    refused = isinstance(error, BulkWriteError | WriteError | InvalidOperation)
    return error.has_error_label(_NOT_COMMITTED) or not refused
