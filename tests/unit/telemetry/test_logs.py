"""Nothing that a client said is in the log, whatever went wrong."""

import json

import pytest

from tests.unit.telemetry.logged import output_of

MARKER = "zebra-7f3a"
RAISES = """
def inner(prompt):
    local = prompt
    raise ValueError('cannot read ' + prompt)

def outer(prompt):
    try:
        inner(prompt)
    except ValueError as error:
        raise RuntimeError('failed on ' + prompt) from error
"""
LOGS = """
prompt = 'zebra' + '-7f3a'
try:
    outer(prompt)
except RuntimeError as error:
    logger.exception('it.failed', request_id='r-1')
    logger.error('it.failed', exc_info=error)
    logger.error('it.failed', exc_info=(type(error), error, error.__traceback__))
    logging.getLogger('library').exception('could not parse %s', prompt)
    logging.getLogger('library').error('f-string ' + prompt, exc_info=True)
logging.getLogger('library').warning('could not parse %s of %s', prompt, dict(p=prompt))
logging.getLogger('library').warning('could not parse ' + prompt)
logging.getLogger('library').info('%s', prompt)
"""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_message_no_local_and_no_argument_is_shown(log_format: str) -> None:
    output = output_of(RAISES + LOGS, log_format=log_format)
    assert MARKER not in output
    assert output.count("it.failed") == 3
    assert output.count("RuntimeError") >= 5


def test_an_exception_is_told_by_its_type_and_its_place() -> None:
    lines = [json.loads(line) for line in output_of(RAISES + LOGS).splitlines()]
    first = lines[0]
    assert first["event"] == "it.failed"
    assert first["error"] == "RuntimeError"
    assert first["cause"] == "ValueError"
    assert first["request_id"] == "r-1"
    assert first["where"][-1].endswith(" outer")
    assert {"level", "timestamp", "service", "instance"} <= first.keys()


def test_a_librarys_line_keeps_its_format_and_says_where_it_is_from() -> None:
    lines = [json.loads(line) for line in output_of(RAISES + LOGS).splitlines()]
    told = [line["event"] for line in lines if line.get("library") == "library"]
    assert told == [
        "could not parse %s",
        "a library reported something",
        "could not parse %s of %s",
        "a library reported something",
    ]
    assert all(":" in line["where"] for line in lines[-2:])


def test_an_exception_that_nobody_caught_in_a_task_quotes_nothing() -> None:
    program = RAISES + (
        "import asyncio\n"
        "from shared.telemetry.loop import run_service\n"
        "async def work(): outer('zebra' + '-7f3a')\n"
        "async def main(stop):\n"
        "    task = asyncio.create_task(work())\n"
        "    await asyncio.sleep(0.01)\n"
        "    del task\n"
        "    asyncio.get_running_loop().call_soon(outer, 'zebra' + '-7f3a')\n"
        "    await asyncio.sleep(0.01)\n"
        "run_service(main)\n"
    )
    output = output_of(program)
    assert MARKER not in output
    assert output.count("loop.unhandled") == 2
    assert output.count("RuntimeError") == 2


def test_a_value_that_is_hard_to_write_does_not_lose_the_line() -> None:
    program = (
        "class Odd: pass\n"
        "logger.info('odd', surrogate='a\\udcffb', huge=10**30, thing=Odd, line='a\\nb')\n"
    )
    (line,) = output_of(program).splitlines()
    told = json.loads(line)
    assert (told["event"], told["huge"], told["line"]) == ("odd", 10**30, "a\nb")
    assert told["surrogate"] == "a\udcffb"
    assert "Odd" in told["thing"]
