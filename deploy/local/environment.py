"""The environment of each service process: where a setting of the embedded stack comes from."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.credentials import Secrets
from deploy.local.kafka_broker import bootstrap_at
from deploy.local.ports import HOST, Ports
from deploy.local.postgres_server import dsn_at
from deploy.local.spec import StackSpec
from deploy.local.valkey_server import valkey_url_at

PREFIX = "LEDGERLINE_"
WITH_TABLES = ("control", "billing", "logging")
# Would make every start compile every module again.
_NOT_INHERITED = ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME")
REPOSITORY = Path(__file__).resolve().parents[2]


def api_url(ports: Ports, service: str, instance: int = 0) -> str:
    """Address of a service's /api surface; the relay's is the public door."""
    return f"http://{HOST}:{ports[f'{service}-{instance}/api']}"


def internal_url(ports: Ports, service: str, instance: int = 0) -> str:
    """Address of a service's /internal, /metrics and /health."""
    return f"http://{HOST}:{ports[f'{service}-{instance}/internal']}"


def program_environment() -> dict[str, str]:
    """What every child inherits: the user's environment without any Ledgerline setting."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(PREFIX) and name not in _NOT_INHERITED
    }
    return kept | {
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
    }


@dataclass(frozen=True, kw_only=True)
class ServiceEnvironment:
    """Builds the environment of any service process of one stack."""

    state_dir: Path
    ports: Ports
    secrets: Secrets
    kafka_bootstrap: str
    dsns: Mapping[str, str]
    settings: Mapping[str, Mapping[str, str]]
    valkey_url: str | None = None
    relay_workers: int = 1

    def of(self, service: str, instance: int) -> dict[str, str]:
        """The whole environment of one process.

        `settings["all"]` gives way to what the stack computes; `settings[service]` does not, nor
        does what is for one process alone, `settings["logging-1"]`.
        """
        computed = (
            self._everyone(service, instance) | self._storage(service) | self._addresses(service)
        )
        own = {PREFIX + name: value for name, value in computed.items()}
        given, chosen = self.settings.get("all", {}), self.settings.get(service, {})
        alone = self.settings.get(f"{service}-{instance}", {})
        return {**program_environment(), **given, **own, **chosen, **alone}

    def kafka_only(self) -> dict[str, str]:
        """For a program that needs nothing but the broker."""
        return program_environment() | {PREFIX + "KAFKA_BOOTSTRAP": self.kafka_bootstrap}

    def _everyone(self, service: str, instance: int) -> dict[str, str]:
        name = f"{service}-{instance}"
        given = self.settings.get("all", {})
        return {
            "KAFKA_BOOTSTRAP": self.kafka_bootstrap,
            "HTTP_HOST": HOST,
            "HTTP_PORT": str(self.ports[f"{name}/api"]),
            "INTERNAL_HOST": HOST,
            "INTERNAL_PORT": str(self.ports[f"{name}/internal"]),
            "INSTANCE": name,
            "LOG_FORMAT": given.get(PREFIX + "LOG_FORMAT", "json"),
            "LOG_LEVEL": given.get(PREFIX + "LOG_LEVEL", "info"),
            "SERVICE_SECRET": self.secrets.service_secrets[service],
            "INTERNAL_CALLERS": self.secrets.internal_callers(),
        }

    def _storage(self, service: str) -> dict[str, str]:
        if service in WITH_TABLES:
            return {
                "POSTGRES_DSN": self.dsns[service],
                "POSTGRES_OWNER_DSN": self.dsns[f"{service}_owner"],
            }
        return {"JOURNAL_DIR": str(self.state_dir / "journal")}

    def _addresses(self, service: str) -> dict[str, str]:
        control = {"CONTROL_INTERNAL_URL": internal_url(self.ports, "control")}
        billing = {"BILLING_INTERNAL_URL": internal_url(self.ports, "billing")}
        reaches_providers = {
            "MASTER_KEY": self.secrets.master_key,
            # The simulated provider is on this machine.
            "EGRESS_ALLOWED_NETWORKS": json.dumps(["127.0.0.0/8"]),
        }
        if service == "control":
            return reaches_providers | billing | {"SIGNING_SEED": self.secrets.signing_seed}
        if service == "relay":
            apis = {f"{owner.upper()}_API_URL": api_url(self.ports, owner) for owner in WITH_TABLES}
            store = {"LIMITS_STORE_URL": self.valkey_url} if self.valkey_url else {}
            workers = {"RELAY_WORKERS": str(self.relay_workers)}
            return reaches_providers | control | billing | apis | store | workers
        return control | billing if service == "logging" else control


def environment_of(
    spec: StackSpec, *, state_dir: Path, ports: Ports, secrets: Secrets
) -> ServiceEnvironment:
    """Of the services of a stack, whether it runs or not."""
    return ServiceEnvironment(
        state_dir=state_dir,
        ports=ports,
        secrets=secrets,
        kafka_bootstrap=bootstrap_at(ports),
        dsns={
            role: dsn_at(ports, role, password)
            for role, password in secrets.postgres_passwords.items()
        },
        settings=spec.settings,
        valkey_url=valkey_url_at(ports, secrets.valkey_password) if spec.has_valkey else None,
        relay_workers=spec.relay_workers,
    )
