"""``payment-gateway doctor``: every setting, every dependency, and what to do about what is wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Final

from pydantic import SecretStr
from pymongo.errors import PyMongoError
from rich.console import Console
from rich.table import Table

from payment_gateway import doctor_checks
from payment_gateway.application.ports import EventStoreUnavailable, KeySourceUnavailable
from payment_gateway.bootstrap import check_keys
from payment_gateway.infrastructure.cache import answers, open_cache
from payment_gateway.infrastructure.persistence.eventstoredb import open_eventstoredb
from payment_gateway.infrastructure.persistence.mongodb import open_mongodb
from payment_gateway.infrastructure.security.api_keys import ApiKeysFileError
from payment_gateway.infrastructure.security.key_file import KeyFileError
from payment_gateway.infrastructure.security.key_source import KeySourceMissing
from payment_gateway.settings import Settings

Check = Callable[[Settings], Awaitable[str | None]]
# What is asked of these is asked only once they answer.
_SERVERS: Final = frozenset({"eventstore", "mongodb"})
_INSIDE: Final[dict[str, tuple[Check, str]]] = {
    "clock": (doctor_checks.clock, "have both machines' clocks set by NTP"),
    "read models": (
        doctor_checks.read_models,
        "look at: payment-gateway projections status; start: payment-gateway projections run",
    ),
    "dead letters": (doctor_checks.dead_letters, "look at: payment-gateway deadletters list"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was checked; ``advice`` says what to do where it is not well."""

    name: str
    ok: bool
    advice: str


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
        "eventstore": (_eventstore, "start it, or set GATEWAY_EVENTSTORE_URI"),
        "mongodb": (_mongodb, "start it as a replica set, or set GATEWAY_MONGODB_URI"),
        "redis": (_redis, "start it, or unset GATEWAY_REDIS_URL: it is not required"),
        "disk": (doctor_checks.disk, "make room: without it nothing is stored"),
    }
    findings = [await _finding(name, *check, settings) for name, check in checks.items()]
    if all(one.ok for one in findings if one.name in _SERVERS):
        findings += [await _finding(name, *check, settings) for name, check in _INSIDE.items()]
    return findings


async def _finding(name: str, check: Check, advice: str, settings: Settings) -> Finding:
    problem = await check(settings)
    told = "" if problem is None else f"{problem}; {advice}"
    return Finding(name=name, ok=problem is None, advice=told)


async def _keys(settings: Settings) -> str | None:
    try:
        check_keys(settings)
    except (
        KeySourceMissing,
        KeySourceUnavailable,
        KeyFileError,
        ApiKeysFileError,
    ) as error:
        return str(error)
    return None


async def _eventstore(settings: Settings) -> str | None:
    try:
        async with open_eventstoredb(settings) as store:
            await store.head()
    except (EventStoreUnavailable, ValueError) as error:
        return f"no answer ({type(error).__name__})"
    return None


async def _mongodb(settings: Settings) -> str | None:
    try:
        async with open_mongodb(settings) as database:
            hello = await database.command("hello")
            version = str((await database.command("buildInfo"))["version"])
    except PyMongoError as error:
        return f"no answer ({type(error).__name__})"
    return doctor_checks.server_problem(hello, version)


async def _redis(settings: Settings) -> str | None:
    async with open_cache(settings) as cache:
        return None if cache is None or await answers(cache) else "no answer"


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
    for column in ("dependency", "state", "what to do"):
        checks.add_column(column, overflow="fold")
    for finding in findings:
        state = "[green]well[/]" if finding.ok else "[red]not well[/]"
        checks.add_row(finding.name, state, finding.advice)
    console.print(checks)
