"""`docs/settings.md`, made from the settings' own classes: `python -P -m deploy.settings_page`."""

import json
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from deploy.local.ports import PORT_SETTINGS
from services.billing.settings import BillingSettings
from services.control.settings import ControlSettings
from services.logging.settings import LoggingSettings
from services.relay.settings import RelaySettings
from shared.service.settings import DatabaseSettings, ServiceSettings

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
SETTINGS: Final[dict[str, type[ServiceSettings]]] = {
    "relay": RelaySettings,
    "control": ControlSettings,
    "billing": BillingSettings,
    "logging": LoggingSettings,
}
_PREFIX: Final = "LEDGERLINE_"
_HEAD: Final = """# Settings

Made from the settings' classes by `python -P -m deploy.settings_page`; do not edit.

Every setting is an environment variable. Durations end in `_S` (seconds) or `_MS` (milliseconds),
sizes in `_BYTES`, money in `_UNITS` (500,000 is $1). Lists and mappings are written as JSON. A
service that misses a required setting, or cannot read one, stops at its start and names it.

"""
_COMMANDS: Final = (
    ("KAFKA_BOOTSTRAP", "Kafka's bootstrap servers, for `shared.kafka.topics` and `.replay`"),
    (
        "KAFKA_REPLICATION_FACTOR",
        "Copies of each partition of a topic that `shared.kafka.topics` makes; 1 where not set",
    ),
    ("POSTGRES_SUPERUSER_DSN", "For `deploy.postgres`: of a role that may create roles *Secret.*"),
    ("POSTGRES_PASSWORDS", "For `deploy.postgres`: role to password, as JSON *Secret.*"),
)


def settings_page() -> str:
    """The page, whole."""
    everyone = set(ServiceSettings.model_fields)
    with_tables = set(DatabaseSettings.model_fields) - everyone
    parts = [
        _table("Of every service", ServiceSettings, everyone),
        _table("Of a service that has tables", DatabaseSettings, with_tables),
        *(
            _table(f"Of `{name}`", settings, set(settings.model_fields) - everyone - with_tables)
            for name, settings in SETTINGS.items()
        ),
        _ports(),
        _commands(),
    ]
    return _HEAD + "\n".join(parts)


def _table(title: str, settings: type[ServiceSettings], names: set[str]) -> str:
    rows = (
        _row(_PREFIX + name.upper(), _default(field), _meaning(field))
        for name, field in settings.model_fields.items()
        if name in names
    )
    return _lines(title, ("Variable", "Default", "Meaning"), rows)


def _ports() -> str:
    rows = (
        _row(setting.variable, f"`{setting.default}`", f"Port of {setting.name}")
        for setting in PORT_SETTINGS
    )
    return _lines("Ports of `make run`", ("Variable", "Default", "Meaning"), rows)


def _commands() -> str:
    rows = (f"| `{_PREFIX}{name}` | {meaning} |\n" for name, meaning in _COMMANDS)
    return _lines("Of the commands", ("Variable", "Meaning"), rows)


def _lines(title: str, columns: tuple[str, ...], rows: Iterable[str]) -> str:
    head = "| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|\n"
    return f"## {title}\n\n{head}{''.join(rows)}"


def _row(variable: str, default: str, meaning: str) -> str:
    return f"| `{variable}` | {default} | {meaning} |\n"


def _meaning(field: FieldInfo) -> str:
    text = " ".join((field.description or "").split())
    kinds = (field.annotation, *getattr(field.annotation, "__args__", ()))
    return f"{text} *Secret.*" if SecretStr in kinds else text


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value: Any = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value is PydanticUndefined:
        return "none"
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        return f"`{value}`"
    return f"`{json.dumps(value)}`"


def main() -> int:
    """Write the page."""
    PAGE.write_text(settings_page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
