"""Topics, made from the catalogue. `python -P -m shared.kafka.topics` makes those of the system."""

import asyncio
import os
import sys
from collections.abc import Iterable
from typing import Final, Protocol

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, NoError, TopicAlreadyExistsError, for_code

from shared.kafka.errors import TopicMismatchError

_MAX_MESSAGE_BYTES: Final = 1024 * 1024
_DEAD_LETTER_MAX_BYTES: Final = 8 * 1024 * 1024
_DEAD_LETTER_RETENTION_MS: Final = 365 * 24 * 60 * 60 * 1000
_DAY_MS: Final = 24 * 60 * 60 * 1000
_ATTEMPTS_S: Final = 60.0


class TopicLike(Protocol):
    """What is needed of a row of the catalogue."""

    @property
    def name(self) -> str: ...  # noqa: D102 - the topic's name
    @property
    def kind(self) -> str: ...  # noqa: D102 - "kept" or "compacted"
    @property
    def partitions(self) -> int: ...  # noqa: D102 - how many
    @property
    def retention_ms(self) -> int | None: ...  # noqa: D102 - of a kept topic
    @property
    def dead_letter_topics(self) -> tuple[str, ...]: ...  # noqa: D102 - their names


async def create_topics(
    bootstrap: str, catalog: Iterable[TopicLike], *, replication_factor: int = 1
) -> tuple[str, ...]:
    """Make the topics that do not exist yet and answer their names. Repeatable.

    Raises TopicMismatchError when an existing topic has another number of partitions: to change it
    would send keys to other partitions, so that needs a person.
    """
    wanted = {topic.name: topic for topic in _new_topics(tuple(catalog), replication_factor)}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=30_000)
    await admin.start()
    try:
        made = await _create(admin, wanted)
        await _check(admin, wanted)
    finally:
        await admin.close()
    return made


async def _create(admin: AIOKafkaAdminClient, wanted: dict[str, NewTopic]) -> tuple[str, ...]:
    existing = set(await admin.list_topics())
    missing = [topic for name, topic in wanted.items() if name not in existing]
    if not missing:
        return ()
    response = await admin.create_topics(missing)
    for name, code, *_ in response.topic_errors:
        error = for_code(code)
        # Another process may have been quicker.
        if error not in (NoError, TopicAlreadyExistsError):
            raise error(name)
    return tuple(topic.name for topic in missing)


async def _check(admin: AIOKafkaAdminClient, wanted: dict[str, NewTopic]) -> None:
    """Wait until each partition has a leader, and compare their number."""
    async with asyncio.timeout(_ATTEMPTS_S):
        while True:
            found = {topic["topic"]: topic for topic in await admin.describe_topics(list(wanted))}
            waiting = [
                name
                for name in wanted
                if name not in found
                or found[name]["error_code"] != 0
                or any(p["leader"] < 0 for p in found[name]["partitions"])
            ]
            if not waiting:
                break
            await asyncio.sleep(0.05)
    for name, topic in wanted.items():
        count = len(found[name]["partitions"])
        if count != topic.num_partitions:
            raise TopicMismatchError(
                f"{name} has {count} partitions and the catalogue says {topic.num_partitions}"
            )


def _new_topics(catalog: tuple[TopicLike, ...], replication_factor: int) -> Iterable[NewTopic]:
    for topic in catalog:
        if topic.kind == "compacted":
            config = {
                "cleanup.policy": "compact",
                # A reader that was away for a day still sees what was deleted.
                "delete.retention.ms": str(_DAY_MS),
                "min.cleanable.dirty.ratio": "0.1",
                "segment.ms": str(6 * 60 * 60 * 1000),
                "segment.bytes": str(64 * 1024 * 1024),
                "max.message.bytes": str(_MAX_MESSAGE_BYTES),
            }
        else:
            config = {
                "cleanup.policy": "delete",
                "retention.ms": str(topic.retention_ms or 90 * _DAY_MS),
                "max.message.bytes": str(_MAX_MESSAGE_BYTES),
            }
        if replication_factor > 1:
            config["min.insync.replicas"] = str(min(2, replication_factor))
        yield NewTopic(topic.name, topic.partitions, replication_factor, topic_configs=config)
        for name in topic.dead_letter_topics:
            yield NewTopic(
                name,
                1,
                replication_factor,
                topic_configs={
                    "cleanup.policy": "delete",
                    "retention.ms": str(_DEAD_LETTER_RETENTION_MS),
                    "max.message.bytes": str(_DEAD_LETTER_MAX_BYTES),
                },
            )


def main() -> int:
    """Make the system's topics. Settings come from the environment."""
    # Here and not above: this package knows no events, only its command does.
    from shared.events.catalog import CATALOG  # noqa: PLC0415 - the command's alone

    bootstrap = os.environ.get("LEDGERLINE_KAFKA_BOOTSTRAP")
    if not bootstrap:
        sys.stderr.write("LEDGERLINE_KAFKA_BOOTSTRAP says where Kafka is, as host:port\n")
        return 2
    factor = int(os.environ.get("LEDGERLINE_KAFKA_REPLICATION_FACTOR", "1"))
    try:
        made = asyncio.run(create_topics(bootstrap, CATALOG, replication_factor=factor))
    except (KafkaError, TopicMismatchError, TimeoutError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    sys.stdout.write(f"{len(made)} topics made: {', '.join(made) or 'all were there'}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
