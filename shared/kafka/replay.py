"""Dead letters back to their topic, once what kept them from being used is mended.

python -P -m shared.kafka.replay TOPIC GROUP
"""

import asyncio
import os
import sys
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.kafka.dead_letters import HEADER_PREFIX, dead_letter_topic
from shared.kafka.errors import SendError
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import OutgoingRecord

_MAX_RECORDS: Final = 500
_ARGUMENTS: Final = 3


async def replay(*, bootstrap: str, producer: IdempotentProducer, topic: str, group: str) -> int:
    """Send the dead letters of `group` not yet replayed to `topic` again; answer how many.

    Goes up to the letters that are there when it starts. How far it came is kept in Kafka, so a
    second call goes on behind the first; after a crash some are sent twice. Every group of the
    topic reads them again: their effects are idempotent by event id. Raises SendError, KafkaError.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id="replay",
        group_id=f"{group}.replay",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    # The dead-letter topics have one partition.
    tp = TopicPartition(dead_letter_topic(topic, group), 0)
    consumer.assign([tp])
    await consumer.start()
    try:
        end = (await consumer.end_offsets([tp]))[tp]
        count = 0
        while await consumer.position(tp) < end:
            letters = (await consumer.getmany(timeout_ms=200, max_records=_MAX_RECORDS)).get(tp, [])
            if not letters:
                continue
            await producer.send_all(
                [
                    OutgoingRecord(
                        topic,
                        letter.key,
                        letter.value,
                        tuple(h for h in letter.headers if not h[0].startswith(HEADER_PREFIX)),
                    )
                    for letter in letters
                ]
            )
            await consumer.commit({tp: letters[-1].offset + 1})
            count += len(letters)
        return count
    finally:
        await consumer.stop()


async def _run(bootstrap: str, topic: str, group: str) -> int:
    async with IdempotentProducer(bootstrap=bootstrap, client_id="replay") as producer:
        return await replay(bootstrap=bootstrap, producer=producer, topic=topic, group=group)


def main(arguments: list[str]) -> int:
    """Replay the dead letters of one topic and group. Kafka's address is in the environment."""
    bootstrap = os.environ.get("LEDGERLINE_KAFKA_BOOTSTRAP")
    if len(arguments) != _ARGUMENTS or not bootstrap:
        sys.stderr.write("LEDGERLINE_KAFKA_BOOTSTRAP=host:port … shared.kafka.replay TOPIC GROUP\n")
        return 2
    try:
        count = asyncio.run(_run(bootstrap, arguments[1], arguments[2]))
    except (KafkaError, SendError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    sys.stdout.write(f"{count} replayed\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv))
