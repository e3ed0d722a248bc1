"""What the public is told of billing's tables: their columns and types, never a value."""

from typing import Final

from shared.transparency.disclosure import Disclosure, plumbing

DISCLOSURE: Final = Disclosure(
    service="billing",
    tables={
        "accounts": "accounts",
        "ledger_entries": "ledger_entries",
        "charge_settlements": "charge_settlements",
        "rating_snapshots": "rating_snapshots",
        "grants": "grants",
        "leases": "leases",
        "token_usage": "token_usage",
        "quota_data": "quota_data",
        "budgets": "budgets",
        "budget_history": "budget_history",
        "budget_crossings": "budget_crossings",
        "budget_errors": "budget_errors",
        "prices": "prices",
        "group_ratios": "group_ratios",
        "what_if_sums": "what_if_sums",
    },
    withheld={
        **plumbing("event_outbox", "state_outbox", "consumer_watermarks", "consumer_accepted_gaps"),
        "price_drafts": "Prices that the operator plans; those that hold are in `prices`.",
        "what_if_runs": "What the operator tried out, and how far each trial is.",
    },
)
