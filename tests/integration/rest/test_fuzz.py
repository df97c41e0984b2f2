"""Whatever the running server is sent that its description allows, or nearly, it answers as described.

Schemathesis reads ``/openapi.json`` as anybody may, and sends what fits it and what does not; and queries and
mutations that the schema of GraphQL allows. ``FUZZ_EXAMPLES`` says how many requests an operation gets,
``FUZZ_SEED`` repeats a run.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from payment_gateway.domain.value_objects.grant import RoleVO
from payment_gateway.infrastructure.security.api_keys import (
    PREFIX_SHOWN,
    FixedApiKey,
    generate_api_key,
    hash_api_key,
    read_api_keys_file,
    write_api_keys_file,
)
from payment_gateway.infrastructure.security.key_file import read_or_create_key_file
from payment_gateway.presentation.graphql.schema import SCHEMA
from payment_gateway.presentation.rest.error_table import rows
from payment_gateway.presentation.rest.refusals import INTERNAL
from sandbox.ports import free_port
from tests.child_process import READY_WITHIN_S, running
from tests.integration.rest.installation import Installation, api_process, open_tenant
from tests.integration.rest.shop import order

TENANT = "demo"  # the one that the examples name
DATABASE = "fuzzed"
EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "5")
SEED = os.environ.get("FUZZ_SEED") or str(random.randrange(2**31))
ROOT = Path(__file__).parents[3]
HOOKS = "tests.integration.rest.fuzz_hooks"
REQUESTS_MIN = 1_000
# Queries and mutations together, for each example that an operation of REST gets.
GRAPHQL_EXAMPLES = 12
TIMEOUT_S = int(os.environ.get("FUZZ_TIMEOUT_S", "600"))
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "ignored_auth",
)
# One would end the tenant that all the others need, the other never ends.
LEFT_OUT = ("deleteTenant", "followEvents")
# Many requests, with wrong keys among them, are what is wanted here.
LIMITS = {
    "GATEWAY_AUTH_FAILURES_MAX": "10000",
} | {
    f"GATEWAY_LIMIT_{whose}_{what}": "100000"
    for whose in ("KEY", "TENANT")
    for what in ("READS_PER_S", "WRITES_PER_S", "AT_ONCE")
}


@dataclass(frozen=True, kw_only=True)
class Fuzzed:
    """Where requests go to, with which key, and ids of what is there."""

    url: str
    key: str
    known: Mapping[str, str]


@pytest.fixture(scope="module")
def fuzzed(installation: Installation) -> Generator[Fuzzed, None, None]:
    """Return an API process with read models of its own, and a tenant in which something is there."""
    url = f"http://127.0.0.1:{free_port()}"
    key, file = lasting_key(installation)
    own = {
        "GATEWAY_MONGODB_DATABASE": DATABASE,
        "GATEWAY_API_KEYS_FILE": str(file),
        **LIMITS,
    }
    health = f"http://127.0.0.1:{free_port()}"
    worker = (sys.executable, "-m", "payment_gateway", "projections", "run")
    env = {
        **installation.environment,
        **own,
        "GATEWAY_HEALTH_PORT": health.rpartition(":")[2],
    }
    with (
        api_process(installation, url=url, **own),
        running(worker, log=installation.folder / "fuzzed-projections.log", env=env),
        httpx.Client(base_url=url, headers=installation.authorization("admin")) as admin,
        httpx.Client(base_url=installation.paypal) as paypal,
        httpx.Client(base_url=installation.pagadito) as pagadito,
    ):
        open_tenant(installation, TENANT, admin, paypal, pagadito)
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=url, headers=headers) as caller:
            payment = caller.post("/api/v1/payments/initiate", json=order(tenantId=TENANT))
            endpoint = caller.post("/api/v1/webhook-endpoints", json={"url": f"{url}/hooks"})
        known = {
            "FUZZ_TENANT": TENANT,
            "FUZZ_PAYMENT": payment.raise_for_status().json()["paymentId"],
            "FUZZ_ENDPOINT": endpoint.raise_for_status().json()["id"],
        }
        deadline = time.monotonic() + READY_WITHIN_S
        while not _is_ready(health):
            assert time.monotonic() < deadline, "the read models were not built in time"
            time.sleep(0.1)
        yield Fuzzed(url=url, key=key, known=known)


def lasting_key(installation: Installation) -> tuple[str, Path]:
    """Return a key that no command changes, and a file of it beside the installation's.

    Schemathesis sends ids that it was answered: it would find its own key in a list, rotate or revoke it, and
    hear of nothing but 401 from then on.
    """
    master = read_or_create_key_file(installation.folder / "master.key")
    key, file = generate_api_key(), installation.folder / "fuzz-api-keys.json"
    fuzz = FixedApiKey(
        key_id="fuzz",
        tenant_id=TENANT,
        roles=frozenset(role.value for role in RoleVO),
        key_hash=hash_api_key(master, key),
        prefix=key[:PREFIX_SHOWN],
    )
    write_api_keys_file(file, [*read_api_keys_file(installation.folder / "api-keys.json"), fuzz])
    return key, file


@pytest.mark.timeout(TIMEOUT_S + 300)
def test_no_answer_is_a_failure_or_outside_of_the_description(fuzzed: Fuzzed) -> None:
    argv = command(fuzzed)
    told_first = f"FUZZ_SEED={SEED} FUZZ_EXAMPLES={EXAMPLES}"
    print(told_first)
    env = {**os.environ, **fuzzed.known, "SCHEMATHESIS_HOOKS": HOOKS}
    ended = subprocess.run(
        argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    told = ended.stdout.replace(fuzzed.key, "KEY")
    assert ended.returncode == 0, f"{told_first}\n{told[-20_000:]}\n{ended.stderr[-2000:]}"
    counts = re.search(r"(\d+) generated, (\d+) passed", told)
    assert counts, told[-2000:]
    assert int(counts[1]) == int(counts[2]) >= REQUESTS_MIN, told[-2000:]
    assert "Rate limited" not in told, told[-4000:]
    with httpx.Client(base_url=fuzzed.url) as caller:
        caller.headers["Authorization"] = f"Bearer {fuzzed.key}"
        assert caller.get("/api/v1/apikeys").status_code == 200, "its key was let in to the end"
    print(told[-1500:])


@pytest.mark.timeout(TIMEOUT_S + 300)
def test_no_query_or_mutation_fails_or_is_refused_without_a_known_code(fuzzed: Fuzzed) -> None:
    operations = schemathesis.graphql.from_file(SCHEMA.as_str()).as_strategy()
    known_codes = {row.code for row in rows()} - {INTERNAL.code}
    print(f"FUZZ_SEED={SEED} FUZZ_EXAMPLES={EXAMPLES}")
    ids = {
        "tenantId": fuzzed.known["FUZZ_TENANT"],
        "paymentId": fuzzed.known["FUZZ_PAYMENT"],
        "providerType": "PAYPAL",
        "currency": "USD",
    }
    headers = {"Authorization": f"Bearer {fuzzed.key}"}
    outcomes: Counter[str] = Counter()

    @seed(int(SEED))
    @settings(
        max_examples=int(EXAMPLES) * GRAPHQL_EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operations, named=st.sets(st.sampled_from(sorted(ids))))
    def answers(case: Any, named: set[str]) -> None:
        query = str(case.body)
        for name in named:  # of ids that are made up none exists
            query = re.sub(rf'\b{name}: "(?:[^"\\]|\\.)*"', f'{name}: "{ids[name]}"', query)
        answer = caller.post("/graphql", json={"query": query})
        assert answer.status_code == 200, f"{query}\n{answer.status_code} {answer.text}"
        told = answer.json()
        codes = {one["extensions"]["code"] for one in told.get("errors", [])}
        assert codes <= known_codes, f"{query}\n{answer.text}"
        outcomes.update(codes or {"answered"})

    with httpx.Client(base_url=fuzzed.url, headers=headers, timeout=30) as caller:
        answers()
    print(dict(outcomes))
    assert outcomes["answered"], "some of it is what the schema allows"


def command(fuzzed: Fuzzed) -> list[str]:
    return [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{fuzzed.url}/openapi.json"),
        *("--checks", ",".join(CHECKS)),
        *("--phases", "examples,coverage,fuzzing"),
        *("--max-examples", EXAMPLES, "--seed", SEED, "--no-color"),
        *("--request-timeout", "30", "--continue-on-failure", "--generation-database", "none"),
        *("--header", f"Authorization: Bearer {fuzzed.key}"),
        *(word for name in LEFT_OUT for word in ("--exclude-operation-id", name)),
    ]


def _is_ready(health: str) -> bool:
    try:
        return httpx.get(f"{health}/readyz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
