"""The only reader of the environment: every setting, its unit, its default, its bounds."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, HttpUrl, SecretStr, StringConstraints, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from payment_gateway.setting_types import Networks, OidcIssuer, Origin, Origins, Texts

Seconds = Annotated[float, Field(gt=0, le=86_400)]
LongSeconds = Annotated[float, Field(gt=0, le=30 * 86_400)]
RequestCount = Annotated[int, Field(ge=1, le=1_000_000)]
TlsVersion = Literal["1.2", "1.3"]
# Part of what a key is called in everything that it wrapped.
KeyLabel = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,38}$")]

INSTALLATION_FILE: Final = "installation.json"
# What a running installation publishes, and which setting it stands for.
_PUBLISHED: Final = {
    "eventstore": "eventstore_uri",
    "mongodb": "mongodb_uri",
    "mongodbDatabase": "mongodb_database",
    "redis": "redis_url",
    "api": "public_url",
    "paypal": "paypal_base_url",
    "pagadito": "pagadito_base_url",
    "encryptionKeyFile": "encryption_key_file",
    "apiKeysFile": "api_keys_file",
}


class _InstallationSource(PydanticBaseSettingsSource):
    """The addresses and files of the installation that runs on the data folder, if one does."""

    def get_field_value(
        self,
        field: FieldInfo,  # noqa: ARG002 - the base class has it
        field_name: str,
    ) -> tuple[Any, str, bool]:
        """Return one value; everything is read at once in ``__call__``."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return what the installation publishes."""
        folder = self.current_state.get("data_dir")
        if not folder:
            return {}
        try:
            published = json.loads((Path(folder) / INSTALLATION_FILE).read_bytes())
        except (OSError, ValueError):
            return {}  # nothing runs there
        return {
            setting: published[name] for name, setting in _PUBLISHED.items() if name in published
        }


