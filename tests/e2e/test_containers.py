"""The image and the installation of ``docker-compose.yml``, where there is Docker."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from sandbox.addresses import Addresses
from sandbox.data_folder import open_data_folder
from sandbox.demo_shop import register_demo_shop
from sandbox.keys import Keys, open_keys
from tests.contracts.provider_sandbox import token_of
from tests.docker_engine import need_docker
from tests.markdown_pages import REPOSITORY

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.timeout(1800)]

BUILD_TIMEOUT_S: Final = 1500
# As docker-compose.yml publishes them.
API: Final = "http://127.0.0.1:8000"
PAYPAL: Final = "http://127.0.0.1:9001"
PAGADITO: Final = "http://127.0.0.1:9002"
ADDRESSES: Final = Addresses(
    api=API, eventstore="", mongodb="", redis="", paypal=PAYPAL, pagadito=PAGADITO
)
ORDER: Final = {
    "tenantId": "demo",
    "providerType": "PAYPAL",
    "amount": "19.99",
    "currency": "USD",
    "orderId": "order-1",
}


def docker(*arguments: str, **environment: str) -> str:
    """Run the client in the repository; return what it says."""
    done = subprocess.run(
        ["docker", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_image_holds_the_command_and_runs_as_nobody_in_particular() -> None:
    need_docker()
    image = f"payment-gateway:test-{uuid4().hex[:8]}"
    docker("build", "--tag", image, ".")
    try:
        told = docker("run", "--rm", "--read-only", "--tmpfs", "/tmp", image, "--help")
        user = docker("run", "--rm", "--entrypoint", "id", image, "--user")
    finally:
        docker("image", "rm", "--force", image)

    assert "projections" in told
    assert int(user) != 0


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    """Start the installation with simulators; yield its keys."""
    need_docker()
    with open_data_folder(tmp_path / "secrets") as folder:
        made = open_keys(folder)
    environment = {
        "COMPOSE_PROJECT_NAME": f"installation-{uuid4().hex[:8]}",
        "COMPOSE_PROFILES": "development",
        "GATEWAY_UID": str(os.getuid()),
        "GATEWAY_GID": str(os.getgid()),
        "GATEWAY_SECRETS_DIR": str(tmp_path / "secrets"),
        "GATEWAY_PAYPAL_BASE_URL": "http://paypal:9001",
        "GATEWAY_PAGADITO_BASE_URL": "http://pagadito:9002",
    }
    try:
        docker("compose", "up", "--build", "--detach", "--wait", **environment)
        yield made
    finally:
        docker("compose", "down", "--volumes", "--timeout", "10", **environment)


def test_the_installation_takes_a_payment_and_shows_it(keys: Keys) -> None:
    asyncio.run(register_demo_shop(ADDRESSES, keys, public_url=API, shop_url="http://127.0.0.1:1"))
    headers = {"Authorization": f"Bearer {keys.demo}"}
    with httpx.Client(
        base_url=f"{API}/api/v1", headers=headers, timeout=60, trust_env=False
    ) as api:

        def sent(path: str, body: dict[str, Any]) -> httpx.Response:
            answer = api.post(path, json=body)
            assert answer.is_success, answer.text
            return answer

        payment = sent("/payments/initiate", ORDER).json()
        form = {"token": token_of(payment["checkoutUrl"]), "funding": "instant"}
        approved = httpx.post(
            f"{PAYPAL}/checkoutnow/approve", data=form, timeout=60, trust_env=False
        )
        assert approved.status_code == 303
        of_payment = {**ORDER, "paymentId": payment["paymentId"]}
        body = {name: of_payment[name] for name in ("tenantId", "providerType", "paymentId")}
        completed = sent("/payments/complete", body)
        token = completed.headers["Consistency-Token"]
        shown = api.get(
            f"/payments/{payment['paymentId']}",
            headers={"Consistency-Token": token, "Prefer": "wait=30"},
        )

    assert completed.json()["status"] == "COMPLETED"
    assert (shown.status_code, shown.json()["status"]) == (200, "COMPLETED")
