"""What the Grafana dashboards ask Prometheus. Pure but for reading the files."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

DASHBOARDS: Final = Path(__file__).resolve().parents[1] / "grafana" / "dashboards"
_WINDOW: Final = "1m"
"""In place of Grafana's own variable, which Prometheus does not know."""


def queries(folder: Path = DASHBOARDS) -> Iterator[tuple[str, str]]:
    """Each panel's title and each of its queries, as Prometheus would be asked."""
    for path in sorted(folder.glob("*.json")):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel.get("targets", ()):
                yield panel["title"], target["expr"].replace("$__rate_interval", _WINDOW)


def as_rules(asked: Iterator[tuple[str, str]]) -> dict[str, Any]:
    """The queries as recording rules: promtool reads those, and so checks the queries."""
    rules = [
        {"record": f"dashboard:query_{number}", "expr": query}
        for number, (_, query) in enumerate(asked)
    ]
    return {"groups": [{"name": "dashboards", "rules": rules}]}
