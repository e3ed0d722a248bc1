"""An alert on a metric that does not exist is never raised."""

import re

import pytest
import yaml

from tests.unit.deploy.compose_file import REPOSITORY
from tests.unit.deploy.metric_names import metric_names

_PROMETHEUS = REPOSITORY / "deploy/prometheus"
_RULES = [
    rule
    for group in yaml.safe_load((_PROMETHEUS / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]


@pytest.mark.parametrize("rule", _RULES, ids=lambda rule: str(rule["alert"]))
def test_each_metric_exists_and_each_runbook_too(rule: dict[str, dict[str, str]]) -> None:
    assert set(re.findall(r"ledgerline_\w+", str(rule["expr"]))) <= metric_names()
    assert (REPOSITORY / rule["annotations"]["runbook"]).exists()


def test_each_alert_has_a_test_in_which_it_is_raised() -> None:
    """`python -P -m deploy.prometheus`, a part of `make check`, has promtool run those."""
    tests = yaml.safe_load((_PROMETHEUS / "alerts_test.yml").read_text())["tests"]
    raised = {
        case["alertname"]
        for test in tests
        for case in test["alert_rule_test"]
        if case.get("exp_alerts")
    }
    assert raised == {rule["alert"] for rule in _RULES}
