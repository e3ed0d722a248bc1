"""Whose log rows may be missing: those that were deleted, and no others."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from operations.reconcile.horizons import Horizons
from operations.reconcile.observed import Observed, ObservedRequest
from shared.events.requests import Outcome

AT = 1_750_000_000


def request(workspace_id: int, *, came_at: int, number: int) -> ObservedRequest:
    return ObservedRequest(
        request_id=str(UUID(int=(came_at * 1000) << 80 | 7 << 76 | 2 << 62 | number)),
        workspace_id=workspace_id,
        outcome=Outcome.SUCCEEDED,
        quota=10**9,
        completed_at=datetime.fromtimestamp(came_at + 1, UTC),
    )


def missing(horizons: Horizons) -> list[tuple[int, int]]:
    """Of two workspaces a request before AT and one at it, nobody has a row: who is missed."""
    asked = [(w, at) for w in (7, 2**50) for at in (AT - 1, AT)]
    observed, known = Observed(), {}
    for number, (workspace_id, came_at) in enumerate(asked):
        made = request(workspace_id, came_at=came_at, number=number)
        observed.add(made, relay_id="relay-0")
        known[made.request_id] = workspace_id, came_at
    return [known[gap.subject] for gap in observed.not_in_logs(horizons)]


@pytest.mark.parametrize(
    ("horizons", "missed"),
    [
        (Horizons(), [(7, AT - 1), (7, AT), (2**50, AT - 1), (2**50, AT)]),
        (Horizons(site=AT), [(7, AT), (2**50, AT)]),
        (Horizons(workspaces={2**50: AT}), [(7, AT - 1), (7, AT), (2**50, AT)]),
        (Horizons(site=AT, workspaces={7: AT - 5, 2**50: AT + 1}), [(7, AT)]),
        (Horizons(workspaces={9: AT + 1}), [(7, AT - 1), (7, AT), (2**50, AT - 1), (2**50, AT)]),
    ],
)
def test_only_what_was_deleted_is_not_missed(
    horizons: Horizons, missed: list[tuple[int, int]]
) -> None:
    assert missing(horizons) == missed


def test_it_is_said_what_was_deleted_and_what_was_refused() -> None:
    assert not list(Horizons().notes("not missed"))
    told = list(Horizons(AT, {7: AT + 60}, refused_events=3, refused_units=12).notes("not missed"))
    assert told == [
        "log rows older than 2025-06-15T15:06:40+00:00 were deleted: not missed",
        (
            "1 workspaces keep their log rows for less time, until 2025-06-15T15:07:40+00:00 at the"
            " latest: not missed"
        ),
        "3 events of 12 units came when their time was deleted already: they have no log row",
    ]
