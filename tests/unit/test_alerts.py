"""Alerts and dashboards speak of metrics that there are, and fire when they should."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric
from ruamel.yaml import YAML

from payment_gateway.telemetry.metrics import REGISTRY
from tests.markdown_pages import REPOSITORY, anchors

PROMETHEUS = REPOSITORY / "deploy" / "prometheus"
DASHBOARDS = sorted((REPOSITORY / "deploy" / "grafana" / "dashboards").glob("*.json"))
NAMED = re.compile(r"\b((?:gateway|process)_[a-z_]+)(\{[^}]*\})?")
MATCHER = re.compile(r"([a-z_]+)\s*(?:=~|!~|!=|=)")
GROUPED = re.compile(r"\bby \(([^)]*)\)")
# Prometheus' own.
ALWAYS = {"job", "instance", "le"}


def tool() -> str:
    ours = Path(sysconfig.get_path("scripts")) / "promtool"
    found = str(ours) if ours.exists() else shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed")
    return found


def run(*arguments: str) -> None:
    done = subprocess.run(
        [tool(), *arguments],
        cwd=PROMETHEUS,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def rules() -> list[dict[str, Any]]:
    groups = YAML(typ="safe").load(PROMETHEUS / "alerts.yml")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def series() -> dict[str, set[str]]:
    """Return what Prometheus sees of every metric: the names of its series, with their labels."""
    found: dict[str, set[str]] = {family.name: set() for family in REGISTRY.collect()}
    for family in REGISTRY.collect():
        found.update({sample.name: set(sample.labels) for sample in family.samples})
    collectors = list(REGISTRY._collector_to_names)
    for collector in collectors:
        labels = set(getattr(collector, "_labelnames", ()))
        for name in REGISTRY._collector_to_names[collector]:
            found[name] = labels
    return found


def expressions() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}", target["expr"]


def test_rules_and_configuration_are_some() -> None:
    run("check", "rules", "alerts.yml")
    run("check", "config", "prometheus.yml")


def test_each_alert_fires_when_it_should_and_not_before() -> None:
    run("test", "rules", "alerts.test.yml")


def test_each_alert_is_tested() -> None:
    tested = (PROMETHEUS / "alerts.test.yml").read_text(encoding="utf-8")

    for rule in rules():
        if rule["alert"] != "ProcessGone":
            assert f"alertname: {rule['alert']}\n        exp_alerts" in tested, rule["alert"]


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_every_expression_names_metrics_and_labels_that_there_are(
    where: str, expression: str
) -> None:
    known = series()
    labels: set[str] = set()
    named = NAMED.findall(expression)

    assert named or expression.startswith("up"), where
    for name, matchers in named:
        assert name in known, f"{where}: no metric is called {name}"
        allowed = known[name] | ALWAYS
        labels |= allowed
        assert set(MATCHER.findall(matchers)) <= allowed, f"{where}: {name}{matchers}"
    for grouping in GROUPED.findall(expression):
        assert {one.strip() for one in grouping.split(",")} <= labels, f"{where}: by ({grouping})"


def test_every_alert_says_what_to_do() -> None:
    runbook = anchors(REPOSITORY / "docs" / "runbook.md")

    for rule in rules():
        page, _, section = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/runbook.md"
        assert section in runbook, rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_metrics_have_names_and_units_as_prometheus_wants_them() -> None:
    for family in REGISTRY.collect():
        assert isinstance(family, Metric)
        if family.name.startswith("gateway_"):
            assert re.fullmatch(r"gateway_[a-z_]+", family.name)
            assert family.documentation.endswith(".")
            if family.type == "histogram":
                assert family.name.endswith("_seconds")
