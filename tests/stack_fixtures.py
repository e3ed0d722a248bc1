"""Fixtures that start the real parts. A part that does not start fails the test, never skips it.

- `infrastructure`: PostgreSQL (with roles) and Kafka (with topics), shared by the whole session.
- `database`: an empty database of its own in that PostgreSQL, with the same roles and schemas.
- `stack`: everything, shared by the whole session; do not kill what others use.
- `make_stack`: a stack for one test alone, to be broken: `await make_stack(billings=2)`.
"""

import shutil
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from deploy.local.spec import StackSpec
from deploy.local.stack import Stack
from deploy.postgres.roles import create_roles

# Of what a process printed: a report that is longer hides why the test failed.
_LOOKED_AT: Final = 300
_TOLD: Final = 10
_LONGEST: Final = 400
_ROUTINE: Final = '"level":"info"'

live_stacks: list[Stack] = []
"""The stacks whose output belongs in the report of a test that fails now."""


class MakeStack(Protocol):
    """Starts a stack that ends with the test; takes what `StackSpec` takes, but for the folder."""

    def __call__(
        self, *, infrastructure_only: bool = False, **spec: Any
    ) -> Coroutine[Any, Any, Stack]: ...


@dataclass(frozen=True)
class Database:
    """A database for one test, with the roles and schemas of the system and no table."""

    name: str
    infrastructure: Stack

    def dsn(self, role: str) -> str:
        """Its address for a role, or `superuser`."""
        return self.infrastructure.dsn(role, self.name)


@asynccontextmanager
async def _listed(stack: Stack) -> AsyncIterator[Stack]:
    """Stop it at the end, list its output until then, and keep nothing of it."""
    live_stacks.append(stack)
    try:
        yield stack
    finally:
        try:
            await stack.stop()
        finally:
            live_stacks.remove(stack)
            shutil.rmtree(stack.state_dir, ignore_errors=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def infrastructure(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    made = Stack(StackSpec(state_dir=tmp_path_factory.mktemp("infrastructure")))
    async with _listed(made):
        await made.start_infrastructure()
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def database(infrastructure: Stack) -> AsyncIterator[Database]:
    made = Database(f"test_{uuid4().hex}", infrastructure)
    connection = await asyncpg.connect(infrastructure.dsn("superuser"))
    try:
        await connection.execute(f"CREATE DATABASE {made.name}")
        await create_roles(made.dsn("superuser"), infrastructure.secrets.postgres_passwords)
        yield made
        await connection.execute(f"DROP DATABASE {made.name} WITH (FORCE)")
    finally:
        await connection.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    made = Stack(StackSpec(state_dir=tmp_path_factory.mktemp("stack")))
    async with _listed(made):
        await made.start()
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def make_stack(tmp_path: Path) -> AsyncIterator[MakeStack]:
    async with AsyncExitStack() as stopping:

        async def make(*, infrastructure_only: bool = False, **spec: Any) -> Stack:
            made = Stack(StackSpec(state_dir=tmp_path / uuid4().hex, **spec))
            await stopping.enter_async_context(_listed(made))
            await (made.start_infrastructure() if infrastructure_only else made.start())
            return made

        yield make


def output_tails() -> Iterator[tuple[str, str]]:
    """The last lines of every process of the stacks that are up, by name, without the routine."""
    for each in live_stacks:
        for process in each.processes():
            lines = process.last_lines(_LOOKED_AT).splitlines()
            told = [line[:_LONGEST] for line in lines if _ROUTINE not in line]
            if told:
                yield process.name, "\n".join(told[-_TOLD:])
