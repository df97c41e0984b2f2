"""What stops a command of the command line, as one line for the person who gave it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class CannotRun(Exception):
    """A process cannot do its work; the message says what to do, and the code that REST has for it.

    Args:
        why: For whoever started it.
        cause: What REST would refuse, if it has a code for that.
    """

    def __init__(self, why: str, cause: Exception) -> None:
        code = code_of(cause)
        super().__init__(f"{why} [{code}]" if code else why)


def code_of(error: Exception) -> str | None:
    """Return the code with which REST refuses the same, ``None`` where it never does."""
    from payment_gateway.asgi import REFUSALS
    from payment_gateway.domain.errors import DomainError
    from payment_gateway.presentation.rest.refusals import OTHER

    if isinstance(error, DomainError):
        return error.code
    refusals = {**OTHER, **REFUSALS}
    return next((refusals[kind].code for kind in type(error).__mro__ if kind in refusals), None)


@contextmanager
def explained() -> Iterator[None]:
    """Turn what stops a process into one line for the person who started it."""
    from pymongo.errors import PyMongoError

    from payment_gateway.application.ports import (
        EventStoreUnavailable,
        KeySourceUnavailable,
        QueueUnavailable,
        SealBroken,
        StreamMoved,
    )
    from payment_gateway.application.services.webhook_service import WebhookNotParked
    from payment_gateway.domain.errors import DomainError
    from payment_gateway.event_operations import NoSuchStream
    from payment_gateway.infrastructure.messaging.dead_letters import NoSuchLetter, NotReplayed
    from payment_gateway.infrastructure.messaging.log_reading import LogNotRead
    from payment_gateway.infrastructure.persistence.event_codec import UndecodableEvent
    from payment_gateway.infrastructure.persistence.eventstoredb import EventStoreRefused
    from payment_gateway.infrastructure.security.api_keys import ApiKeysFileError
    from payment_gateway.infrastructure.security.key_file import KeyFileError
    from payment_gateway.infrastructure.security.key_source import KeySourceMissing
    from payment_gateway.infrastructure.webhooks.providers import CertificateFileError
    from payment_gateway.key_operations import KeysRefused
    from projections.registry import StepRefused
    from projections.worker import UnknownReadModel

    try:
        yield
    except EventStoreUnavailable as error:
        raise CannotRun(
            f"the event store gives no answer ({error}); start it, or set GATEWAY_EVENTSTORE_URI",
            error,
        ) from error
    except (PyMongoError, QueueUnavailable) as error:
        raise CannotRun(
            f"MongoDB gives no answer ({type(error).__name__}); start it, or set GATEWAY_MONGODB_URI",
            error,
        ) from error
    except StreamMoved as error:
        raise CannotRun("others change the same thing all the time; try again", error) from error
    except SealBroken as error:
        raise CannotRun(f"a stored secret cannot be opened: {error}", error) from error
    except (
        DomainError,
        KeySourceMissing,
        KeySourceUnavailable,
        KeysRefused,
        KeyFileError,
        CertificateFileError,
        ApiKeysFileError,
        EventStoreRefused,
        NoSuchStream,
        UndecodableEvent,
        UnknownReadModel,
        NoSuchLetter,
        NotReplayed,
        WebhookNotParked,
        LogNotRead,
        StepRefused,
    ) as error:
        raise CannotRun(str(error), error) from error
