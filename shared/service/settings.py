"""Settings that every service has, from environment variables that begin with `LEDGERLINE_`."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.telemetry.logs import LogFormat


class ServiceSettings(BaseSettings):
    """Base of each service's `settings.py`."""

    model_config = SettingsConfigDict(
        env_prefix="LEDGERLINE_",
        hide_input_in_errors=True,
        frozen=True,
        use_attribute_docstrings=True,
    )

    instance: str
    """Name of this process among those of its service, such as `billing-0`."""
    kafka_bootstrap: str
    """Kafka's bootstrap servers, `host:port` with commas."""
    http_host: str = "127.0.0.1"
    """Address that the `/api` surface listens on."""
    http_port: int
    """Port of the `/api` surface; the relay's is the public door."""
    internal_host: str = "127.0.0.1"
    """Address that the internal surface listens on; of a network that is not public."""
    internal_port: int
    """Port of `/internal`, `/metrics` and `/health`. Never reachable through the relay."""
    log_format: LogFormat = LogFormat.JSON
    """`json` for machines, `console` for people."""
    log_level: str = "info"
    """The least severe that is written: `debug`, `info`, `warning`, `error`, `critical`."""
    service_secret: SecretStr
    """This service's credential for the `/internal` calls of others."""
    internal_callers: dict[str, str] = Field(default_factory=dict)
    """Who may call this service's `/internal`: name to the SHA-256 of its secret, in hex."""


class DatabaseSettings(ServiceSettings):
    """Settings of a service that has tables."""

    postgres_dsn: SecretStr
    """Of the role that runs, which can read its own schema only."""
    postgres_owner_dsn: SecretStr | None = None
    """Of the role that migrates. Needed by `migrate` alone."""
    postgres_pool_size: int = 8
    """Connections to PostgreSQL at the most."""
