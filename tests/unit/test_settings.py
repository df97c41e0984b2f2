"""Where settings come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from payment_gateway.__main__ import BadSettings, load_settings
from payment_gateway.settings import INSTALLATION_FILE, Settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    published = {
        "pid": 1,
        "api": "http://127.0.0.1:1234",
        "eventstore": "esdb://127.0.0.1:1?Tls=false",
        "redis": "redis://127.0.0.1:2",
    }
    (tmp_path / INSTALLATION_FILE).write_text(json.dumps(published))
    monkeypatch.setenv("GATEWAY_DATA_DIR", str(tmp_path))
    return tmp_path


def test_a_running_installation_says_where_its_parts_are(folder: Path) -> None:
    settings = Settings()
    assert settings.eventstore_uri.get_secret_value() == "esdb://127.0.0.1:1?Tls=false"
    assert str(settings.public_url) == "http://127.0.0.1:1234/"


def test_the_environment_goes_before_the_installation(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_EVENTSTORE_URI", "esdb://cluster:2113")
    assert Settings().eventstore_uri.get_secret_value() == "esdb://cluster:2113"


def test_a_folder_on_which_nothing_runs_says_nothing(folder: Path) -> None:
    (folder / INSTALLATION_FILE).unlink()
    assert Settings().redis_url is None


def test_a_wrong_setting_is_named_and_its_value_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GATEWAY_HEALTH_PORT", "planted-secret")
    with pytest.raises(BadSettings) as refusal:
        load_settings()
    assert "GATEWAY_HEALTH_PORT" in str(refusal.value)
    assert "planted-secret" not in str(refusal.value)
