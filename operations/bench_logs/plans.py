"""What the database does for a call: its longest statement, with the plan that it took.

The server writes down the statements of the role `logging` while it lasts, with their parameters:
the rows are made up. Sessions see that from their start, so the service is started anew.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import asyncpg

from deploy.local.stack import Stack
from operations.bench_logs.calls import ANSWERS, Call, Door

_SETTINGS: Final = {
    "log_min_duration_statement": "0",
    "log_parameter_max_length": "-1",
    "log_error_verbosity": "default",
}
_BEGINS: Final = re.compile(r"^(?=\d{4}-\d\d-\d\d )", re.MULTILINE)
_SESSION: Final = re.compile(r"\[\d+\]")
_EXECUTED: Final = re.compile(
    r"LOG:  duration: (?P<ms>[\d.]+) ms  execute [^:]+:\s(?P<sql>.*)", re.DOTALL
)
_PARAMETERS: Final = re.compile(r"DETAIL:  [Pp]arameters: (?P<values>.*)", re.DOTALL)
_PARAMETER: Final = re.compile(r"\$\d+ = (NULL|'(?:[^']|'')*')")
_READS: Final = ("SELECT", "WITH")


class Statement(NamedTuple):
    """One that was executed."""

    ms: float
    sql: str
    parameters: tuple[str, ...]
    """As SQL literals."""


class Plan(NamedTuple):
    """Of the longest statement of a call."""

    title: str
    sql: str
    lines: list[str]


@asynccontextmanager
async def written_down(stack: Stack) -> AsyncIterator[None]:
    """The statements of `logging` are in the server's output until the block ends."""
    await _set(stack, "SET {} = '{}'")
    await _start_anew(stack)
    try:
        yield
    finally:
        await _set(stack, "RESET {}")
        await _start_anew(stack)


async def plan_of(stack: Stack, door: Door, title: str, call: Call) -> Plan:
    """The plan of the call's longest statement, taken as it is run again. Raises RuntimeError."""
    output = stack.process("postgres").output_path
    await door.ask(call)
    size = output.stat().st_size
    await door.ask(call)
    with output.open("rb") as told:
        told.seek(size)
        found = statements(told.read().decode(errors="replace"))
    longest = max((each for each in found if each.sql.startswith(_READS)), default=None)
    if longest is None:
        raise RuntimeError(f"{title}: no statement was written down")
    return Plan(title, longest.sql, await _explained(stack, longest))


def statements(output: str) -> list[Statement]:
    """What a server's output says was executed, with the values of its parameters. Pure."""
    found: list[Statement] = []
    executed_last: dict[str, int] = {}
    """By session: parameters follow what they are of, also where it was only bound."""
    for entry in _BEGINS.split(output):
        session = _SESSION.search(entry)
        if session is None:
            continue
        place = executed_last.pop(session[0], None)
        if executed := _EXECUTED.search(entry):
            sql = executed["sql"].strip().replace("\n\t", "\n")
            executed_last[session[0]] = len(found)
            found.append(Statement(float(executed["ms"]), sql, ()))
        elif place is not None and (told := _PARAMETERS.search(entry)):
            values = tuple(_PARAMETER.findall(told["values"]))
            found[place] = found[place]._replace(parameters=values)
    return found


async def _explained(stack: Stack, statement: Statement) -> list[str]:
    connection = await asyncpg.connect(stack.dsn("logging"))
    try:
        await connection.execute("SET plan_cache_mode = force_custom_plan")
        await connection.execute(f"PREPARE explained AS {statement.sql}")
        given = f"({', '.join(statement.parameters)})" if statement.parameters else ""
        rows = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS) EXECUTE explained{given}")
        return [row[0] for row in rows]
    finally:
        await connection.close()


async def _set(stack: Stack, change: str) -> None:
    connection = await asyncpg.connect(stack.dsn("superuser"))
    try:
        for name, value in _SETTINGS.items():
            await connection.execute(f"ALTER ROLE logging {change.format(name, value)}")
    finally:
        await connection.close()


async def _start_anew(stack: Stack) -> None:
    name = f"logging-{ANSWERS}"
    await stack.process(name).stop()
    await stack.start_process(name)
    await stack.wait_ready(name)
