"""A key's partition is the one that every other Kafka client would choose."""

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from shared.kafka.partitioning import Partitioner


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=50), st.integers(1, 64))
def test_agrees_with_the_client_also_when_remembered(keys: list[bytes], partitions: int) -> None:
    partitioner = Partitioner(partitions)
    everyone = DefaultPartitioner()
    for key in keys + keys:
        expected = everyone(key, list(range(partitions)), [])
        assert partitioner.partition(key) == expected


def test_records_without_a_key_go_round() -> None:
    partitioner = Partitioner(3)
    assert {partitioner.partition(None) for _ in range(3)} == {0, 1, 2}
