"""``payment-gateway doctor``: every setting, every dependency, and what to do about what is wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Final

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from payment_gateway import doctor_checks, doctor_network
from payment_gateway.application.ports import KeySourceUnavailable
from payment_gateway.bootstrap import check_keys
from payment_gateway.doctor_finding import Finding, Told
from payment_gateway.infrastructure.security.api_keys import ApiKeysFileError
from payment_gateway.infrastructure.security.key_file import KeyFileError
from payment_gateway.infrastructure.security.key_source import KeySourceMissing
from payment_gateway.settings import Settings

Check = Callable[[Settings], Awaitable[Told]]
# What is asked of these is asked only once they answer.
_SERVERS: Final = frozenset({"eventstore", "mongodb"})
_INSIDE: Final[dict[str, tuple[Check, str]]] = {
    "clock": (doctor_checks.clock, "have the clocks of all machines set by NTP"),
    "read models": (
        doctor_checks.read_models,
        "look at: payment-gateway projections status; start: payment-gateway projections run",
    ),
    "dead letters": (doctor_checks.dead_letters, "look at: payment-gateway deadletters list"),
}


def check_installation(settings: Settings, *, as_json: bool) -> bool:
    """Print settings and findings; return whether everything that is needed is well."""
    findings = asyncio.run(_check(settings))
    shown = _shown(settings)
    if as_json:
        document = {"settings": shown, "checks": [asdict(finding) for finding in findings]}
        print(json.dumps(document))
    else:
        _print(shown, findings)
    return all(finding.ok for finding in findings)


async def _check(settings: Settings) -> list[Finding]:
    """Ask everything; what cannot be asked since MongoDB or the event store is away is not asked."""
    checks: dict[str, tuple[Check, str]] = {
        "keys": (_keys, "run: payment-gateway up, or name the files of your keys"),
        "eventstore": (
            doctor_checks.event_store,
            "start it, or a newer one, or set GATEWAY_EVENTSTORE_URI",
        ),
        "mongodb": (
            doctor_checks.mongodb,
            "start it as a replica set, or set GATEWAY_MONGODB_URI",
        ),
        "redis": (
            doctor_checks.redis,
            "start it, or a newer one, or unset GATEWAY_REDIS_URL: it is not required",
        ),
        "disk": (doctor_checks.disk, "make room: without it nothing is stored"),
        "providers": (doctor_network.providers, "start it, or look at the network from here"),
        "issuers": (
            doctor_network.issuers,
            "look at the network from here; see GATEWAY_OIDC_ISSUERS",
        ),
        "mail": (doctor_network.mail, "start it, or set GATEWAY_SMTP_HOST and GATEWAY_SMTP_PORT"),
        "traces": (doctor_network.traces, "start it, or unset GATEWAY_OTLP_ENDPOINT"),
        "encryption": (doctor_network.encryption, ""),
    }
    # At once: whoever is away takes seconds to be found so.
    asked = (_finding(name, *check, settings) for name, check in checks.items())
    findings = list(await asyncio.gather(*asked))
    if all(one.ok for one in findings if one.name in _SERVERS):
        findings += [await _finding(name, *check, settings) for name, check in _INSIDE.items()]
    return findings


async def _finding(name: str, check: Check, advice: str, settings: Settings) -> Finding:
    told = await check(settings)
    said = "" if told.problem is None else f"{told.problem}; {advice}"
    return Finding(name=name, ok=told.problem is None, advice=said, detail=told.detail)


async def _keys(settings: Settings) -> Told:
    try:
        check_keys(settings)
    except (
        KeySourceMissing,
        KeySourceUnavailable,
        KeyFileError,
        ApiKeysFileError,
    ) as error:
        return Told(problem=str(error))
    return Told()


def _shown(settings: Settings) -> dict[str, str]:
    values = {}
    for name in Settings.model_fields:
        value = getattr(settings, name)
        secret = isinstance(value, SecretStr)
        values[f"GATEWAY_{name.upper()}"] = "***" if secret else "" if value is None else str(value)
    return values


def _print(shown: dict[str, str], findings: list[Finding]) -> None:
    console = Console()
    settings = Table(title="Settings", title_justify="left")
    settings.add_column("setting")
    settings.add_column("value", overflow="fold")
    for name, value in shown.items():
        settings.add_row(name, value)
    console.print(settings)
    checks = Table(title="Checks", title_justify="left")
    for column in ("dependency", "state", "what was found, and what to do"):
        checks.add_column(column, overflow="fold")
    for finding in findings:
        state = "[green]well[/]" if finding.ok else "[red]not well[/]"
        said = ". ".join(one for one in (finding.advice, finding.detail) if one)
        checks.add_row(finding.name, state, said)
    console.print(checks)
