"""Keys in a PKCS#11 token: they wrap and unwrap there, and never leave it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pkcs11
import pytest
from pkcs11 import Attribute, exceptions

from payment_gateway.application.ports import KeySourceUnavailable, SealBroken
from payment_gateway.domain.value_objects.secret_text import SecretText
from payment_gateway.infrastructure.security.envelope import (
    EnvelopeCredentialCipher,
    EnvelopeRewrapper,
    EnvelopeSubjectCipher,
    MasterKey,
)
from payment_gateway.infrastructure.security.key_encryption import KeyNotFound
from payment_gateway.infrastructure.security.key_file import KeyFile
from payment_gateway.infrastructure.security.key_ring import FileKeyRing, TokenBeforeFile
from payment_gateway.infrastructure.security.pkcs11_token import Pkcs11Token, TokenKeyRing
from tests.softhsm_fixture import PIN, TOKEN, SoftToken, new_soft_token

SECRET = b'{"clientSecret": "planted"}'
OWNER = {"tenant_id": "acme", "provider": "PAYPAL", "version": 1}
BOUND = ("credential", "acme", "PAYPAL", "1")


@pytest.fixture(scope="module")
def soft(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftToken]:
    made = new_soft_token(tmp_path_factory.mktemp("softhsm"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", made.environment["SOFTHSM2_CONF"])
        yield made
    pkcs11.unload(made.module)


@pytest.fixture
def token(soft: SoftToken) -> Iterator[Pkcs11Token]:
    opened = Pkcs11Token(module=soft.module, token=TOKEN, pin=SecretText(PIN))
    yield opened
    opened.close()


@pytest.fixture
def label(token: Pkcs11Token) -> str:
    made = f"key-{secrets.token_hex(4)}"
    token.make_wrapping_key(made)
    return made


def ciphers(token: Pkcs11Token, label: str) -> EnvelopeCredentialCipher:
    return EnvelopeCredentialCipher(MasterKey(b"k" * 32, TokenKeyRing(token, label)))


def test_what_it_wrapped_opens_and_names_its_key(token: Pkcs11Token, label: str) -> None:
    envelope = ciphers(token, label).seal(SECRET, tenant_id="acme", provider="PAYPAL", version=1)
    assert envelope.startswith(f"v2.hsm-{label}.")
    opened = ciphers(token, label).open(envelope, tenant_id="acme", provider="PAYPAL", version=1)
    assert opened == SECRET


def test_the_key_never_leaves(soft: SoftToken, token: Pkcs11Token, label: str) -> None:
    assert token.has_key(label)
    session = pkcs11.lib(soft.module).get_token(token_label=TOKEN).open()
    try:
        key = session.get_key(label=label)
        assert (key[Attribute.SENSITIVE], key[Attribute.EXTRACTABLE]) == (True, False)
        with pytest.raises(exceptions.AttributeSensitive):
            key[Attribute.VALUE]
    finally:
        session.close()


@pytest.mark.parametrize("at", [0, 11, 12, 30, 59])
def test_a_changed_bit_or_another_owner_is_a_broken_seal(
    token: Pkcs11Token, label: str, at: int
) -> None:
    wrapped = token.encrypt(label, b"d" * 32, b"owner")
    assert token.decrypt(label, wrapped, b"owner") == b"d" * 32
    changed = wrapped[:at] + bytes([wrapped[at] ^ 1]) + wrapped[at + 1 :]
    for sealed, owner in ((changed, b"owner"), (wrapped, b"another"), (wrapped[:27], b"owner")):
        with pytest.raises(SealBroken):
            token.decrypt(label, sealed, owner)
    assert token.decrypt(label, wrapped, b"owner") == b"d" * 32  # refusals leave it usable


def test_another_key_of_the_token_does_not_open(token: Pkcs11Token, label: str) -> None:
    token.make_wrapping_key("other")
    with pytest.raises(SealBroken):
        token.decrypt("other", token.encrypt(label, b"d" * 32, b"owner"), b"owner")


def test_a_lost_key_is_named(token: Pkcs11Token, label: str) -> None:
    ring = TokenKeyRing(token, label)
    with pytest.raises(KeyNotFound, match="hsm-gone"):
        ring.find("hsm-gone")
    with pytest.raises(KeyNotFound):
        ring.find("file-0123")


def test_a_file_key_is_replaced_by_the_token(token: Pkcs11Token, label: str) -> None:
    file = FileKeyRing(KeyFile(secret=b"k" * 32, keys=(b"k" * 32,)))
    old = EnvelopeCredentialCipher(MasterKey(b"k" * 32)).seal(
        SECRET, tenant_id="acme", provider="PAYPAL", version=1
    )
    both = TokenBeforeFile(TokenKeyRing(token, label), file)
    new = EnvelopeRewrapper(both).rewrap(old, BOUND)
    assert EnvelopeRewrapper(both).key_id(new) == f"hsm-{label}"
    opened = ciphers(token, label).open(new, tenant_id="acme", provider="PAYPAL", version=1)
    assert opened == SECRET


def test_the_installation_secret_is_the_same_each_time(token: Pkcs11Token) -> None:
    token.make_installation_key("installation")
    token.make_installation_key("another")
    secret = token.installation_secret("installation")
    assert len(secret) == 32
    token.close()
    assert token.installation_secret("installation") == secret
    assert token.installation_secret("another") != secret
    with pytest.raises(KeyNotFound):
        token.installation_secret("none")


def test_threads_share_it(token: Pkcs11Token, label: str) -> None:
    subjects = EnvelopeSubjectCipher(MasterKey(b"k" * 32, TokenKeyRing(token, label)))

    def use(number: int) -> bool:
        person = f"s-{number}"
        wrapped = subjects.new_key(tenant_id="acme", subject_id=person)
        sealed = subjects.seal(SECRET, wrapped, tenant_id="acme", subject_id=person)
        return subjects.open(sealed, wrapped, tenant_id="acme", subject_id=person) == SECRET

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(use, range(100)))


def test_a_lost_session_is_opened_again(token: Pkcs11Token, label: str, soft: SoftToken) -> None:
    wrapped = token.encrypt(label, b"d" * 32, b"owner")
    pkcs11.lib(soft.module).reinitialize()  # every session and handle is gone
    assert token.decrypt(label, wrapped, b"owner") == b"d" * 32


def test_a_child_process_opens_its_own(token: Pkcs11Token, label: str) -> None:
    wrapped = token.encrypt(label, b"d" * 32, b"owner")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if token.decrypt(label, wrapped, b"owner") == b"d" * 32 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert token.decrypt(label, wrapped, b"owner") == b"d" * 32


@pytest.mark.parametrize(
    ("module", "name", "pin"),
    [("/none.so", TOKEN, PIN), (None, "no-such-token", PIN)],
    ids=["no library", "no token"],
)
def test_a_token_that_is_not_there_is_a_clear_error(
    soft: SoftToken, module: str | None, name: str, pin: str
) -> None:
    absent = Pkcs11Token(module=module or soft.module, token=name, pin=SecretText(pin))
    with pytest.raises(KeySourceUnavailable, match=f"the PKCS#11 token {name} gives no answer"):
        absent.has_key("any")


def test_a_wrong_pin_is_refused_and_not_told(soft: SoftToken) -> None:
    pkcs11.lib(soft.module).reinitialize()  # so that no earlier login counts
    refused = Pkcs11Token(module=soft.module, token=TOKEN, pin=SecretText("wrong-pin"))
    with pytest.raises(KeySourceUnavailable, match="PinIncorrect") as told:
        refused.has_key("any")
    assert "wrong-pin" not in str(told.value)
