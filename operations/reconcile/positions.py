"""How far the consumers are, held against what the topic has. Pure."""

from collections.abc import Iterator, Mapping

from operations.reconcile.gaps import Gap
from operations.reconcile.tables import APPLYING
from shared.events.health import RelayMarked
from shared.kafka.records import Partition
from shared.kafka.spans import Span

Marks = Mapping[tuple[str, Partition], int]


def behind(spans: Mapping[Partition, Span], marks: Marks) -> Iterator[Gap]:
    """Groups that have not applied what was on the topic at its ends, or never can."""
    for partition, span in spans.items():
        for group in APPLYING:
            stands = marks.get((group, partition), 0)
            if stands < span.begin:
                yield Gap(
                    _place(partition, stands, span.begin),
                    f"{group} did not apply it, and the topic no longer has it",
                )
            elif stands < span.end:
                yield Gap(_place(partition, stands, span.end), f"{group} has not applied it yet")


def beyond(later: Mapping[Partition, Span], marks: Marks) -> Iterator[Gap]:
    """Groups that applied what the topic does not have. `later` is newer than the marks."""
    for partition, span in later.items():
        for group in APPLYING:
            stands = marks.get((group, partition), 0)
            if stands > span.end:
                yield Gap(
                    _place(partition, span.end, stands),
                    f"{group} applied it, and the topic no longer has it",
                )


def _place(partition: Partition, begin: int, end: int) -> str:
    return f"{partition.topic}/{partition.partition}@{begin}-{end - 1}"


def unpublished(marks: Mapping[str, RelayMarked], seen: Mapping[str, int]) -> Iterator[Gap]:
    """Relays that published more than the topic has."""
    for relay_id, mark in marks.items():
        found = seen.get(relay_id, 0)
        if found < mark.published_count:
            yield Gap(
                f"relay {relay_id}",
                f"published {mark.published_count}, and the topic has {found} of them",
            )
