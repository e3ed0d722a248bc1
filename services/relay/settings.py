"""The relay's settings, from `LEDGERLINE_*` environment variables."""

import base64
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from shared.service.settings import ServiceSettings


class RelaySettings(ServiceSettings):
    """Defaults are the design's; each is described in docs/settings.md."""

    master_key: SecretStr
    """Base64 of 32 bytes: opens the channels' keys."""
    journal_dir: Path
    """The root of the relays' journals. It must outlive the process."""
    control_internal_url: str
    billing_internal_url: str
    control_api_url: str
    billing_api_url: str
    logging_api_url: str
    egress_allowed_networks: list[str] = Field(default_factory=list)
    """Networks that channels may lie in although they are not public."""
    trusted_proxies: list[str] = Field(default_factory=list)
    """Networks of the operator's own proxies, whose `X-Forwarded-For` is believed."""

    max_tries: int = Field(default=3, ge=1, le=16)
    connect_timeout_s: float = 10.0
    first_byte_timeout_s: float = 120.0
    idle_upstream_s: float = 300.0
    idle_client_s: float = 60.0
    body_timeout_s: float = 60.0
    drain_s: float = 30.0
    """How long the rest of an answer is read for a client that has left."""
    graceful_stop_s: float = 30.0
    max_body_bytes: int = 32 * 1024 * 1024
    max_answer_bytes: int = 64 * 1024 * 1024

    journal_max_bytes: int = 1024 * 1024 * 1024
    journal_segment_bytes: int = 16 * 1024 * 1024
    journal_fsync: Literal["never", "always"] | int = 100
    """Milliseconds between syncs of the journal's disk, or `never`, or `always`."""

    lease_first_reserve_units: int = 500_000
    lease_validity_s: float = 600.0
    lease_heartbeat_s: float = 5.0
    lease_wait_s: float = 2.0
    """How long a request waits for room that other requests hold."""

    def master_key_bytes(self) -> bytes:
        """The key itself."""
        return base64.b64decode(self.master_key.get_secret_value())