class Settings(BaseSettings):
    """Settings of every process; ``GATEWAY_MONGODB_URI`` sets ``mongodb_uri``, and so on.

    Attributes:
        eventstore_uri: EventStoreDB, ``esdb://host:2113?Tls=false``. May carry a password.
        mongodb_uri: A replica set or sharded cluster (transactions are used).
        mongodb_database: Where this installation's read models are.
        redis_url: Shared short-lived state; without it the gateway works, each process by itself.
        public_url: Where payers and providers reach this gateway.
        dashboard_url: Where browsers reach the dashboard, as an origin; ``public_url`` where it is not
            set. Issuers lead back there after a log-in.
        paypal_base_url: Replaces PayPal's live and sandbox endpoints, for simulators.
        pagadito_base_url: Replaces Pagadito's live and sandbox endpoints, for simulators.
        paypal_ca_file: The authorities, as PEM, under which the certificates of PayPal's
            notifications must be issued. Without it the system's; of a simulator, any.
        pagadito_ca_file: The same for Pagadito's.
        paypal_webhook_verification: ``certificate`` checks the signature of PayPal's notifications
            here, with PayPal's certificate; ``endpoint`` asks PayPal about each of them.
        webhook_age_max_s: A notification that was signed longer before it came is not applied, in
            seconds. PayPal goes on sending one for three days.
        webhook_networks_allowed: Networks that events are sent to although they are not public, as a
            list with commas: ``10.1.0.0/16,::1/128``. To these, and to no others, plain HTTP is spoken too.
        webhook_ca_file: The authorities, as PEM, under which the certificates of tenants' endpoints must
            be issued. Without it the system's.
        notify_log: Whether the reactors write each event of a payment as a line ``analytics.event``.
        notify_email_to: Who is sent a mail for each event; none, and no mail is sent.
        notify_email_from: The sender of these mails.
        notify_types: Stored names of the events that handlers are told of; none for all.
        smtp_host: Where mail is handed over.
        smtp_port: Its port.
        smtp_encryption: ``starttls``, ``tls`` from the first byte, or ``none``.
        smtp_ca_file: The authorities, as PEM, of the mail server. Without it the system's.
        smtp_user: Who logs in there, if anybody has to.
        smtp_password: The password.
        encryption_key_file: The installation secret and the key encryption keys; owner-only. As it is
            made it is base64 of 32 bytes, from which both follow.
        pkcs11_module: Library of a PKCS#11 token whose key wraps instead of the file's.
        pkcs11_token: The token's label.
        pkcs11_pin: The token's user PIN.
        pkcs11_key_label: Label of the AES key in the token that wraps what is new.
        pkcs11_installation_label: Label of the key in the token from which the installation secret
            follows where there is no key file. It must stay.
        paypal_tls_min: The least version of TLS that PayPal is spoken to in.
        pagadito_tls_min: The least version of TLS that Pagadito is spoken to in.
        api_keys_file: API keys, as hashes, that are accepted beside those made by command; ``up`` has some.
        oidc_issuers: Issuers whose tokens are accepted, as a JSON list; see docs/how-to/oidc.md.
        oidc_tls_min: The least version of TLS that issuers are spoken to in.
        auth_failures_max: Failed attempts to get in, of one address or with one key's prefix, within a
            minute; more are answered 429.
        trusted_proxies: Addresses and networks, with commas between, whose ``X-Forwarded-For`` and
            ``X-Forwarded-Proto`` are believed.
        cors_origins: Origins, with commas between, whose pages may call this API from a browser.
        tls_cert_file: Certificate chain, as PEM, that ``serve`` shows; with it, it speaks TLS alone.
        tls_key_file: The key of that certificate, as PEM.
        data_dir: The installation that commands act on: while ``payment-gateway up`` runs on this
            folder, its addresses and key files are taken from there where no setting names others.
        log_format: ``json``, one object a line, or ``console``, for a person.
        log_level: The least that is written.
        provider_calls_max: Calls under way at one endpoint of a provider, in one process.
        provider_calls_waiting_max: Calls that may wait for a place among these.
        provider_place_timeout_s: How long one of them waits, in seconds.
        provider_tries_max: How often a call is sent that never reached the provider.
        provider_retry_time_s: How long after the first try another may begin, in seconds.
        circuit_window_s: How far back requests count for the circuit of an endpoint, in seconds.
        circuit_calls_min: With fewer requests in that window a circuit stays closed.
        circuit_failure_rate: From this share of failures on a circuit opens.
        circuit_open_s: How long an open circuit lets nothing through, in seconds.
        circuit_probes_max: Requests at a time that then probe the endpoint.
        otlp_endpoint: Where traces are sent, an OTLP receiver over HTTP; without it none are recorded.
        trace_sample_ratio: Which share of the traces that begin here is recorded, 0 to 1.
        health_host: The address on which reactors and projection workers answer health checks; in a
            container, where others ask, ``0.0.0.0``.
        health_port: Where reactors and projection workers answer ``/livez`` and ``/readyz``.
        drain_s: How long an API process that is told to stop goes on serving, in seconds, while
            ``/readyz`` answers 503 ``draining``: what a load balancer needs to hear of it.
        reconcile_hour: From which hour of each day on, in UTC, the reactors compare payments with the
            providers' books.
        idempotency_lease_s: How long a command that was sent with an idempotency key is left alone,
            in seconds; one that has not ended then is carried on by whoever sends it again.
        idempotency_keep_s: How long an idempotency key and its answer are kept, in seconds.
        limit_key_reads_per_s: Requests a second that one API key may send to look something up.
        limit_key_writes_per_s: The same for those that change something.
        limit_key_at_once: Requests of one API key that may be under way.
        limit_tenant_reads_per_s: Requests a second that all keys of a tenant together may send to
            look something up.
        limit_tenant_writes_per_s: The same for those that change something.
        limit_tenant_at_once: Requests of one tenant that may be under way.
        limit_burst_s: After a pause, so many seconds' worth of requests may come at one moment.
        amount_max: The largest amount of one payment, in major units of its currency.
        eventstore_timeout_s: How long an append, a read or the start of a subscription may take.
        canary_every_s: The time between two marks in the log, by whose age the lag of its readers is
            measured, in seconds.
        provider_connect_timeout_s: How long connecting to a provider may take.
        provider_read_timeout_s: How long a provider may take to go on with an answer.
        provider_connections_max: Connections of one process to one address of a provider.
        paypal_checkout_validity_s: How long a PayPal checkout counts as open.
        pagadito_checkout_validity_s: How long a Pagadito checkout counts as open.
    """

    model_config = SettingsConfigDict(
        env_prefix="GATEWAY_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic passes it by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where values come from, the first that has one wins."""
        return init_settings, env_settings, _InstallationSource(settings_cls)

    eventstore_uri: SecretStr = SecretStr("esdb://127.0.0.1:2113?Tls=false")
    mongodb_uri: SecretStr = SecretStr("mongodb://127.0.0.1:27017/?replicaSet=rs0")
    mongodb_database: Name = "payment_gateway"
    redis_url: SecretStr | None = None
    public_url: HttpUrl = HttpUrl("http://127.0.0.1:8000")
    dashboard_url: Origin | None = None
    paypal_base_url: HttpUrl | None = None
    pagadito_base_url: HttpUrl | None = None
    paypal_ca_file: Path | None = None
    pagadito_ca_file: Path | None = None
    paypal_webhook_verification: Literal["certificate", "endpoint"] = "certificate"
    webhook_age_max_s: LongSeconds = 4 * 86_400.0
    webhook_networks_allowed: Networks = ()
    webhook_ca_file: Path | None = None
    notify_log: bool = False
    notify_email_to: Texts = ()
    notify_email_from: str = "payment-gateway@localhost"
    notify_types: Texts = ()
    smtp_host: str = "127.0.0.1"
    smtp_port: Annotated[int, Field(ge=1, le=65_535)] = 587
    smtp_encryption: Literal["starttls", "tls", "none"] = "starttls"
    smtp_ca_file: Path | None = None
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    encryption_key_file: Path | None = None
    pkcs11_module: Path | None = None
    pkcs11_token: Annotated[str, StringConstraints(min_length=1, max_length=32)] | None = None
    pkcs11_pin: SecretStr | None = None
    pkcs11_key_label: KeyLabel = "payment-gateway"
    pkcs11_installation_label: KeyLabel = "payment-gateway-installation"
    paypal_tls_min: TlsVersion = "1.3"
    pagadito_tls_min: TlsVersion = "1.3"
    api_keys_file: Path | None = None
    oidc_issuers: Annotated[tuple[OidcIssuer, ...], Field(max_length=20)] = ()
    oidc_tls_min: TlsVersion = "1.3"
    auth_failures_max: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    trusted_proxies: Networks = ()
    cors_origins: Origins = ()
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    data_dir: Path | None = None
    log_format: Literal["json", "console"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    otlp_endpoint: HttpUrl | None = None
    trace_sample_ratio: Annotated[float, Field(ge=0, le=1)] = 1.0
    health_host: str = "127.0.0.1"
    health_port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    drain_s: Annotated[float, Field(ge=0, le=300)] = 0.0
    reconcile_hour: Annotated[int, Field(ge=0, le=23)] = 3
    idempotency_lease_s: Annotated[float, Field(ge=1, le=3600)] = 60.0
    idempotency_keep_s: Annotated[float, Field(ge=86_400, le=366 * 86_400)] = 2 * 86_400.0
    limit_key_reads_per_s: RequestCount = 500
    limit_key_writes_per_s: RequestCount = 300
    limit_key_at_once: RequestCount = 200
    limit_tenant_reads_per_s: RequestCount = 1_000
    limit_tenant_writes_per_s: RequestCount = 600
    limit_tenant_at_once: RequestCount = 400
    limit_burst_s: Annotated[int, Field(ge=1, le=60)] = 2
    amount_max: Annotated[Decimal, Field(gt=0)] = Decimal(1_000_000)

    eventstore_timeout_s: Seconds = 10.0
    canary_every_s: Seconds = 2.0
    provider_connect_timeout_s: Seconds = 5.0
    provider_read_timeout_s: Seconds = 30.0
    provider_connections_max: Annotated[int, Field(ge=1, le=1000)] = 100
    paypal_checkout_validity_s: Seconds = 3 * 3600.0
    pagadito_checkout_validity_s: Seconds = 600.0
    provider_calls_max: Annotated[int, Field(ge=1, le=1000)] = 50
    provider_calls_waiting_max: Annotated[int, Field(ge=0, le=10_000)] = 200
    provider_place_timeout_s: Annotated[float, Field(gt=0, le=10)] = 2.0
    provider_tries_max: Annotated[int, Field(ge=1, le=10)] = 3
    provider_retry_time_s: Annotated[float, Field(gt=0, le=20)] = 5.0
    circuit_window_s: Seconds = 60.0
    circuit_calls_min: Annotated[int, Field(ge=1, le=100_000)] = 20
    circuit_failure_rate: Annotated[float, Field(gt=0, le=1)] = 0.5
    circuit_open_s: Seconds = 15.0
    circuit_probes_max: Annotated[int, Field(ge=1, le=100)] = 2

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        """Refuse half of what TLS needs."""
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("set GATEWAY_TLS_CERT_FILE and GATEWAY_TLS_KEY_FILE together")
        return self
