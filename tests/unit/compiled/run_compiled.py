"""Runs pytest with the hot paths compiled: `python -P tests/unit/compiled/run_compiled.py`.

Tests that cannot be run so are skipped, each for one of two reasons that are named here.
"""

import re
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from shared.compiled.using import use_compiled

VARIABLE = "LEDGERLINE_RELAY_COMPILED"
FAKED = re.compile(r"(services|shared)\.[\w.]+ object expected; got tests\.")
"""A compiled class takes no fake of another: what stands behind it is run by tests/e2e instead."""
CONSTANTS_CHANGED = frozenset(
    {
        "test_only_the_keys_that_were_used_last_are_kept_parsed",
        "test_an_event_that_outgrows_its_bound_loses_what_it_can_spare",
        "test_an_event_that_outgrows_its_bound_loses_what_it_can_spare_and_not_its_charge",
    }
)
"""They patch a constant, which is compiled into what uses it."""


class OnlyWhatCan:
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            if getattr(item, "originalname", item.name) in CONSTANTS_CHANGED:
                item.add_marker(pytest.mark.skip(reason="patches a constant"))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Any, Any]:
        report = yield
        raised = call.excinfo
        if raised and raised.type is TypeError and FAKED.match(str(raised.value)):
            report.outcome = "skipped"
            report.longrepr = (str(item.path), 0, "fakes a compiled class")
        return report


if __name__ == "__main__":
    running = use_compiled(VARIABLE, environment={VARIABLE: "required"})
    # What was asked for is what runs, and no more.
    import services.logging.ingest.counting
    import services.logging.rows.rows
    import services.relay.admission
    import services.relay.errors

    for listed in (services.logging.ingest.counting, services.relay.admission):
        assert Path(listed.__file__ or "").suffix == ".so", listed.__file__
    for unlisted in (services.logging.rows.rows, services.relay.errors):
        assert Path(unlisted.__file__ or "").suffix == ".py", unlisted.__file__
    print(running.reason)  # noqa: T201  # for who looks at the output
    sys.exit(pytest.main(sys.argv[1:], plugins=[OnlyWhatCan()]))
