"""API keys: shown once, kept as a keyed hash, looked up in time that tells nothing."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from payment_gateway.infrastructure.security.api_keys import (
    KEY_LENGTH_MAX,
    PREFIX_SHOWN,
    ApiKey,
    ApiKeys,
    ApiKeysFileError,
    derive_api_key,
    generate_api_key,
    hash_api_key,
    read_api_keys_file,
    write_api_keys_file,
)

MASTER = b"m" * 32


def kept(key: str, *, master: bytes = MASTER, key_id: str = "shop") -> ApiKey:
    return ApiKey(
        key_id=key_id,
        tenant_id="acme",
        roles=frozenset({"order-service"}),
        key_hash=hash_api_key(master, key),
        prefix=key[:PREFIX_SHOWN],
    )


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
    def test_finds_a_key_that_was_given_out(self) -> None:
        key = generate_api_key()
        assert ApiKeys([kept(key)], MASTER).find(key) == kept(key)

    def test_finds_nothing_else(self) -> None:
        key = generate_api_key()
        keys = ApiKeys([kept(key)], MASTER)
        other = generate_api_key()
        for wrong in ("", key[:-1], f"{key} ", key.upper(), other, kept(key).key_hash, "\xe9"):
            assert keys.find(wrong) is None
        assert keys.find("k" * (KEY_LENGTH_MAX + 1)) is None

    def test_a_hash_of_another_installation_is_no_key_of_this_one(self) -> None:
        key = generate_api_key()
        assert ApiKeys([kept(key, master=b"M" * 32)], MASTER).find(key) is None

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
