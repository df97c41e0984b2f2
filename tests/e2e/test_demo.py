"""``payment-gateway demo`` as a user runs it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

# What a person is promised, from asking for the demo to the first completed payment.
FIRST_COMPLETED_WITHIN_S = 120.0
DONE_WITHIN_S = 180.0


def run_demo(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "payment_gateway", "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=DONE_WITHIN_S,
        env={**os.environ, **environment},
        check=False,
    )


def test_the_demo_takes_a_payment_with_each_provider_and_shows_what_is_stored(
    tmp_path: Path,
) -> None:
    done = run_demo(
        "--json",
        TMPDIR=str(tmp_path),
        GATEWAY_DATA_DIR=str(tmp_path / "in-use"),
        GATEWAY_DEMO_STARTED_AT=str(time.time() - 5),
    )

    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    document = json.loads(line)
    assert 5 < document["secondsToFirstCompletedPayment"] < FIRST_COMPLETED_WITHIN_S
    assert document["secondsToFirstCompletedPayment"] < document["secondsTotal"]
    paypal, pagadito = document["payments"]
    assert [event["type"] for event in paypal["events"]][-3:] == [
        "PaymentCompleted",
        "RefundRequested",
        "RefundCompleted",
    ]
    assert paypal["document"]["status"] == paypal["payment"]["status"] == "PARTIALLY_REFUNDED"
    assert pagadito["events"][-1]["type"] == "PaymentCompleted"
    assert pagadito["document"]["status"] == pagadito["payment"]["status"] == "COMPLETED"
    assert list(tmp_path.iterdir()) == [], "the temporary installation is gone"


def test_the_demo_tells_a_person_what_it_does_and_keeps_a_folder_that_was_named(
    tmp_path: Path,
) -> None:
    done = run_demo("--data-dir", str(tmp_path / "data"))

    assert done.returncode == 0, done.stderr
    for part in (
        "POST http://127.0.0.1:",
        "/api/v1/payments/initiate",
        "The payer approves",
        "PaymentCompleted",
        "payment_details",
        "First payment completed after",
    ):
        assert part in done.stdout
    assert (tmp_path / "data" / "gateway.key").exists()
    assert not (tmp_path / "data" / "installation.json").exists()


def test_a_demo_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    done = run_demo("--data-dir", str(tmp_path / "file" / "data"))

    assert done.returncode == 1
    assert "--data-dir" in done.stderr


def test_a_step_that_does_not_come_out_right_is_named_with_its_reason() -> None:
    """The first order is above what this gateway takes, so that it is refused."""
    done = run_demo("--json", GATEWAY_AMOUNT_MAX="20")

    assert (done.returncode, done.stdout) == (1, "")
    complaint = done.stderr.splitlines()[-1]
    assert complaint.startswith(
        "payment-gateway: The shop asks to be paid 29.99 through PAYPAL: POST http://127.0.0.1:"
    )
    assert "answered 422, not 201" in complaint
