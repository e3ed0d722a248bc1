"""The tests of the relay's and logging's rules hold for the compiled code too."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shared.compiled.manifest import REPOSITORY

TESTS = ("relay", "logging_service", "http", "money", "telemetry", "health")
# Of processes, which import what they run themselves; of memory, which is counted object by object.
LEFT_OUT = (
    "--ignore=tests/unit/relay/workers",
    "--deselect=tests/unit/relay/books/test_keys.py::test_a_key_takes_less_than_half_a_kilobyte",
)
LEAST_PASSED = 2000
MOST_SKIPPED = 120
"""All that fake a compiled class, or patch a constant: an eye on how many that becomes."""


@pytest.fixture(scope="module")
def build() -> None:
    made = subprocess.run(
        [sys.executable, "-P", "-m", "deploy.compiled"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode == 2:
        pytest.skip(made.stderr.strip())
    assert made.returncode == 0, made.stderr


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("build")
def test_the_tests_of_what_is_compiled_hold_for_it() -> None:
    done = subprocess.run(  # noqa: S603  # this interpreter, a file of ours
        [
            *(sys.executable, "-P", str(Path(__file__).with_name("run_compiled.py"))),
            *("-q", "--tb=short", *LEFT_OUT),
            *(f"tests/unit/{name}" for name in TESTS),
        ],
        cwd=REPOSITORY,
        env={**os.environ, "LEDGERLINE_FUZZ_SECONDS": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-1000:]
    counts = {kind: int(number) for number, kind in re.findall(r"(\d+) (\w+)", done.stdout[-200:])}
    assert counts["passed"] > LEAST_PASSED
    assert counts.get("skipped", 0) < MOST_SKIPPED, done.stdout[-200:]
