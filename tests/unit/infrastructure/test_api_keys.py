"""API keys: shown once, kept as a keyed hash, looked up in time that tells nothing."""

from __future__ import annotations

import re
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from payment_gateway.application.services.api_key_directory import ApiKeyDirectory
from payment_gateway.domain.aggregates.api_key import ApiKey
from payment_gateway.infrastructure.security.api_keys import (
    KEY_LENGTH_MAX,
    PREFIX_SHOWN,
    ApiKeysFileError,
    FixedApiKey,
    HashedSecrets,
    derive_api_key,
    generate_api_key,
    hash_api_key,
    read_api_keys_file,
    read_fixed_api_keys,
    write_api_keys_file,
)

MASTER = b"m" * 32


def kept(key: str, *, master: bytes = MASTER, key_id: str = "shop") -> FixedApiKey:
    return FixedApiKey(
        key_id=key_id,
        tenant_id="acme",
        roles=frozenset({"order-service"}),
        key_hash=hash_api_key(master, key),
        prefix=key[:PREFIX_SHOWN],
    )


def find(folder: Path, text: str, accepted: FixedApiKey) -> ApiKey | None:
    """Look a key up as a request does, where the file has one key."""
    write_api_keys_file(folder / "keys.json", [accepted])
    directory = ApiKeyDirectory(read_fixed_api_keys(folder / "keys.json"))
    digest = HashedSecrets(MASTER, live=False).digest(text)
    return (digest and directory.find(digest, datetime.now(UTC))) or None


class TestKeys:
    def test_are_random_and_say_what_they_are_for(self) -> None:
        test, live = generate_api_key(), generate_api_key(live=True)
        assert re.fullmatch(r"gw_test_[0-9a-f]{64}", test)
        assert re.fullmatch(r"gw_live_[0-9a-f]{64}", live)
        assert len({generate_api_key() for _ in range(100)}) == 100

    def test_can_be_derived_from_a_name(self) -> None:
        key = derive_api_key(MASTER, "demo")
        assert key == derive_api_key(MASTER, "demo")
        others = {
            derive_api_key(MASTER, "admin"),
            derive_api_key(b"M" * 32, "demo"),
            derive_api_key(MASTER, "demo", live=True),
        }
        assert len(others | {key}) == 4


class TestLookUp:
    def test_finds_a_key_that_was_given_out(self, tmp_path: Path) -> None:
        key = generate_api_key()
        found = find(tmp_path, key, kept(key))
        assert found is not None
        assert (found.api_key_id, found.tenant_id, found.roles) == (
            "shop",
            "acme",
            ("order-service",),
        )

    def test_finds_nothing_else(self, tmp_path: Path) -> None:
        key = generate_api_key()
        other = generate_api_key()
        for wrong in ("", key[:-1], f"{key} ", key.upper(), other, kept(key).key_hash, "\xe9"):
            assert find(tmp_path, wrong, kept(key)) is None
        assert HashedSecrets(MASTER, live=False).digest("k" * (KEY_LENGTH_MAX + 1)) is None

    def test_a_hash_of_another_installation_is_no_key_of_this_one(self, tmp_path: Path) -> None:
        key = generate_api_key()
        assert find(tmp_path, key, kept(key, master=b"M" * 32)) is None

    def test_a_new_secret_is_known_by_its_digest_and_shows_where_money_is_real(self) -> None:
        for live, prefix in ((True, "gw_live_"), (False, "gw_test_")):
            secrets = HashedSecrets(MASTER, live=live)
            made = secrets.new()
            assert made.text.startswith(made.prefix)
            assert made.prefix.startswith(prefix)
            assert secrets.digest(made.text) == made.key_hash == hash_api_key(MASTER, made.text)
            assert made.text not in repr(made)

    def test_what_is_kept_does_not_hold_the_key(self) -> None:
        key = generate_api_key()
        secret = key.removeprefix(kept(key).prefix)
        assert len(secret) >= 58
        assert secret not in repr(kept(key))


class TestFile:
    def test_keeps_the_keys_for_their_owner_only(self, tmp_path: Path) -> None:
        path = tmp_path / "api-keys.json"
        keys = (kept("a", key_id="a"), kept("b", key_id="b"))
        write_api_keys_file(path, keys)
        assert read_api_keys_file(path) == keys
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert list(tmp_path.iterdir()) == [path]

    def test_is_replaced_whole(self, tmp_path: Path) -> None:
        path = tmp_path / "api-keys.json"
        write_api_keys_file(path, [kept("a")])
        path.chmod(0o644)
        write_api_keys_file(path, [])
        assert read_api_keys_file(path) == ()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    @pytest.mark.parametrize("content", [b"", b"{}", b'[{"keyId": 1}]', b"\xff"])
    def test_that_is_none_is_refused(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "api-keys.json"
        path.write_bytes(content)
        with pytest.raises(ApiKeysFileError, match="not a file of API keys"):
            read_api_keys_file(path)

    def test_that_is_missing_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ApiKeysFileError, match="cannot be read"):
            read_api_keys_file(tmp_path / "none.json")
