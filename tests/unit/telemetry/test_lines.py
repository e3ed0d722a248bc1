"""A line that was put together is the line that structlog would have written."""

import json
import re
from typing import Any

import pytest

from shared.telemetry.lines import write_line
from tests.unit.telemetry.logged import output_of

MEMBERS = '"n":1,"none":null,"yes":true,"name":"a\\"\\\\\\u2028é\\ud83d\\ude00"'
BOTH = f"""
import json
from shared.telemetry.lines import write_line
members = json.loads({json.dumps(json.dumps("{" + MEMBERS + "}"))})
write_line('request', members[1:-1])
logger.info('request', **json.loads(members))
"""
IN_A_WORKER = """
import structlog
structlog.contextvars.bind_contextvars(worker=3)
configure_logs(service='test', instance='test-0', log_format=LogFormat('json'))
logger = get_logger()
"""


def pair(program: str, **how: str) -> tuple[dict[str, Any], dict[str, Any]]:
    ours, theirs = map(json.loads, output_of(program, **how).strip("\n").split("\n"))
    return ours, theirs


@pytest.mark.parametrize("before", ["", IN_A_WORKER])
def test_it_says_what_structlogs_says(before: str) -> None:
    ours, theirs = pair(before + BOTH)
    times = [line.pop("timestamp") for line in (ours, theirs)]
    assert ours == theirs
    assert ours["name"] == 'a"\\\u2028é\U0001f600'
    assert ours.get("worker") == (3 if before else None)
    for time in times:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", time)


def test_at_a_higher_level_there_is_none() -> None:
    higher = "configure_logs(service='t', instance='t', log_format=LogFormat.JSON, level='warning')"
    assert output_of(f"{higher}\n{BOTH}") == ""


def test_on_a_console_it_looks_as_the_others_do() -> None:
    ours, theirs = output_of(BOTH, log_format="console").strip("\n").split("\n")
    assert ours.split(" ", 2)[1:] == theirs.split(" ", 2)[1:]
    assert "request" in ours


def test_before_the_log_is_set_up_it_goes_through_structlog(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_line("request", '"n":1')
    assert "n=1" in capsys.readouterr().out
