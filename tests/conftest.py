"""What every test can ask for."""

from collections.abc import Generator

import pytest

from tests.clean_environment import clean_python
from tests.stack_fixtures import database, infrastructure, make_stack, output_tails, stack

__all__ = ["clean_python", "database", "infrastructure", "make_stack", "stack"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        report.sections.extend((f"output of {name}", lines) for name, lines in output_tails())
    return report
