"""`python -P -m deploy.prometheus`: promtool checks rules, their tests and dashboards."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from deploy.prometheus.dashboards import as_rules, queries
from deploy.prometheus.promtool import PromtoolMissingError, find_promtool

_HERE: Final = Path(__file__).parent


def main() -> int:
    """0 where everything is right. What is wrong is printed by promtool."""
    try:
        promtool = find_promtool()
    except PromtoolMissingError as missing:
        print(missing, file=sys.stderr)
        return 2
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as dashboards:
        json.dump(as_rules(queries()), dashboards)  # JSON is YAML
        dashboards.flush()
        checks = (
            ("check", "config", str(_HERE / "prometheus.yml")),
            ("test", "rules", str(_HERE / "alerts_test.yml")),
            ("check", "rules", dashboards.name),
        )
        codes = [subprocess.run([promtool, *check], check=False).returncode for check in checks]  # noqa: S603  # our own words
    return max(codes)


if __name__ == "__main__":
    raise SystemExit(main())
