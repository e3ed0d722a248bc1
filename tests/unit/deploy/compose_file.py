"""The compose file, parsed, with YAML's merges and anchors resolved."""

import re
from pathlib import Path
from typing import Any, Final

import yaml

from services.billing.settings import BillingSettings
from services.control.settings import ControlSettings
from services.logging.settings import LoggingSettings
from services.relay.settings import RelaySettings
from shared.service.settings import ServiceSettings

REPOSITORY: Final = Path(__file__).parents[3]
TEXT: Final = (REPOSITORY / "docker-compose.yml").read_text()
COMPOSE: Final[dict[str, Any]] = yaml.safe_load(TEXT)
SERVICES: Final[dict[str, type[ServiceSettings]]] = {
    "relay": RelaySettings,
    "control": ControlSettings,
    "billing": BillingSettings,
    "logging": LoggingSettings,
}
PREFIX: Final = "LEDGERLINE_"
_VARIABLE: Final = re.compile(r"\$\{([A-Z0-9_]+)(:[?-])?([^}]*)\}")


def service(name: str) -> dict[str, Any]:
    """One service of the file."""
    found: dict[str, Any] = COMPOSE["services"][name]
    return found


def variables() -> dict[str, str]:
    """Every variable that the file takes from outside, and how: `:?` needed, `:-` has a default."""
    text = "".join(line for line in TEXT.splitlines() if not line.startswith("#"))
    return {name: kind for name, kind, _ in _VARIABLE.findall(text)}


def environment(name: str, outside: dict[str, str]) -> dict[str, str]:
    """The environment of a service's container, with what comes from outside put in."""

    def value_of(match: re.Match[str]) -> str:
        variable, kind, default = match.groups()
        return outside[variable] if kind == ":?" else outside.get(variable, default)

    return {
        key: _VARIABLE.sub(value_of, str(value))
        for key, value in service(name)["environment"].items()
    }
