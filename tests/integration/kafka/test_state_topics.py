"""A state topic ends on the newest state, and a reader knows when it has read all of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import asyncpg
import pytest

from shared.kafka.producer import IdempotentProducer
from shared.kafka.rebuild import rebuild
from shared.kafka.records import OutgoingRecord, Record
from shared.kafka.state_publisher import Render, StatePublisher, StateValue, mark_dirty
from shared.kafka.state_reader import StateTopicReader
from shared.postgres.retrying import Connection
from tests.integration.kafka.broker import Broker
from tests.integration.kafka.waiting import until


async def _render(
    connection: Connection, _topic: str, keys: Sequence[str], /
) -> Mapping[str, StateValue | None]:
    rows = await connection.fetch("SELECT id, body FROM documents WHERE id = ANY($1)", list(keys))
    found = {row["id"]: StateValue(row["body"].encode(), (("v", b"1"),)) for row in rows}
    return {key: found.get(key) for key in keys}


async def _write(pool: asyncpg.Pool, topic: str, key: str, body: str | None) -> None:
    async with pool.acquire() as connection, connection.transaction():
        if body is None:
            await connection.execute("DELETE FROM documents WHERE id = $1", key)
        else:
            await connection.execute(
                "INSERT INTO documents VALUES ($1, $2)"
                " ON CONFLICT (id) DO UPDATE SET body = excluded.body",
                key,
                body,
            )
        await mark_dirty(connection, topic, [key])


@asynccontextmanager
async def _publishing(
    dsn: str, broker: Broker, topic: str, render: Render
) -> AsyncIterator[StatePublisher]:
    publisher = StatePublisher(
        dsn=dsn,
        bootstrap=broker.bootstrap,
        transactional_id=f"publisher-{topic}",
        render=render,
    )
    running = asyncio.create_task(publisher.run())
    try:
        yield publisher
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


class State:
    """What a reader has made of a topic."""

    def __init__(self) -> None:
        self.values: dict[str, str | None] = {}

    def apply(self, record: Record) -> None:
        assert record.key is not None
        self.values[record.key.decode()] = None if record.value is None else record.value.decode()

    async def becomes(self, wanted: Mapping[str, str | None]) -> None:
        async def is_so() -> bool:
            return self.values == wanted

        await until(is_so, f"the reader has {wanted}")


@asynccontextmanager
async def _reading(
    broker: Broker, topic: str, apply: Callable[[Record], None]
) -> AsyncIterator[StateTopicReader]:
    reader = StateTopicReader(
        bootstrap=broker.bootstrap, client_id="test", topics=(topic,), apply=apply
    )
    running = asyncio.create_task(reader.run())
    try:
        yield reader
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _no_marks(pool: asyncpg.Pool) -> None:
    async def is_so() -> bool:
        return not await pool.fetch("SELECT 1 FROM state_outbox LIMIT 1")

    await until(is_so, "every mark is cleared")


async def test_a_reader_is_ready_on_an_empty_topic_and_follows(
    pool: asyncpg.Pool, dsn: str, broker: Broker
) -> None:
    topic = await broker.new_topic(compacted=True)
    state = State()
    async with _reading(broker, topic, state.apply) as reader:
        async with asyncio.timeout(20):
            await reader.wait_ready()
        async with _publishing(dsn, broker, topic, _render):
            await _write(pool, topic, "a", "1")
            await _write(pool, topic, "b", "1")
            await state.becomes({"a": "1", "b": "1"})
            await _write(pool, topic, "a", None)
            await state.becomes({"a": None, "b": "1"})
            await _no_marks(pool)


async def test_a_reader_is_ready_only_behind_all_that_was_there(
    pool: asyncpg.Pool, dsn: str, broker: Broker
) -> None:
    """Transaction markers stand behind the last record, and count as offsets."""
    topic = await broker.new_topic(partitions=3, compacted=True)
    async with _publishing(dsn, broker, topic, _render):
        for n in range(20):
            await _write(pool, topic, f"k{n}", str(n))
        await _no_marks(pool)
    state = State()
    async with _reading(broker, topic, state.apply) as reader:
        async with asyncio.timeout(20):
            await reader.wait_ready()
        assert state.values == {f"k{n}": str(n) for n in range(20)}
        assert set(reader.lag.values()) == {0}


async def test_a_reader_hands_on_by_key_and_value_and_not_what_is_to_be_passed_over(
    producer: IdempotentProducer, broker: Broker
) -> None:
    topic = await broker.new_topic(compacted=True)
    sent = [(b"user:1", b"1"), (b"key:1", b"2"), (b"user:2", None), (b"key:2", b"3")]
    # What is passed over stands last: the reader is ready behind it all the same.
    sent.append((b"key:3", b"5"))
    await producer.send_all([OutgoingRecord(topic, key, value) for key, value in sent])
    taken: list[tuple[bytes | None, bytes | None]] = []
    reader = StateTopicReader(
        bootstrap=broker.bootstrap,
        client_id="test",
        topics=(topic,),
        apply=lambda record: pytest.fail(f"{record} was handed on whole"),
        states={topic: lambda key, value: taken.append((key, value))},
        passed_over={topic: b"key:"},
    )
    running = asyncio.create_task(reader.run())
    try:
        async with asyncio.timeout(20):
            await reader.wait_ready()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert taken == [(b"user:1", b"1"), (b"user:2", None)]


async def test_an_overtaken_publisher_cannot_bring_an_old_value_back(
    pool: asyncpg.Pool, dsn: str, broker: Broker
) -> None:
    """It has read the old row, loses its lock, and sends when another has sent the new one."""
    topic = await broker.new_topic(compacted=True)
    has_read, go_on = asyncio.Event(), asyncio.Event()
    victim: list[int] = []

    async def stalling(
        connection: Connection, name: str, keys: Sequence[str], /
    ) -> Mapping[str, StateValue | None]:
        rendered = await _render(connection, name, keys)
        if not victim:
            victim.append(await connection.fetchval("SELECT pg_backend_pid()"))
            has_read.set()
            await go_on.wait()
        return rendered

    async with _publishing(dsn, broker, topic, stalling) as first:
        await _write(pool, topic, "a", "old")
        await has_read.wait()
        await pool.execute("SELECT pg_terminate_backend($1)", victim[0])
        await _write(pool, topic, "a", "new")
        async with _publishing(dsn, broker, topic, _render) as second:
            await _no_marks(pool)
            assert second.is_publishing
            go_on.set()

            async def has_given_up() -> bool:
                return not first.is_publishing

            await until(has_given_up, "the first publisher has noticed")
            await _write(pool, topic, "b", "later")
            await _no_marks(pool)
            records = await broker.read(topic)
    newest = {record.key: record.value for record in records}
    assert newest == {b"a": b"new", b"b": b"later"}
    assert [r.value for r in records if r.key == b"a"] == [b"new"]


async def test_a_row_changed_while_it_is_sent_is_sent_again(
    pool: asyncpg.Pool, dsn: str, broker: Broker
) -> None:
    topic = await broker.new_topic(compacted=True)
    changed = False

    async def changing(
        connection: Connection, name: str, keys: Sequence[str], /
    ) -> Mapping[str, StateValue | None]:
        nonlocal changed
        rendered = await _render(connection, name, keys)
        if not changed:
            changed = True
            await _write(pool, topic, "a", "2")
        return rendered

    async with _publishing(dsn, broker, topic, changing):
        await _write(pool, topic, "a", "1")
        await _no_marks(pool)
    assert [record.value for record in await broker.read(topic)] == [b"1", b"2"]


async def test_rebuild_sends_every_row_and_buries_what_has_none(
    pool: asyncpg.Pool, dsn: str, broker: Broker
) -> None:
    topic = await broker.new_topic(compacted=True)
    async with _publishing(dsn, broker, topic, _render):
        for key in ("kept", "stray"):
            await _write(pool, topic, key, "1")
        await _no_marks(pool)
        await pool.execute("DELETE FROM documents WHERE id = 'stray'")
        await pool.execute("UPDATE documents SET body = '2'")
        async with pool.acquire() as connection, connection.transaction():
            marked = await rebuild(
                connection, bootstrap=broker.bootstrap, topic=topic, keys=["kept"]
            )
        assert marked == 2
        await _no_marks(pool)
    newest = {record.key: record.value for record in await broker.read(topic)}
    assert newest == {b"kept": b"2", b"stray": None}


@pytest.mark.parametrize("keys", [[], ["a", "a", "b"]])
async def test_marking_takes_any_list_of_keys(pool: asyncpg.Pool, keys: list[str]) -> None:
    async with pool.acquire() as connection:
        await mark_dirty(connection, "t", keys)
        rows = await connection.fetch("SELECT key FROM state_outbox ORDER BY key")
    assert [row["key"] for row in rows] == sorted(set(keys))
