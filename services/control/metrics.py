"""Control's own metrics. Labels come from closed sets; never a user or a key."""

from enum import StrEnum

import asyncpg
from prometheus_client import CollectorRegistry, Counter, Gauge

from services.control.sessions.passwords import Passwords
from services.control.sessions.refresh_rules import RefreshResult


class LoginResult(StrEnum):
    """How a login ended."""

    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    """Unknown name or wrong password: not told apart here either."""
    DISABLED = "disabled"
    LOCKED = "locked"
    """Refused without a look at the password, after too many failures."""
    BUSY = "busy"


class ControlMetrics:
    """Figures of one control process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._logins = Counter(
            "ledgerline_control_logins", "Logins by result.", ("result",), registry=registry
        )
        for result in LoginResult:
            self._logins.labels(result)
        self._lockouts = Counter(
            "ledgerline_control_lockouts",
            "Names that were locked after too many wrong passwords, known or not.",
            registry=registry,
        )
        self._refreshes = Counter(
            "ledgerline_control_refreshes",
            "Refresh tokens shown, by result; `reused` ended a session.",
            ("result",),
            registry=registry,
        )
        for refreshed in RefreshResult:
            self._refreshes.labels(refreshed)
        self._authentications = Counter(
            "ledgerline_control_authentications",
            "Credentials judged for the relay, by kind and result.",
            ("kind", "result"),
            registry=registry,
        )

        self.refused_keys = Gauge(
            "ledgerline_control_channel_keys_refused",
            "Keys that providers refused, of channels that are on.",
            ("channel",),
            registry=registry,
        )

    def login(self, result: LoginResult) -> None:
        """One login has ended."""
        self._logins.labels(result).inc()

    def lockout(self) -> None:
        """A name was locked."""
        self._lockouts.inc()

    def refresh(self, result: RefreshResult) -> None:
        """One refresh token was shown."""
        self._refreshes.labels(result).inc()

    def authentication(self, kind: str, result: str) -> None:
        """One credential was judged."""
        self._authentications.labels(kind, result).inc()

    def watch_passwords(self, passwords: Passwords) -> None:
        """Measure the queue at each scrape."""
        gauge = Gauge(
            "ledgerline_control_password_queue",
            "Passwords that wait for a thread.",
            registry=self._registry,
        )
        gauge.set_function(lambda: passwords.waiting)

    def watch_pool(self, pool: asyncpg.Pool) -> None:
        """Measure the connection pool at each scrape."""
        connections = Gauge(
            "ledgerline_postgres_pool_connections",
            "Connections of the pool, by whether they are in use.",
            ("state",),
            registry=self._registry,
        )
        connections.labels("idle").set_function(pool.get_idle_size)
        connections.labels("in_use").set_function(lambda: pool.get_size() - pool.get_idle_size())
