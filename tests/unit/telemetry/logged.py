"""A program that logs, run by itself: its log is set up once and for good."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
HEAD = """
import logging, sys
from shared.telemetry.logs import LogFormat, configure_logs, get_logger
configure_logs(service='test', instance='test-0', log_format=LogFormat('{log_format}'))
logger = get_logger()
"""


def output_of(program: str, *, log_format: str = "json") -> str:
    """Everything that the program writes."""
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-P", "-c", HEAD.format(log_format=log_format) + program],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout + done.stderr
