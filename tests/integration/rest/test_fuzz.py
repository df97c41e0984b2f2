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
from collections import Counter, defaultdict
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from payment_gateway.presentation.graphql.schema import SCHEMA
from payment_gateway.presentation.rest.error_table import rows
from payment_gateway.presentation.rest.refusals import INTERNAL
from tests.integration.rest.fuzz_world import TENANT, Fuzzed, fuzzed_world
from tests.integration.rest.installation import Installation

EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "5")
SEED = os.environ.get("FUZZ_SEED") or str(random.randrange(2**31))
ROOT = Path(__file__).parents[3]
HOOKS = "tests.integration.rest.fuzz_hooks"
REQUESTS_MIN = 1_000
OPERATIONS_MIN = 55
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
# What is of no tenant alone takes a key of all of them.
WIDE = "^/api/v1/(deadletters|projections)"
# What is answered before an operation is asked: the body cannot be read, or the caller may not.
AT_THE_DOOR = {"400", "401", "403", "413"}


@pytest.fixture(scope="module")
def fuzzed(installation: Installation) -> Generator[Fuzzed, None, None]:
    with fuzzed_world(installation) as world:
        yield world


@pytest.mark.timeout(TIMEOUT_S + 300)
def test_no_answer_is_a_failure_or_outside_of_the_description(fuzzed: Fuzzed) -> None:
    argv = command(fuzzed)
    told_first = f"FUZZ_SEED={SEED} FUZZ_EXAMPLES={EXAMPLES}"
    print(told_first)
    env = {**os.environ, **fuzzed.environment, "SCHEMATHESIS_HOOKS": HOOKS}
    fuzzed.answered.unlink(missing_ok=True)
    ended = subprocess.run(
        argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    told = fuzzed.masked(ended.stdout)
    assert ended.returncode == 0, f"{told_first}\n{told[-20_000:]}\n{ended.stderr[-2000:]}"
    counts = re.search(r"(\d+) generated, (\d+) passed", told)
    assert counts, told[-2000:]
    assert int(counts[1]) == int(counts[2]) >= REQUESTS_MIN, told[-2000:]
    assert "Rate limited" not in told, told[-4000:]
    answered = statuses_by_operation(fuzzed)
    outside = [name for name, found in answered.items() if found <= AT_THE_DOOR]
    assert not outside, f"{told_first}\nno request got past the door of {outside}"
    assert len(answered) >= OPERATIONS_MIN, sorted(answered)
    for key in (fuzzed.key, fuzzed.wide_key):
        headers = {"Authorization": f"Bearer {key}"}
        keys = httpx.get(f"{fuzzed.url}/api/v1/apikeys", headers=headers)
        assert keys.status_code == 200, "its key was let in to the end"
    never = sorted(name for name, found in answered.items() if not any(s < "4" for s in found))
    print(f"only ever refused: {never}")
    print(told[-1500:])


@pytest.mark.timeout(TIMEOUT_S + 300)
def test_no_query_or_mutation_fails_or_is_refused_without_a_known_code(fuzzed: Fuzzed) -> None:
    operations = schemathesis.graphql.from_file(SCHEMA.as_str()).as_strategy()
    known_codes = {row.code for row in rows()} - {INTERNAL.code}
    print(f"FUZZ_SEED={SEED} FUZZ_EXAMPLES={EXAMPLES}")
    ids = {
        "tenantId": TENANT,
        "paymentId": fuzzed.known["paymentId"][0],
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


def statuses_by_operation(fuzzed: Fuzzed) -> dict[str, set[str]]:
    """Return which statuses each operation was answered with."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for line in fuzzed.answered.read_text().splitlines():
        status, _, name = line.partition(" ")
        found[name].add(status)
    return dict(found)


def command(fuzzed: Fuzzed) -> list[str]:
    config = fuzzed.folder / "schemathesis.toml"
    config.write_text(
        f'headers = {{ Authorization = "Bearer {fuzzed.key}" }}\n'
        f'[[operations]]\ninclude-path-regex = "{WIDE}"\n'
        f'headers = {{ Authorization = "Bearer {fuzzed.wide_key}" }}\n'
    )
    return [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
        *("run", f"{fuzzed.url}/openapi.json"),
        *("--checks", ",".join(CHECKS)),
        *("--phases", "examples,coverage,fuzzing"),
        *("--max-examples", EXAMPLES, "--seed", SEED, "--no-color"),
        *("--request-timeout", "30", "--continue-on-failure", "--generation-database", "none"),
        *(word for name in LEFT_OUT for word in ("--exclude-operation-id", name)),
    ]
