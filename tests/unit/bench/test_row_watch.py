from operations.bench.delay import RowWatch


def test_a_row_counts_from_when_it_was_first_seen() -> None:
    watch = RowWatch("")
    watch.note([(1, "a"), (2, "b")], 10.0)
    watch.note([(2, "b"), (3, "c")], 10.5)
    assert watch.seen_at == {"a": 10.0, "b": 10.0, "c": 10.5}


def test_a_smaller_id_that_commits_later_is_not_passed_over() -> None:
    watch = RowWatch("")
    watch.note([(1, "a"), (3, "c")], 10.0)
    assert watch.contiguous_until == 1
    watch.note([(2, "b"), (3, "c")], 10.2)
    assert watch.seen_at == {"a": 10.0, "b": 10.2, "c": 10.0}
    assert watch.contiguous_until == 3


def test_an_id_that_was_rolled_back_holds_nothing_up_for_long() -> None:
    watch = RowWatch("")
    watch.note([(2, "b")], 10.0)
    assert watch.contiguous_until == 0
    watch.note([(2, "b")], 11.0)
    assert watch.contiguous_until == 2
