"""A panel on a metric that does not exist stays empty, and nobody knows why."""

import json
import re
from typing import Any

import pytest
import yaml

from deploy.prometheus.dashboards import DASHBOARDS, as_rules, queries
from tests.unit.deploy.compose_file import REPOSITORY, service
from tests.unit.deploy.metric_names import metric_names

_QUERIES = list(queries())
_PROVISIONING = REPOSITORY / "deploy/grafana/provisioning"


@pytest.mark.parametrize(("title", "query"), _QUERIES)
def test_each_metric_of_a_panel_exists(title: str, query: str) -> None:
    named = set(re.findall(r"ledgerline_\w+", query))
    assert named, title
    assert named <= metric_names()


def test_a_panel_has_a_title_that_says_what_it_shows_and_a_note() -> None:
    panels = [
        panel
        for path in DASHBOARDS.glob("*.json")
        for panel in json.loads(path.read_text())["panels"]
        if panel["type"] != "row"
    ]
    assert len(panels) > 10
    assert all(panel["title"] and panel["description"] for panel in panels)
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_grafana_finds_its_data_and_its_dashboards_where_compose_puts_them() -> None:
    (source,) = _read("datasources/prometheus.yml")["datasources"]
    (provider,) = _read("dashboards/ledgerline.yml")["providers"]
    mounts = dict(volume.split(":")[:2] for volume in service("grafana")["volumes"])

    assert source["url"] == "http://prometheus:9090"
    uids = set(re.findall(r'"uid": "([^"]+)"', (DASHBOARDS / "ledgerline.json").read_text()))
    assert uids == {source["uid"]}  # the dashboard's own is the same word
    assert mounts["./deploy/grafana/dashboards"] == provider["options"]["path"]
    assert mounts["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"


def test_queries_reach_promtool_without_grafana_s_variables() -> None:
    rules = as_rules(queries())["groups"][0]["rules"]
    assert len(rules) == len(_QUERIES)
    assert not any("$" in rule["expr"] for rule in rules)


def _read(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((_PROVISIONING / name).read_text())
    return read
