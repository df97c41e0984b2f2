"""Key rings: one key wraps, every known one unwraps, and a changed file is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from payment_gateway.infrastructure.security.envelope import (
    EnvelopeCredentialCipher,
    EnvelopeRewrapper,
    MasterKey,
)
from payment_gateway.infrastructure.security.key_encryption import FileKey, KeyNotFound
from payment_gateway.infrastructure.security.key_file import (
    KeyFile,
    KeyFileError,
    load_key_file,
    write_key_file,
)
from payment_gateway.infrastructure.security.key_ring import (
    FileKeyRing,
    TokenBeforeFile,
    WatchedKeyFile,
)

OLD, NEW, NEXT = (bytes([n]) * 32 for n in range(3))
OWNER = b"owner"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.key"
    write_key_file(path, KeyFile(secret=OLD, keys=(OLD,)))
    return path


def test_a_file_without_keys_is_no_ring() -> None:
    with pytest.raises(KeyFileError, match="holds no key"):
        FileKeyRing(KeyFile(secret=OLD, keys=()))


def test_the_next_key_unwraps_before_it_wraps() -> None:
    ring = FileKeyRing(KeyFile(secret=OLD, keys=(OLD,), upcoming=NEXT))
    assert ring.current().key_id == FileKey(OLD).key_id
    wrapped = FileKey(NEXT).wrap(b"d" * 32, OWNER)
    assert ring.find(FileKey(NEXT).key_id).unwrap(wrapped, OWNER) == b"d" * 32


def test_a_replaced_file_counts_from_its_replacement_on(path: Path) -> None:
    ring = WatchedKeyFile(path)
    with pytest.raises(KeyNotFound):
        ring.find(FileKey(NEW).key_id)
    write_key_file(path, KeyFile(secret=OLD, keys=(NEW, OLD)))
    assert ring.find(FileKey(NEW).key_id).key_id == ring.current().key_id
    write_key_file(path, KeyFile(secret=OLD, keys=(NEW,)))
    with pytest.raises(KeyNotFound):
        ring.find(FileKey(OLD).key_id)
    assert [key.key_id for key in ring.before_ids()] == [FileKey(NEW).key_id]


def test_a_file_that_turns_bad_or_vanishes_changes_nothing(path: Path) -> None:
    ring = WatchedKeyFile(path)
    path.chmod(0o644)
    path.write_text("nonsense")
    assert ring.current().key_id == FileKey(OLD).key_id
    path.unlink()
    assert ring.current().key_id == FileKey(OLD).key_id
    write_key_file(path, KeyFile(secret=OLD, keys=(NEW, OLD)))
    assert ring.current().key_id == FileKey(NEW).key_id


def test_a_token_wraps_and_the_file_still_unwraps() -> None:
    token = FileKeyRing(KeyFile(secret=NEW, keys=(NEW,)))
    file = FileKeyRing(KeyFile(secret=OLD, keys=(OLD,)))
    ring = TokenBeforeFile(token, file)
    assert ring.current().key_id == FileKey(NEW).key_id
    assert {ring.find(FileKey(key).key_id).key_id for key in (OLD, NEW)} == {
        FileKey(OLD).key_id,
        FileKey(NEW).key_id,
    }
    assert [key.key_id for key in ring.before_ids()] == [FileKey(OLD).key_id]
    with pytest.raises(KeyNotFound):
        ring.find("hsm-none")


def test_no_step_of_a_rotation_stops_what_runs(path: Path) -> None:
    """Two processes on two copies of the file, one of which gets each change later."""
    late_path = path.with_name("late.key")
    write_key_file(late_path, load_key_file(path))
    masters = [MasterKey(OLD, WatchedKeyFile(one)) for one in (path, late_path)]
    steps = (
        KeyFile(secret=OLD, keys=(OLD,), upcoming=NEW),
        KeyFile(secret=OLD, keys=(NEW, OLD)),
        KeyFile(secret=OLD, keys=(NEW,)),
    )
    envelopes: list[str] = []

    def everybody_works() -> None:
        for master in masters:
            cipher = EnvelopeCredentialCipher(master)
            envelopes.append(cipher.seal(b"x", tenant_id="t", provider="P", version=1))
        for master in masters:
            cipher = EnvelopeCredentialCipher(master)
            for envelope in envelopes:
                assert cipher.open(envelope, tenant_id="t", provider="P", version=1) == b"x"

    for step in steps:
        write_key_file(path, step)
        if step.keys == (NEW,):  # retired once all of it is rewrapped, on one machine first
            rewrapper = EnvelopeRewrapper(masters[1].ring)
            owner = ("credential", "t", "P", "1")
            envelopes[:] = [rewrapper.rewrap(envelope, owner) for envelope in envelopes]
        everybody_works()
        write_key_file(late_path, step)
        everybody_works()
