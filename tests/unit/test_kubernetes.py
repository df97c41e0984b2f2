"""The Kubernetes files agree with the code and with Kubernetes' own schemas: no cluster is needed to tell."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from payment_gateway.settings import Settings
from tests.markdown_pages import REPOSITORY

FOLDER = REPOSITORY / "deploy" / "kubernetes"
OVERLAYS = ("single", "cluster")
JOBS = sorted((FOLDER / "jobs").glob("*.yaml"))
# An API version that has everything the files use; later ones still do.
KUBERNETES = "1.31"
COMMANDS = {
    "api": ["serve", "--host", "0.0.0.0", "--port", "8000"],
    "reactors": ["work"],
    "projections": ["projections", "run"],
}
JOB_COMMANDS = {
    "doctor": ["doctor"],
    "migrate": ["projections", "migrate"],
    "rebuild": ["projections", "rebuild", "payment_details"],
}
PINNED = re.compile(r"[a-z./-]+:(\d+\.\d+[\w.-]*|local)")

Manifest = dict[str, Any]


def parsed(text: str) -> list[Manifest]:
    return [one for one in YAML(typ="safe").load_all(text) if one]


@pytest.fixture(scope="module", params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    """Return what an overlay comes to, put together by kubectl itself."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    built = subprocess.run(
        [kubectl, "kustomize", str(FOLDER / request.param)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return parsed(built.stdout)


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] == kind}


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    return {
        name: one["spec"]["template"]["spec"]
        for kind in ("Deployment", "StatefulSet", "Job")
        for name, one in of_kind(manifests, kind).items()
    }


def containers(pod: Manifest) -> list[Manifest]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def assert_locked_down(pod: Manifest) -> None:
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    for container in containers(pod):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_every_manifest_is_one(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_every_job_is_one_and_may_do_no_more_than_the_rest(path: Any) -> None:
    (job,) = parsed(path.read_text(encoding="utf-8"))

    kubernetes_validate.validate(job, KUBERNETES, strict=True)
    pod = job["spec"]["template"]["spec"]
    assert_locked_down(pod)
    (container,) = pod["containers"]
    assert container["args"] == JOB_COMMANDS[path.stem]
    assert {"secretRef": {"name": "payment-gateway-addresses"}} in container["envFrom"]


def test_the_processes_are_those_that_there_are(manifests: list[Manifest]) -> None:
    deployments = of_kind(manifests, "Deployment")

    assert {
        name: one["spec"]["template"]["spec"]["containers"][0]["args"]
        for name, one in deployments.items()
    } == COMMANDS


def test_every_setting_is_a_setting_of_the_gateway(manifests: list[Manifest]) -> None:
    known = {f"GATEWAY_{name.upper()}" for name in Settings.model_fields}
    settings = of_kind(manifests, "ConfigMap")["payment-gateway-settings"]["data"]
    named = {
        variable["name"]
        for name in COMMANDS
        for container in pods(manifests)[name]["containers"]
        for variable in container.get("env", [])
    }

    assert set(settings) | named <= known


def test_secrets_are_referred_to_and_not_written_down(manifests: list[Manifest]) -> None:
    assert of_kind(manifests, "Secret") == {}
    for name in COMMANDS:
        (container,) = pods(manifests)[name]["containers"]
        assert {"secretRef": {"name": "payment-gateway-addresses"}} in container["envFrom"]


def test_probes_ask_the_port_that_answers(manifests: list[Manifest]) -> None:
    for name in COMMANDS:
        (container,) = pods(manifests)[name]["containers"]
        (port,) = container["ports"]
        values = {one["name"]: one["value"] for one in container.get("env", [])}

        assert str(port["containerPort"]) in {
            *container["args"],
            values.get("GATEWAY_HEALTH_PORT"),
        }
        for probe, path in (
            ("startupProbe", "/livez"),
            ("livenessProbe", "/livez"),
            ("readinessProbe", "/readyz"),
        ):
            assert container[probe]["httpGet"] == {"path": path, "port": port["name"]}


def test_nothing_runs_as_root_or_writes_to_its_image(manifests: list[Manifest]) -> None:
    for pod in pods(manifests).values():
        assert_locked_down(pod)


def test_every_image_is_pinned(manifests: list[Manifest]) -> None:
    for pod in pods(manifests).values():
        for container in containers(pod):
            assert PINNED.fullmatch(container["image"]), container["image"]


def test_each_process_scales_and_keeps_one_through_a_disruption(manifests: list[Manifest]) -> None:
    scalers = of_kind(manifests, "HorizontalPodAutoscaler")
    budgets = of_kind(manifests, "PodDisruptionBudget")

    assert set(scalers) == set(budgets) == set(COMMANDS)
    for name in COMMANDS:
        assert scalers[name]["spec"]["scaleTargetRef"]["name"] == name
        assert scalers[name]["spec"]["minReplicas"] >= 2
        wanted = budgets[name]["spec"]["selector"]["matchLabels"].items()
        labels = of_kind(manifests, "Deployment")[name]["spec"]["template"]["metadata"]["labels"]
        assert wanted <= labels.items()


def test_nothing_is_reachable_but_what_a_policy_names(manifests: list[Manifest]) -> None:
    policies = of_kind(manifests, "NetworkPolicy")

    assert policies["deny-all"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name in of_kind(manifests, "StatefulSet"):
        assert f"{name}-from-the-gateway" in policies


def test_requests_under_way_have_the_time_to_be_answered(manifests: list[Manifest]) -> None:
    from payment_gateway.processes.api import STOP_WITHIN_S

    api = pods(manifests)["api"]
    (container,) = api["containers"]
    drain_s = int({one["name"]: one["value"] for one in container["env"]}["GATEWAY_DRAIN_S"])
    probe = container["readinessProbe"]

    assert drain_s > probe["periodSeconds"] * probe["failureThreshold"]
    assert api["terminationGracePeriodSeconds"] > STOP_WITHIN_S + drain_s
