from operations.bench.figures import percentile


def test_a_percentile_is_the_smallest_value_that_the_share_is_not_above() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.95) == 95
    assert percentile(values, 0.99) == 99
    assert percentile([7.0], 0.99) == 7
    assert percentile([1.0, 2.0, 3.0], 0.5) == 2
    assert percentile([], 0.5) == 0
