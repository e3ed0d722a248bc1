"""The stack leaves none of its processes, however it ends, and keeps them running meanwhile."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.environment import PREFIX, REPOSITORY
from deploy.local.ports import PORT_SETTINGS, Ports
from deploy.local.state_folder import StateFolder, StateFolderInUseError
from tests.stack_fixtures import MakeStack

_DEADLINE_S = 60.0


class Terminal:
    """`make run`'s program, with PostgreSQL and Kafka only, and what it printed."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.printed = ""
        free = Ports()
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
        self.environment |= {each.variable: str(free[each.name]) for each in PORT_SETTINGS}
        self.environment |= {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}

    async def start(self, *, until: str) -> None:
        arguments = ("--state-dir", str(self.state_dir), "run", "--infrastructure-only")
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "deploy.local", *arguments),
            cwd=REPOSITORY,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        await self.read_until(until)

    async def read_until(self, pattern: str) -> re.Match[str]:
        """Read on until a line matches; fails when the program ends before."""
        assert self.process.stdout is not None
        async with asyncio.timeout(_DEADLINE_S):
            while line := (await self.process.stdout.readline()).decode():
                self.printed += line
                if match := re.search(pattern, line):
                    return match
        pytest.fail(f"no line matches {pattern}:\n{self.printed}")

    async def read_to_end(self) -> int:
        assert self.process.stdout is not None
        async with asyncio.timeout(_DEADLINE_S):
            self.printed += (await self.process.stdout.read()).decode()
            return await self.process.wait()

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    made = Terminal(tmp_path / "state")
    await made.start(until="^output ")
    yield made
    if made.process.returncode is None:
        made.process.kill()
    await made.read_to_end()


async def _wait_until_gone(processes: list[psutil.Process]) -> None:
    names = {process.pid: _program(process) for process in processes}
    deadline = asyncio.get_running_loop().time() + 15
    while left := [process.pid for process in processes if _lives(process)]:
        if asyncio.get_running_loop().time() > deadline:
            pytest.fail(f"still there: {[names.get(pid, pid) for pid in left]}")
        await asyncio.sleep(0.05)


def _program(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()[:1])
    except psutil.Error:  # it ended while we looked
        return ""


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_kill_9_of_the_stack_itself_leaves_no_process_and_loses_no_lock(
    terminal: Terminal,
) -> None:
    children = terminal.children()
    assert {child.name() for child in children} >= {"postgres", "java", "valkey-server"}
    with pytest.raises(StateFolderInUseError):
        StateFolder(terminal.state_dir).delete()
    terminal.process.kill()
    await terminal.read_to_end()
    await _wait_until_gone(children)
    StateFolder(terminal.state_dir).delete()
    assert not terminal.state_dir.exists()


async def test_ctrl_c_stops_everything_and_a_second_start_goes_on(terminal: Terminal) -> None:
    children = terminal.children()
    terminal.process.send_signal(signal.SIGINT)
    assert await terminal.read_to_end() == 0
    assert "everything is stopped" in terminal.printed
    assert not any(_lives(child) for child in children)
    await terminal.start(until="^output ")


async def test_a_death_is_reported_and_mended_and_the_third_in_a_minute_stops_the_stack(
    terminal: Terminal,
) -> None:
    (pid,) = [child.pid for child in terminal.children() if child.cmdline()[1:2] == ["-D"]]
    for _ in range(2):
        os.kill(pid, signal.SIGKILL)
        restarted = await terminal.read_until(r"postgres is started again \(pid (\d+)\)")
        pid = int(restarted[1])
    children = terminal.children()
    os.kill(pid, signal.SIGKILL)
    assert await terminal.read_to_end() == 1
    assert "postgres (pid" in terminal.printed
    assert "was killed by SIGKILL; its last lines:" in terminal.printed
    assert "3 deaths in 60 s" in terminal.printed
    assert not any(_lives(child) for child in children)


async def test_a_second_start_in_one_state_folder_is_refused(terminal: Terminal) -> None:
    second = Terminal(terminal.state_dir)
    await second.start(until="a stack is already running in")
    assert await second.read_to_end() == 1


async def test_both_servers_come_back_with_their_data_after_kill_9(make_stack: MakeStack) -> None:
    stack = await make_stack(infrastructure_only=True)
    await _execute(stack.dsn("billing_owner"), "CREATE TABLE kept (n int)")
    await _execute(stack.dsn("billing"), "INSERT INTO kept VALUES (42)")
    topic = await _publish(stack.kafka_bootstrap, b"kept too")
    for name in ("postgres", "kafka"):
        children = psutil.Process(stack.process(name).pid).children(recursive=True)
        await stack.kill(name)
        await _wait_until_gone(children)
        await stack.start_process(name)
        await stack.wait_ready(name)
    assert await _execute(stack.dsn("billing"), "SELECT n FROM kept") == 42
    assert await _read_one(stack.kafka_bootstrap, topic) == b"kept too"
    processes = [psutil.Process(process.pid) for process in stack.processes() if process.running]
    await stack.stop()
    assert not any(_lives(process) for process in processes)


async def _publish(bootstrap: str, value: bytes) -> str:
    topic = "kept"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        await producer.send_and_wait(topic, value)
    return topic


async def _read_one(bootstrap: str, topic: str) -> bytes | None:
    partition = TopicPartition(topic, 0)
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer, asyncio.timeout(20):
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        value: bytes | None = (await consumer.getone()).value
        return value


async def _execute(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()
