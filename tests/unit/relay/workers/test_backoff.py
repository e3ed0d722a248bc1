"""A worker that crashes again and again must not take the machine with it."""

from services.relay.workers.backoff import FIRST_S, LONGEST_S, STEADY_S, Backoff


def test_each_crash_in_a_row_is_waited_for_twice_as_long_up_to_a_bound() -> None:
    backoff = Backoff()
    waits = [backoff.after(ran_s=0.0) for _ in range(8)]
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, LONGEST_S, LONGEST_S]


def test_who_ran_for_a_while_is_started_again_soon() -> None:
    backoff = Backoff()
    for _ in range(8):
        backoff.after(ran_s=STEADY_S - 0.1)
    assert backoff.after(ran_s=STEADY_S) == FIRST_S
    assert backoff.after(ran_s=0.0) == 2 * FIRST_S
