"""Applying a batch: one transaction, tried again while it makes sense, in parts when it does not.

What may go wrong, and what is done about it:
    conflict, server away       the same batch again, after a growing wait, for as long as it takes
    a lock is not had           the same; whose process is frozen with it loses it
    watermark moved by another  StalePositionError to the caller
    unreadable records          to the dead-letter topic, then the batch again without them
    a handler halts             that partition stops there; the rest of the batch again
    values refused, a bug       halves, down to the record, which is dead-lettered or halts
    a statement takes too long  halves
"""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from typing import Final, Literal, Protocol

import asyncpg

from shared.kafka import watermarks
from shared.kafka.dead_letters import DeadLetters
from shared.kafka.errors import (
    DeadLetterReason,
    HaltReason,
    PartitionHaltError,
    SendError,
    StalePositionError,
    Unreadable,
    UnreadableRecordError,
)
from shared.kafka.metrics import ConsumerMetrics
from shared.kafka.positions import Halt
from shared.kafka.records import Partition, Record, last_by_partition
from shared.postgres.failures import (
    STATEMENT_TIMEOUT,
    Failure,
    classify,
    describe_error,
    sqlstate_of,
)
from shared.postgres.frozen_sessions import FROZEN_AFTER_S, make_way
from shared.postgres.retrying import (
    CommitUnknownError,
    Connection,
    backoff_s,
    in_transaction,
)
from shared.telemetry.logs import get_logger

_FIRST_BACKOFF_S: Final = 0.05
_MAX_POISON_IN_A_ROW: Final = 100

_logger = get_logger()


class BatchHandler(Protocol):
    """Applies records to the service's tables."""

    def __call__(self, connection: Connection, records: Sequence[Record], /) -> Awaitable[None]:
        """Called inside the transaction that moves the watermarks; must not commit.

        Must be idempotent by event id: the same record may come again. Within a partition records
        come in order. Raises UnreadableRecordError for all that cannot be read, at once, and
        PartitionHaltError for what can be read and must not be passed over; any other error rolls
        back and is treated by its kind.
        """


class StoppedError(Exception):
    """The consumer was told to stop while it waited to try again."""


