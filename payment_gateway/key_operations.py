"""What the command line does with keys, on the installation that the settings name."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from payment_gateway.application.ports import CommandContext
from payment_gateway.application.services.key_service import (
    KeyService,
    Rewrapped,
    WrappedCount,
)
from payment_gateway.bootstrap import utc_now
from payment_gateway.command_line_context import command_context
from payment_gateway.infrastructure.logs import configure_logs
from payment_gateway.infrastructure.persistence.eventstoredb import open_eventstoredb
from payment_gateway.infrastructure.persistence.log_history import LogHistory
from payment_gateway.infrastructure.security.aes_gcm import KEY_BYTES
from payment_gateway.infrastructure.security.envelope import EnvelopeRewrapper
from payment_gateway.infrastructure.security.key_encryption import FileKey, KeyNotFound, KeyRing
from payment_gateway.infrastructure.security.key_file import (
    KeyFile,
    KeyFileError,
    load_key_file,
    read_or_create_key_file,
    write_key_file,
)
from payment_gateway.infrastructure.security.key_source import (
    KeySourceMissing,
    open_key_source,
    open_token,
)
from payment_gateway.presentation.cli.keys import KeyOperations, KeyRole, KeyRow, Rotation
from payment_gateway.settings import Settings

Result = TypeVar("Result")


class KeysRefused(Exception):
    """The keys are not in a state that allows this; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    key_id: str
    role: KeyRole


def create(settings: Settings) -> list[str]:
    """Make the keys that are missing, or the next key of a key file; return what was made.

    Raises:
        KeysRefused: There is nothing to make.
        KeySourceMissing: The settings name no keys.
        KeyFileError: The key file cannot be used or written.
        KeySourceUnavailable: The token gives no answer.
    """
    if settings.pkcs11_module is not None:
        return _create_in_token(settings)
    path = _key_file(settings)
    if not path.exists():
        try:
            secret = read_or_create_key_file(path)
        except OSError as error:
            raise KeyFileError(
                f"the key file {path} cannot be made: {type(error).__name__}"
            ) from error
        return [FileKey(secret).key_id]
    contents = load_key_file(path)
    if contents.upcoming is not None:
        raise KeysRefused(
            f"{FileKey(contents.upcoming).key_id} is the next key already;"
            " payment-gateway keys rotate puts it to use"
        )
    upcoming = secrets.token_bytes(KEY_BYTES)
    write_key_file(path, replace(contents, upcoming=upcoming))
    return [FileKey(upcoming).key_id]


def rotate(settings: Settings) -> Rotation:
    """Put the next key of the key file to use, if it has one, and rewrap all data keys.

    Raises:
        KeySourceMissing: The settings name no keys.
        KeyFileError: The key file cannot be used or written.
        KeySourceUnavailable: The token gives no answer; run it again.
        EventStoreUnavailable: No answer; run it again.
        StreamMoved: Others kept changing one stream; run it again.
    """
    if settings.pkcs11_module is None:
        path = _key_file(settings)
        contents = load_key_file(path)
        if contents.upcoming is not None:
            keys = (contents.upcoming, *contents.keys)
            write_key_file(path, KeyFile(secret=contents.secret, keys=keys))

    async def run(keys: KeyService, _: KeyRing) -> Rotation:
        done: Rewrapped = await keys.rewrap()
        return Rotation(
            key_id=keys.current_key_id,
            rewrapped=done.done,
            unreadable=done.unreadable,
            unreadable_streams=done.unreadable_streams,
        )

    return _with_keys(settings, run)


def status(settings: Settings) -> list[KeyRow]:
    """Return each key with what it wraps.

    Raises:
        KeySourceMissing: The settings name no keys.
        KeyFileError: The key file cannot be used.
        KeySourceUnavailable: The token gives no answer.
        EventStoreUnavailable: No answer.
    """

    async def run(keys: KeyService, ring: KeyRing) -> list[KeyRow]:
        counts = {count.key_id: count for count in await keys.counts()}
        named = _named(settings, keys.current_key_id)
        known = {one.key_id for one in named}
        rows = [_row(one.key_id, one.role, counts.get(one.key_id)) for one in named]
        for key_id, count in counts.items():
            if key_id not in known:
                rows.append(_row(key_id, _role(ring, key_id), count))
        return rows

    return _with_keys(settings, run)


