"""The relay's settings, from `LEDGERLINE_*` environment variables."""

import base64
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator

from shared.service.settings import ServiceSettings

_STORE_SCHEMES: Final = frozenset({"valkey", "valkeys", "redis", "rediss"})


class RelaySettings(ServiceSettings):
    """From the environment, with the prefix `LEDGERLINE_`."""

    master_key: SecretStr
    """Base64 of 32 bytes: opens the channels' keys."""
    journal_dir: Path
    """The root of the relays' journals. It must outlive the process."""
    control_internal_url: str
    """Control's internal port: who calls `/api`, and keys that are not on the topic yet."""
    billing_internal_url: str
    """Billing's internal port: leases."""
    control_api_url: str
    """Where `/api` calls that control owns go."""
    billing_api_url: str
    """Where `/api` calls that billing owns go."""
    logging_api_url: str
    """Where `/api` calls that logging owns go."""
    egress_allowed_networks: list[str] = Field(default_factory=list)
    """Networks that channels may lie in although they are not public."""
    trusted_proxies: list[str] = Field(default_factory=list)
    """Networks of the operator's own proxies, whose `X-Forwarded-For` is believed."""

    relay_workers: int = Field(
        default=1,
        ge=1,
        le=256,
        # Its short name too; the second reads `RELAY_WORKERS`.
        validation_alias=AliasChoices("LEDGERLINE_RELAY_WORKERS", "relay_workers"),
    )
    """Processes that share the public port; also as `RELAY_WORKERS`. About one for each core."""
    relay_compiled: Literal["auto", "never", "required"] = "auto"
    """Whether modules that `make compiled` has compiled are run: `auto`, where that was done from
    the sources that are here; `required`, which refuses to start without; `never`."""
    worker_hang_s: float = Field(default=30.0, ge=3)
    """How long one of several workers may say nothing before it is killed and started again."""

    upstream_client: Literal["http1", "aiohttp"] = "http1"
    """What calls providers: the relay's own client, or aiohttp's."""
    upstream_max_connections: int = Field(default=4096, ge=1)
    """Calls at a time of one channel to one host at the most; others wait for their turn."""
    max_tries: int = Field(default=3, ge=1, le=16)
    """Tries for one request at the most; never again a channel that failed."""
    channel_failures_to_rest: int = Field(default=5, ge=1)
    """Failures of a channel in a row until it rests."""
    channel_rest_s: float = Field(default=5.0, gt=0)
    """How long it rests at first; each probe that fails doubles it."""
    channel_max_rest_s: float = Field(default=300.0, gt=0)
    """How long a channel rests at the most; longer wishes of a provider are cut to it."""
    channel_rate_limited_rest_s: float = Field(default=2.0, ge=0)
    """How long a channel rests after a 429 that names no time."""
    channel_probe_s: float = Field(default=15.0, gt=0)
    """How long a probe may take before another request may be one."""
    connect_timeout_s: float = 10.0
    """How long a connection to a provider may take."""
    first_byte_timeout_s: float = 120.0
    """How long a provider may take to begin its answer."""
    idle_upstream_s: float = 300.0
    """How long a provider may pause within an answer."""
    idle_client_s: float = 60.0
    """How long a client may take nothing of its answer before it counts as gone."""
    header_timeout_s: float = 10.0
    """How long a request's headers may take to arrive, from their first byte on."""
    keep_alive_s: float = 75.0
    """How long a client's connection may wait for its next request."""
    body_timeout_s: float = 60.0
    """How long a request's body may take to arrive."""
    drain_s: float = 30.0
    """How long the rest of an answer, once it has text, is read for a client that has left."""
    drain_before_content_s: float = 300.0
    """How long the first text of an answer is waited for when its client has left, since models may
    reason for minutes; `idle_upstream_s` at the most."""
    graceful_stop_s: float = 30.0
    """How long open requests may take to finish after SIGTERM."""
    max_body_bytes: int = 32 * 1024 * 1024
    """Size of a request's body at the most."""
    max_answer_bytes: int = 64 * 1024 * 1024
    """Size of an answer that is no stream at the most; it is held in memory."""

    journal_max_bytes: int = 1024 * 1024 * 1024
    """Disk for one relay's journal; beyond it new requests are refused."""
    journal_segment_bytes: int = 16 * 1024 * 1024
    """Size of one file of the journal, set aside whole."""
    journal_fsync: Literal["never", "always"] | int = 100
    """Milliseconds between syncs of the journal's disk, or `never`, or `always`."""

    lease_first_reserve_units: int = 500_000
    """Quota to hold ahead of need before there is a spend to go by; 500,000 is $1."""
    lease_validity_s: float = 600.0
    """How long a lease admits without an answer from billing."""
    lease_heartbeat_s: float = 5.0
    """How often billing hears of each lease."""
    lease_wait_s: float = 2.0
    """How long a request waits for room that other requests hold."""

    limits_store_url: SecretStr | None = None
    """Where several relays count limits together: Valkey's address, `valkey://:password@host:port/0`
    (`valkeys://` for TLS). Empty: each relay counts by itself."""
    limits_per_worker: bool = False
    """Whether several workers may count limits each by itself, where no Valkey is set: a limit then
    lets through its amount once for each worker."""
    limits_on_store_failure: Literal["open", "closed"] = "open"
    """While Valkey cannot be reached: `open`, each relay counts by itself; `closed`, requests that
    have a limit are refused with 503."""
    limits_store_timeout_ms: int = Field(default=50, ge=1)
    """How long Valkey may take to answer before it counts as not reachable."""
    limits_lease_s: float = Field(default=15.0, ge=1)
    """After how long the places of a relay that died are free again."""
    limits_usual_output_tokens: int = Field(default=2048, ge=1)
    """What a request without `max_tokens` holds for its output of a limit of tokens."""

    @field_validator("limits_store_url")
    @classmethod
    def _is_an_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None or not url.get_secret_value():
            return None
        address = urlsplit(url.get_secret_value())
        if address.scheme not in _STORE_SCHEMES or not address.hostname:
            raise ValueError("must be like valkey://:password@host:port/0")
        return url

    @model_validator(mode="after")
    def _workers_share_limits(self) -> Self:
        if self.relay_workers > 1 and self.limits_store_url is None and not self.limits_per_worker:
            raise ValueError(
                "several workers need LEDGERLINE_LIMITS_STORE_URL, to count limits together, or"
                " LEDGERLINE_LIMITS_PER_WORKER=true, for each to count them by itself"
            )
        return self

    def master_key_bytes(self) -> bytes:
        """The key itself."""
        return base64.b64decode(self.master_key.get_secret_value())
