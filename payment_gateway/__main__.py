"""``payment-gateway`` and ``python -m payment_gateway``.

What a command needs is imported when it runs, so that the others start quickly.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from payment_gateway.presentation.cli.app import Processes, create_cli
from payment_gateway.settings import Settings


class BadSettings(Exception):
    """The environment has settings that are none; the message names each."""


class CannotRun(Exception):
    """A process cannot do its work; the message says what to do."""


def load_settings() -> Settings:
    """Return the settings of the environment.

    Raises:
        BadSettings: One of them is wrong; no value is repeated, it may be a secret.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(
            f"GATEWAY_{'_'.join(str(part) for part in one['loc']).upper()}: {one['msg']}"
            for one in error.errors(include_input=False, include_url=False)
        )
        raise BadSettings(f"wrong settings: {wrong}") from None


def serve(settings: Settings, host: str, port: int) -> None:
    """Run the API."""
    from payment_gateway import processes

    with _explained():
        processes.serve(settings, host, port)


def work(settings: Settings) -> None:
    """Run the reactors."""
    from payment_gateway import processes

    with _explained():
        processes.work(settings)


def project(settings: Settings, names: list[str]) -> None:
    """Run projection workers."""
    from payment_gateway import processes

    with _explained():
        processes.project(settings, names)


def doctor(as_json: bool) -> bool:
    """Check the settings and every dependency; return whether all is well."""
    from payment_gateway.doctor import check_installation

    with _explained():
        return check_installation(load_settings(), as_json=as_json)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what stops a process into one line for the person who started it."""
    from payment_gateway.application.ports import EventStoreUnavailable
    from payment_gateway.bootstrap import SettingMissing
    from payment_gateway.infrastructure.messaging.checkpoint import LeaseLost
    from payment_gateway.infrastructure.messaging.parking import TooManyParked
    from payment_gateway.infrastructure.persistence.eventstoredb import EventStoreRefused
    from payment_gateway.infrastructure.security.api_keys import ApiKeysFileError
    from payment_gateway.infrastructure.security.key_file import KeyFileError
    from projections.worker import UnknownReadModel

    try:
        yield
    except LeaseLost as error:
        raise CannotRun(f"another worker has taken {error} over; this one stops") from error
    except EventStoreUnavailable as error:
        raise CannotRun(
            f"the event store gives no answer ({error}); start it, or set GATEWAY_EVENTSTORE_URI"
        ) from error
    except (
        SettingMissing,
        KeyFileError,
        ApiKeysFileError,
        TooManyParked,
        EventStoreRefused,
        UnknownReadModel,
    ) as error:
        raise CannotRun(str(error)) from error


main = create_cli(
    Processes(
        serve=serve,
        work=work,
        project=project,
        doctor=doctor,
        load_settings=load_settings,
        refusals=(BadSettings, CannotRun),
    )
)

if __name__ == "__main__":
    main()
