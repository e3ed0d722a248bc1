"""Every container gets the settings that its code reads, and no others."""

import json
import os
from typing import Any

import pytest
from pydantic import SecretStr

from deploy.local.credentials import CALLERS as LOCAL_CALLERS
from deploy.postgres.roles import ROLES
from deploy.postgres.server_settings import SERVER_SETTINGS
from deploy.secrets import CALLERS, new_environment
from tests.unit.deploy.compose_file import (
    COMPOSE,
    PREFIX,
    SERVICES,
    environment,
    service,
    variables,
)

_JOBS = {name: SERVICES[name.removeprefix("migrate-")] for name in COMPOSE["services"]
         if name.startswith("migrate-")}  # fmt: skip
_WITH_SETTINGS = [*SERVICES.items(), *_JOBS.items()]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(("name", "settings"), _WITH_SETTINGS)
def test_the_settings_can_be_read_from_the_container_s_environment(
    name: str, settings: Any, secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A required setting that is missing, or of the wrong form, stops a container at its start."""
    for key, value in environment(name, secrets).items():
        monkeypatch.setenv(key, value)
    read = settings()
    assert read.kafka_bootstrap == "kafka:9092"
    assert set(read.internal_callers) == set(CALLERS)


@pytest.mark.parametrize(("name", "settings"), _WITH_SETTINGS)
def test_no_variable_is_set_that_nobody_reads(name: str, settings: Any) -> None:
    known = {PREFIX + field.upper() for field in settings.model_fields}
    assert set(service(name)["environment"]) <= known


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_shows_its_own_credential_and_its_own_role(
    name: str, secrets: dict[str, str]
) -> None:
    given = environment(name, secrets)
    assert given["LEDGERLINE_SERVICE_SECRET"] == secrets[f"SERVICE_SECRET_{name.upper()}"]
    if "LEDGERLINE_POSTGRES_DSN" in given:
        password = secrets[f"POSTGRES_PASSWORD_{name.upper()}"]
        expected = f"postgresql://{name}:{password}@postgres:5432/ledgerline"
        assert given["LEDGERLINE_POSTGRES_DSN"] == expected
    assert "LEDGERLINE_POSTGRES_OWNER_DSN" not in given, "only a migration may change tables"


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_has_a_secret_of_another_s(name: str, secrets: dict[str, str]) -> None:
    given = "".join(environment(name, secrets).values())
    others = {
        variable
        for variable, value in secrets.items()
        if variable.startswith(("SERVICE_SECRET_", "POSTGRES_")) and value in given
    }
    assert others <= {f"SERVICE_SECRET_{name.upper()}", f"POSTGRES_PASSWORD_{name.upper()}"}


def test_the_roles_get_a_password_each(secrets: dict[str, str]) -> None:
    given = environment("roles", secrets)
    assert set(json.loads(given["LEDGERLINE_POSTGRES_PASSWORDS"])) == set(ROLES)


def test_every_secret_of_the_file_is_made_by_the_command_and_used() -> None:
    needed = {name for name, kind in variables().items() if kind == ":?"}
    unused = set(new_environment()) - needed
    assert needed <= set(new_environment())
    # The operator's credential is for a person's own calls; the services know its hash.
    assert unused == {"SERVICE_SECRET_OPERATOR"}


def test_no_secret_stands_in_the_file() -> None:
    """What is secret by its type, or in an address, comes from outside."""
    secret_fields = {
        PREFIX + name.upper()
        for settings in SERVICES.values()
        for name, field in settings.model_fields.items()
        if SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ()))
    }
    assert secret_fields >= {"LEDGERLINE_MASTER_KEY", "LEDGERLINE_POSTGRES_DSN"}
    for name, container in COMPOSE["services"].items():
        for key, value in container.get("environment", {}).items():
            if key in secret_fields or "PASSWORD" in key or "SUPERUSER" in key:
                assert "${" in str(value), f"{name}: {key}"


def test_postgres_is_set_as_everywhere_else() -> None:
    command = service("postgres")["command"]
    assert command[1:] == [f"--{name}={value}" for name, value in SERVER_SETTINGS.items()]


def test_callers_are_those_of_the_embedded_stack() -> None:
    assert CALLERS == LOCAL_CALLERS
