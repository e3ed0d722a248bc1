"""An alert on a metric that does not exist is never raised."""

import re

import pytest
import yaml
from prometheus_client import CollectorRegistry

from services.billing.metrics import BillingMetrics
from services.relay.metrics import JournalMetrics, LeaseMetrics, RequestMetrics
from shared.kafka.metrics import ConsumerMetrics, OutboxMetrics
from tests.unit.deploy.compose_file import REPOSITORY

_RULES = [
    rule
    for group in yaml.safe_load((REPOSITORY / "deploy/prometheus/alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]


@pytest.fixture(name="metrics", scope="module")
def _metrics() -> set[str]:
    registry = CollectorRegistry(auto_describe=True)
    for made in (RequestMetrics, LeaseMetrics, JournalMetrics, ConsumerMetrics, OutboxMetrics,
                 BillingMetrics):  # fmt: skip
        made(registry)
    return {
        name + suffix
        for family in registry.collect()
        for name, suffix in [(family.name, "_total" if family.type == "counter" else "")]
    }


@pytest.mark.parametrize("rule", _RULES, ids=lambda rule: str(rule["alert"]))
def test_each_metric_exists_and_each_runbook_too(
    rule: dict[str, dict[str, str]], metrics: set[str]
) -> None:
    assert set(re.findall(r"ledgerline_\w+", str(rule["expr"]))) <= metrics
    assert (REPOSITORY / rule["annotations"]["runbook"]).exists()
