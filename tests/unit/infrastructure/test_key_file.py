"""The master key: made once, seen by its owner only."""

from __future__ import annotations

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from payment_gateway.infrastructure.security.key_file import (
    KEYS_MAX,
    KeyFile,
    KeyFileError,
    load_key_file,
    read_key_file,
    read_or_create_key_file,
    write_key_file,
)

KEY = bytes(range(32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "master.key"


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    path.write_bytes(content)
    path.chmod(mode)


def test_is_made_on_first_use_and_the_same_ever_after(path: Path) -> None:
    key = read_or_create_key_file(path)
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_or_create_key_file(path) == read_key_file(path) == key
    assert list(path.parent.iterdir()) == [path]


def test_two_installations_have_two_keys(tmp_path: Path) -> None:
    keys = {read_or_create_key_file(tmp_path / name) for name in ("a", "b")}
    assert len(keys) == 2


def test_processes_that_race_for_the_first_use_get_one_key(path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: read_or_create_key_file(path), range(32)))
    assert keys == {read_key_file(path)}
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601, 0o777])
def test_open_to_others_is_refused_with_the_command_that_helps(path: Path, mode: int) -> None:
    write(path, base64.b64encode(KEY), mode)
    with pytest.raises(KeyFileError, match=f"chmod 600 {path}"):
        read_key_file(path)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_seen_by_its_owner_only_is_read(path: Path, mode: int) -> None:
    write(path, base64.b64encode(KEY) + b"\n", mode)
    assert read_key_file(path) == KEY


@pytest.mark.parametrize(
    "content",
    [b"", b"not base64!", base64.b64encode(KEY[:31]), base64.b64encode(KEY * 2), b"\xff\xfe", KEY],
    ids=["empty", "words", "short", "long", "bytes", "raw"],
)
def test_anything_else_is_refused_and_not_shown(path: Path, content: bytes) -> None:
    write(path, content)
    with pytest.raises(KeyFileError) as refused:
        read_key_file(path)
    assert str(path) in str(refused.value)
    if content:
        assert content.decode("latin-1") not in str(refused.value)


def test_a_missing_one_is_never_replaced(path: Path) -> None:
    with pytest.raises(KeyFileError, match="restore it"):
        read_key_file(path)
    assert not path.exists()


def test_a_folder_is_no_key(path: Path) -> None:
    path.mkdir()
    with pytest.raises(KeyFileError, match="IsADirectoryError"):
        read_key_file(path)


class TestWithSeveralKeys:
    contents = KeyFile(secret=KEY, keys=(b"2" * 32, KEY), upcoming=b"3" * 32)

    def test_is_read_back_as_it_was_written_for_its_owner_only(self, path: Path) -> None:
        write_key_file(path, self.contents)
        assert load_key_file(path) == self.contents
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert read_key_file(path) == KEY
        assert list(path.parent.iterdir()) == [path]

    def test_a_file_as_it_was_made_has_the_one_key_that_follows_from_the_secret(
        self, path: Path
    ) -> None:
        write(path, base64.b64encode(KEY))
        assert load_key_file(path) == KeyFile(secret=KEY, keys=(KEY,))

    @pytest.mark.parametrize(
        "content",
        [
            b"key %s" % base64.b64encode(KEY),
            b"installation x\nkey y",
            b"\n".join([b"installation " + base64.b64encode(KEY)] * 2),
            b"installation %s\nprevious %s" % ((base64.b64encode(KEY),) * 2),
            b"installation %s\nnext %s\nnext %s" % ((base64.b64encode(KEY),) * 3),
            b"installation %s\n" % base64.b64encode(KEY) * 500,
        ],
        ids=["no secret", "no keys", "two secrets", "unknown", "two next", "huge"],
    )
    def test_with_other_lines_is_refused_and_not_shown(self, path: Path, content: bytes) -> None:
        write(path, content)
        with pytest.raises(KeyFileError) as refused:
            load_key_file(path)
        assert base64.b64encode(KEY).decode() not in str(refused.value)

    def test_more_than_a_number_of_keys_are_not_written(self, path: Path) -> None:
        with pytest.raises(KeyFileError, match="retire old ones"):
            write_key_file(path, KeyFile(secret=KEY, keys=(KEY,) * (KEYS_MAX + 1)))
        assert not path.exists()

    def test_shows_no_key_when_printed(self) -> None:
        assert repr(self.contents) == "KeyFile()"
