"""What is sealed opens for whom it was sealed, and for nobody else; it never opens to a wrong text."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.application.ports import SealBroken
from payment_gateway.infrastructure.security.aes_gcm import bind, encrypt
from payment_gateway.infrastructure.security.envelope import (
    EnvelopeCredentialCipher,
    EnvelopeRewrapper,
    EnvelopeSubjectCipher,
    MasterKey,
)
from payment_gateway.infrastructure.security.key_encryption import FileKey, KeyNotFound
from payment_gateway.infrastructure.security.key_file import KeyFile
from payment_gateway.infrastructure.security.key_ring import FileKeyRing

SECRET = b'{"clientSecret": "s3cret"}'
SECRET_1 = b"k" * 32
KEY_2 = b"2" * 32
RING = FileKeyRing(KeyFile(secret=SECRET_1, keys=(SECRET_1,)))


class Owner(TypedDict):
    tenant_id: str
    provider: str
    version: int


def owner(tenant_id: str = "acme", provider: str = "PAYPAL", version: int = 3) -> Owner:
    return {"tenant_id": tenant_id, "provider": provider, "version": version}


OWNER = owner()
PERSON = {"tenant_id": "acme", "subject_id": "s-1"}


def credentials(key: bytes = b"k" * 32) -> EnvelopeCredentialCipher:
    return EnvelopeCredentialCipher(MasterKey(key))


def subjects(key: bytes = b"k" * 32) -> EnvelopeSubjectCipher:
    return EnvelopeSubjectCipher(MasterKey(key))


def flipped(text: str) -> list[str]:
    """Return the sealed text with one bit changed, once for each of its bytes."""
    raw = base64.urlsafe_b64decode(text)
    return [
        base64.urlsafe_b64encode(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]).decode()
        for at in range(len(raw))
    ]


class TestCredentials:
    @given(st.binary(max_size=300), st.text(), st.text(), st.integers(min_value=1))
    def test_open_for_whom_they_were_sealed(
        self, secret: bytes, tenant: str, provider: str, version: int
    ) -> None:
        whose = owner(tenant, provider, version)
        envelope = credentials().seal(secret, **whose)
        assert credentials().open(envelope, **whose) == secret

    @pytest.mark.parametrize(
        "other",
        [
            owner(tenant_id="rival"),
            owner(provider="PAGADITO"),
            owner(version=2),
            owner(tenant_id="acmeP", provider="AYPAL"),
            owner(tenant_id="acme|PAYPAL", provider=""),
        ],
        ids=str,
    )
    def test_do_not_open_for_another(self, other: Owner) -> None:
        envelope = credentials().seal(SECRET, **OWNER)
        with pytest.raises(SealBroken):
            credentials().open(envelope, **other)

    def test_do_not_open_with_another_key(self) -> None:
        envelope = credentials().seal(SECRET, **OWNER)
        with pytest.raises(SealBroken):
            credentials(b"K" * 32).open(envelope, **OWNER)

    def test_do_not_open_with_one_bit_changed(self) -> None:
        version, key_id, wrapped, sealed = credentials().seal(SECRET, **OWNER).split(".")
        changed = [
            *(f"{version}.{key_id}.{one}.{sealed}" for one in flipped(wrapped)),
            *(f"{version}.{key_id}.{wrapped}.{one}" for one in flipped(sealed)),
        ]
        for envelope in changed:
            with pytest.raises(SealBroken):
                credentials().open(envelope, **OWNER)

    def test_do_not_open_with_parts_of_two(self) -> None:
        _, key_id, wrapped, _ = credentials().seal(SECRET, **OWNER).split(".")
        *_, sealed = credentials().seal(SECRET, **OWNER).split(".")
        with pytest.raises(SealBroken):
            credentials().open(f"v2.{key_id}.{wrapped}.{sealed}", **OWNER)

    def test_name_the_key_that_wrapped_them(self) -> None:
        envelope = credentials().seal(SECRET, **OWNER)
        assert EnvelopeRewrapper(RING).key_id(envelope) == RING.current().key_id
        stranger = credentials(b"K" * 32).seal(SECRET, **OWNER)
        with pytest.raises(KeyNotFound, match=r"wrapped by the key file-[0-9a-f]{16}, which"):
            credentials().open(stranger, **OWNER)

    def test_that_name_another_key_do_not_open(self) -> None:
        version, _, wrapped, sealed = credentials().seal(SECRET, **OWNER).split(".")
        both = MasterKey(SECRET_1, FileKeyRing(KeyFile(secret=SECRET_1, keys=(SECRET_1, KEY_2))))
        renamed = f"{version}.{FileKey(KEY_2).key_id}.{wrapped}.{sealed}"
        with pytest.raises(SealBroken):
            EnvelopeCredentialCipher(both).open(renamed, **OWNER)

    def test_written_before_envelopes_named_a_key_open_still(self) -> None:
        data_key = b"d" * 32
        bound_to = bind("credential", "acme", "PAYPAL", "3")
        parts = (FileKey(SECRET_1).wrap(data_key, bound_to), encrypt(data_key, SECRET, bound_to))
        texts = [base64.urlsafe_b64encode(part).decode() for part in parts]
        envelope = f"v1.{texts[0]}.{texts[1]}"
        assert credentials().open(envelope, **OWNER) == SECRET
        assert EnvelopeRewrapper(RING).key_id(envelope) is None
        with pytest.raises(SealBroken, match="any key"):
            credentials(b"K" * 32).open(envelope, **OWNER)

    @pytest.mark.parametrize(
        "envelope",
        [
            *("", ".", "..", "v1..", "v1.A.A", "v1.AAAA.AAAA", "v1.AAAA", "v1.\xe9.A", "AAAA"),
            *("v2.AAAA.AAAA", "v2..AAAA.AAAA", "v2.a b.AAAA.AAAA", "v2.k.A.A.A", "v3.k.AAAA.AAAA"),
        ],
    )
    def test_what_is_no_envelope_does_not_open(self, envelope: str) -> None:
        with pytest.raises(SealBroken):
            credentials().open(envelope, **OWNER)

    def test_are_never_sealed_the_same_way_twice(self) -> None:
        parts = [credentials().seal(SECRET, **OWNER).split(".") for _ in range(2)]
        assert parts[0][2] != parts[1][2]
        assert parts[0][3] != parts[1][3]

    def test_are_told_apart_by_a_print_that_depends_on_the_key(self) -> None:
        prints = {
            credentials().fingerprint(SECRET),
            credentials().fingerprint(SECRET + b" "),
            credentials(b"K" * 32).fingerprint(SECRET),
        }
        assert len(prints) == 3
        assert {len(one) for one in prints} == {16}
        assert credentials().fingerprint(SECRET) in prints


class TestPersonalData:
    def test_opens_for_the_person(self) -> None:
        wrapped = subjects().new_key(**PERSON)
        sealed = subjects().seal(SECRET, wrapped, **PERSON)
        assert subjects().open(sealed, wrapped, **PERSON) == SECRET

    @pytest.mark.parametrize("other", [{"tenant_id": "rival"}, {"subject_id": "s-2"}], ids=str)
    def test_does_not_open_for_another(self, other: dict[str, str]) -> None:
        wrapped = subjects().new_key(**PERSON)
        sealed = subjects().seal(SECRET, wrapped, **PERSON)
        someone = {**PERSON, **other}
        for attempt in _attempts(sealed, wrapped, someone):
            with pytest.raises(SealBroken):
                attempt()

    def test_does_not_open_with_one_bit_changed(self) -> None:
        wrapped = subjects().new_key(**PERSON)
        sealed = subjects().seal(SECRET, wrapped, **PERSON)
        for changed in flipped(sealed):
            with pytest.raises(SealBroken):
                subjects().open(changed, wrapped, **PERSON)
        head, _, key = wrapped.rpartition(".")
        for changed in flipped(key):
            with pytest.raises(SealBroken):
                subjects().open(sealed, f"{head}.{changed}", **PERSON)

    def test_a_credential_is_no_personal_data(self) -> None:
        _, key_id, wrapped, sealed = credentials().seal(SECRET, **OWNER).split(".")
        with pytest.raises(SealBroken):
            subjects().open(sealed, f"v2.{key_id}.{wrapped}", **PERSON)


def _attempts(sealed: str, wrapped: str, someone: dict[str, str]) -> list[Callable[[], object]]:
    own = subjects().new_key(**someone)
    return [
        lambda: subjects().open(sealed, wrapped, **someone),
        lambda: subjects().open(sealed, own, **someone),
        lambda: subjects().seal(SECRET, wrapped, **someone),
    ]


def test_each_use_of_the_master_key_has_a_key_of_its_own() -> None:
    master = MasterKey(b"k" * 32)
    assert master.sign(b"x").hex() != master.fingerprint(b"x")
    assert master.sign(b"x") == MasterKey(b"k" * 32).sign(b"x") != MasterKey(b"K" * 32).sign(b"x")


class TestRewrapping:
    """From the key that follows from the secret to a second one."""

    ring = FileKeyRing(KeyFile(secret=SECRET_1, keys=(KEY_2, SECRET_1)))
    both = MasterKey(SECRET_1, ring)
    only_new = MasterKey(SECRET_1, FileKeyRing(KeyFile(secret=SECRET_1, keys=(KEY_2,))))
    owner = ("credential", "acme", "PAYPAL", "3")

    def test_keeps_what_is_sealed_and_needs_the_old_key_no_more(self) -> None:
        old = credentials().seal(SECRET, **OWNER)
        new = EnvelopeRewrapper(self.ring).rewrap(old, self.owner)
        assert new.split(".")[3] == old.split(".")[3]
        assert EnvelopeCredentialCipher(self.only_new).open(new, **OWNER) == SECRET
        assert EnvelopeCredentialCipher(self.both).open(old, **OWNER) == SECRET
        with pytest.raises(KeyNotFound):
            EnvelopeCredentialCipher(self.only_new).open(old, **OWNER)

    def test_of_a_persons_key_leaves_what_it_sealed_readable(self) -> None:
        wrapped = subjects().new_key(**PERSON)
        sealed = subjects().seal(SECRET, wrapped, **PERSON)
        new = EnvelopeRewrapper(self.ring).rewrap(wrapped, ("subject", "acme", "s-1"))
        assert EnvelopeSubjectCipher(self.only_new).open(sealed, new, **PERSON) == SECRET

    def test_refuses_anothers(self) -> None:
        old = credentials().seal(SECRET, **OWNER)
        with pytest.raises(SealBroken):
            EnvelopeRewrapper(self.ring).rewrap(old, ("credential", "rival", "PAYPAL", "3"))
