"""The only reader of the environment: every setting, its unit, its default, its bounds."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, HttpUrl, SecretStr, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,38}$")]


class Settings(BaseSettings):
    """Settings of every process; ``GATEWAY_MONGODB_URI`` sets ``mongodb_uri``, and so on.

    Attributes:
        eventstore_uri: EventStoreDB, ``esdb://host:2113?Tls=false``. May carry a password.
        mongodb_uri: A replica set or sharded cluster (transactions are used).
        mongodb_database: Where this installation's read models are.
        redis_url: Cache and rate limits; without it the gateway works, each process by itself.
        public_url: Where payers and providers reach this gateway.
        paypal_base_url: Replaces PayPal's live and sandbox endpoints, for simulators.
        pagadito_base_url: Replaces Pagadito's live and sandbox endpoints, for simulators.
        encryption_key_file: The master key; owner-only, base64 of 32 bytes.
        api_keys_file: The API keys that are accepted, as hashes.
        data_dir: The installation that commands act on; see ``payment-gateway up``.
        health_port: Where reactors and projection workers answer ``/livez`` and ``/readyz``.
        amount_max: The largest amount of one payment, in major units of its currency.
    """

    model_config = SettingsConfigDict(
        env_prefix="GATEWAY_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    eventstore_uri: SecretStr = SecretStr("esdb://127.0.0.1:2113?Tls=false")
    mongodb_uri: SecretStr = SecretStr("mongodb://127.0.0.1:27017/?replicaSet=rs0")
    mongodb_database: Name = "payment_gateway"
    redis_url: SecretStr | None = None
    public_url: HttpUrl = HttpUrl("http://127.0.0.1:8000")
    paypal_base_url: HttpUrl | None = None
    pagadito_base_url: HttpUrl | None = None
    encryption_key_file: Path | None = None
    api_keys_file: Path | None = None
    data_dir: Path | None = None
    log_format: Literal["json", "console"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    health_port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    amount_max: Annotated[Decimal, Field(gt=0)] = Decimal(1_000_000)

    eventstore_timeout_s: Seconds = 10.0
    provider_connect_timeout_s: Seconds = 5.0
    provider_read_timeout_s: Seconds = 30.0
    provider_connections_max: Annotated[int, Field(ge=1, le=1000)] = 100
    paypal_checkout_validity_s: Seconds = 3 * 3600.0
    pagadito_checkout_validity_s: Seconds = 600.0