def retire(settings: Settings, key_id: str) -> None:
    """Take a key out of the key file that wraps nothing any more.

    Raises:
        KeysRefused: It wraps something, wraps what is new, or is not in the file.
        KeySourceMissing: The settings name no key file.
        KeyFileError: The key file cannot be used or written.
        EventStoreUnavailable: No answer.
    """
    path = _key_file(settings)
    contents = load_key_file(path)
    left = tuple(key for key in contents.keys if FileKey(key).key_id != key_id)
    if left == contents.keys:
        raise KeysRefused(f"the key file {path} has no key {key_id} that is in use")

    async def run(keys: KeyService, _: KeyRing) -> list[WrappedCount]:
        if keys.current_key_id == key_id:
            raise KeysRefused(f"{key_id} wraps what is new; make another and rotate first")
        return await keys.counts()

    for count in _with_keys(settings, run):
        # What names no key may have been wrapped by this one.
        if count.key_id in {key_id, None} and count.total > 0:
            raise KeysRefused(
                f"{count.total} data keys are wrapped by"
                f" {count.key_id or 'a key they do not name'}; run: payment-gateway keys rotate"
            )
    write_key_file(path, replace(contents, keys=left))


OPERATIONS: Final = KeyOperations(create=create, rotate=rotate, status=status, retire=retire)


def _create_in_token(settings: Settings) -> list[str]:
    token = open_token(settings)
    made = []
    try:
        if not token.has_key(settings.pkcs11_key_label):
            token.make_wrapping_key(settings.pkcs11_key_label)
            made.append(settings.pkcs11_key_label)
        needs_secret = settings.encryption_key_file is None
        if needs_secret and not token.has_key(settings.pkcs11_installation_label):
            token.make_installation_key(settings.pkcs11_installation_label)
            made.append(settings.pkcs11_installation_label)
    finally:
        token.close()
    if not made:
        raise KeysRefused(
            "the token has its keys; for another one set GATEWAY_PKCS11_KEY_LABEL to a new label"
        )
    return made


def _with_keys(
    settings: Settings, use: Callable[[KeyService, KeyRing], Awaitable[Result]]
) -> Result:
    configure_logs(log_format=settings.log_format, level=settings.log_level, process="keys")

    def context_for(tenant_id: str) -> CommandContext:
        return command_context(tenant_id, utc_now())

    async def run() -> Result:
        with open_key_source(settings) as source:
            async with open_eventstoredb(settings) as store:
                keys = KeyService(
                    store=store,
                    history=LogHistory(store),
                    rewrapper=EnvelopeRewrapper(source.ring),
                    context_for=context_for,
                )
                return await use(keys, source.ring)

    return asyncio.run(run())


def _named(settings: Settings, current: str) -> list[_Named]:
    """Return the keys that are known without looking at what was wrapped, the current one first."""
    named = [_Named(key_id=current, role="current")]
    if settings.encryption_key_file is not None:
        contents = load_key_file(settings.encryption_key_file)
        older = (FileKey(key).key_id for key in contents.keys)
        named += [_Named(key_id=one, role="accepted") for one in older if one != current]
        if contents.upcoming is not None:
            named.append(_Named(key_id=FileKey(contents.upcoming).key_id, role="next"))
    return named


def _role(ring: KeyRing, key_id: str | None) -> KeyRole:
    if key_id is None:
        return "unnamed"
    try:
        ring.find(key_id)
    except KeyNotFound:
        return "missing"
    return "accepted"


def _row(key_id: str | None, role: KeyRole, count: WrappedCount | None) -> KeyRow:
    return KeyRow(
        key_id=key_id,
        role=role,
        credentials=count.credentials if count else 0,
        subjects=count.subjects if count else 0,
        webhook_secrets=count.webhook_secrets if count else 0,
    )


def _key_file(settings: Settings) -> Path:
    if settings.encryption_key_file is None:
        raise KeySourceMissing("set GATEWAY_ENCRYPTION_KEY_FILE to the path of the key file")
    return settings.encryption_key_file
