"""A round goes over all accounts in as many turns as it takes. Pure."""

from dataclasses import dataclass, field

from services.billing.drift.store_drift import Drift, Turn

_NONE = Drift(0, 0, 0.0)


@dataclass(slots=True)
class Round:
    """Adds up the turns. What is shown does not fall before the round that found it is repeated."""

    after_workspace_id: int = 0
    _so_far: Drift = field(default=_NONE)
    _last_round: Drift = field(default=_NONE)

    def add(self, turn: Turn) -> dict[str, Drift]:
        """The figures to show after this turn."""
        found = turn.drifts["balances"]
        before = self._so_far
        self._so_far = Drift(
            before.looked_at + found.looked_at,
            before.rows + found.rows,
            before.units + found.units,
        )
        shown = max(self._so_far, self._last_round, key=lambda drift: (drift.rows, drift.units))
        looked_at = max(self._so_far.looked_at, self._last_round.looked_at)
        self.after_workspace_id = turn.after_workspace_id
        if not turn.after_workspace_id:
            shown, looked_at = self._so_far, self._so_far.looked_at
            self._last_round, self._so_far = self._so_far, _NONE
        return turn.drifts | {"balances": shown._replace(looked_at=looked_at)}