class BatchApplier:
    """Applies batches for one consumer group."""

    def __init__(
        self,
        *,
        group: str,
        pool: asyncpg.Pool,
        handler: BatchHandler,
        dead_letters: DeadLetters,
        on_poison: Literal["dead-letter", "halt"],
        stopping: asyncio.Event,
        metrics: ConsumerMetrics | None,
        frozen_after_s: float = FROZEN_AFTER_S,
    ) -> None:
        self._group = group
        self._pool = pool
        self._handler = handler
        self._dead_letters = dead_letters
        self._on_poison = on_poison
        self._stopping = stopping
        self._metrics = metrics
        self._frozen_after_s = frozen_after_s
        self._poison_in_a_row = 0
        # Of the batch in hand.
        self._passed_over: set[tuple[Partition, int]] = set()
        self._halts: dict[Partition, Halt] = {}

    async def apply(
        self, records: Sequence[Record], offsets: dict[Partition, int]
    ) -> dict[Partition, Halt]:
        """Apply records, in order within each partition; answer the partitions that halted.

        `offsets` are the watermarks as this process knows them, and are moved with each commit.
        Raises StalePositionError when the database knows better, StoppedError when told to stop.
        """
        self._passed_over.clear()
        self._halts = {}
        started = time.perf_counter()
        await self._apply(list(records), offsets)
        if self._metrics is not None:
            self._metrics.batch_records.labels(self._group).observe(len(records))
            self._metrics.batch_seconds.labels(self._group).observe(time.perf_counter() - started)
        return self._halts

    async def _apply(self, batch: list[Record], offsets: dict[Partition, int]) -> None:
        attempt = 0
        while batch := self._without_halted(batch):
            try:
                await self._commit(batch, offsets)
            except StalePositionError:
                raise
            except CommitUnknownError as error:
                # Only the database knows; the caller looks at the watermark again.
                raise StalePositionError from error
            except UnreadableRecordError as error:
                await self._send_dead_letters(error.unreadable)
            except PartitionHaltError as error:
                self._halt(error.record, HaltReason.HANDLER, error.code)
            except Exception as error:  # noqa: BLE001 - sorted by kind below
                kind = classify(error)
                self._count_failure(kind)
                is_too_long = sqlstate_of(error) == STATEMENT_TIMEOUT
                if kind in (Failure.DATA, None) or (is_too_long and len(batch) > 1):
                    if len(batch) == 1:
                        await self._poison(batch[0], error)
                        continue
                    middle = len(batch) // 2
                    await self._apply(batch[:middle], offsets)
                    batch = batch[middle:]
                    continue
                attempt += 1
                _logger.warning(
                    "batch_tried_again",
                    group=self._group,
                    records=len(batch),
                    attempt=attempt,
                    **describe_error(error),
                )
                await make_way(self._pool, error, after_s=self._frozen_after_s)
                await self._pause(attempt)
            else:
                return

    async def _commit(self, batch: list[Record], offsets: dict[Partition, int]) -> None:
        moves = last_by_partition(batch)
        readable = batch
        if self._passed_over:
            readable = [record for record in batch if _place(record) not in self._passed_over]

        async def work(connection: Connection) -> None:
            # First, so that a process that was overtaken finds out before it does anything.
            steps = {p: watermarks.Move(offsets[p], last) for p, last in moves.items()}
            await watermarks.move(connection, self._group, steps)
            if readable:
                await self._handler(connection, readable)

        await in_transaction(self._pool, work, attempts=1)
        if readable:
            self._poison_in_a_row = 0
        for partition, last in moves.items():
            offsets[partition] = last.offset + 1

    def _without_halted(self, batch: list[Record]) -> list[Record]:
        if not self._halts:
            return batch
        return [
            record
            for record in batch
            if (halt := self._halts.get(Partition(record.topic, record.partition))) is None
            or record.offset < halt.from_offset
        ]

    async def _poison(self, record: Record, error: Exception) -> None:
        described = describe_error(error)
        self._poison_in_a_row += 1
        _logger.error(
            "record_refused",
            group=self._group,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            **described,
        )
        # When every record is refused it is not the records: stop before the topic is emptied.
        if self._on_poison == "halt" or self._poison_in_a_row > _MAX_POISON_IN_A_ROW:
            self._halt(record, HaltReason.POISON, described.get("sqlstate", described["error"]))
            return
        reason = (
            DeadLetterReason.HANDLER_FAILED
            if classify(error) is None
            else DeadLetterReason.DATABASE_REFUSED
        )
        await self._send_dead_letters((Unreadable(record, reason),))

    async def _send_dead_letters(self, unreadable: Sequence[Unreadable]) -> None:
        """Send them before the batch's offsets move: a crash in between sends them twice."""
        attempt = 0
        while True:
            try:
                await self._dead_letters.send(unreadable)
                break
            except SendError:
                attempt += 1
                _logger.warning("dead_letters_not_acknowledged", group=self._group)
                await self._pause(attempt)
        for record, reason in unreadable:
            self._passed_over.add(_place(record))
            _logger.error(
                "record_dead_lettered",
                group=self._group,
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                reason=reason.value,
            )
            if self._metrics is not None:
                self._metrics.dead_letters.labels(self._group, record.topic, reason.value).inc()

    def _halt(self, record: Record, reason: HaltReason, code: str) -> None:
        partition = Partition(record.topic, record.partition)
        self._halts[partition] = Halt(reason, record.offset, record.offset, code)

    def _count_failure(self, kind: Failure | None) -> None:
        if self._metrics is not None:
            name = "handler" if kind is None else kind.value
            self._metrics.batch_failures.labels(self._group, name).inc()

    async def _pause(self, attempt: int) -> None:
        try:
            await asyncio.wait_for(
                self._stopping.wait(), backoff_s(attempt, first_s=_FIRST_BACKOFF_S)
            )
        except TimeoutError:
            return
        raise StoppedError


def _place(record: Record) -> tuple[Partition, int]:
    return Partition(record.topic, record.partition), record.offset
