from shared.kafka.batch_sizes import BatchSizer


def sizer() -> BatchSizer:
    return BatchSizer(usual=2_000, lagging=20_000)


def test_batches_grow_with_what_waits_and_not_beyond_their_bound() -> None:
    sizes = [sizer().size(lag) for lag in (0, 3_999, 10_000, 39_999, 10**6)]
    assert sizes == [2_000, 2_000, 5_000, 19_999, 20_000]


def test_after_a_slow_batch_the_next_has_half_and_quick_ones_grow_again() -> None:
    made = sizer()
    made.took(20_000, 2.5)
    assert made.size(10**6) == 10_000
    made.took(10_000, 9.0)
    made.took(5_000, 9.0)
    made.took(2_500, 9.0)
    assert made.size(10**6) == 2_000, "never below the usual size"
    made.took(2_000, 0.1)
    assert made.size(10**6) == 4_000
    made.took(100, 0.1)
    assert made.size(10**6) == 4_000, "a small batch says nothing of a large one"
    made.took(4_000, 0.5)
    made.took(8_000, 0.5)
    made.took(16_000, 0.5)
    assert made.size(10**6) == 20_000


def test_without_a_bound_of_its_own_a_lag_changes_nothing() -> None:
    made = BatchSizer(usual=2_000, lagging=0)
    assert made.size(10**6) == 2_000
