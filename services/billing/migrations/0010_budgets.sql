-- What a workspace means to spend in a day, a week, a month or a year.
CREATE TABLE budgets (
    id bigserial PRIMARY KEY,
    workspace_id bigint NOT NULL,
    -- Null: of all of them.
    provider_id bigint,
    project_id bigint,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    amount_cents bigint NOT NULL CHECK (amount_cents >= 0),
    period text NOT NULL CHECK (period IN ('DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY')),
    -- Where its periods begin. A change of it holds from the next one on.
    timezone text NOT NULL DEFAULT 'UTC',
    -- Of the running period. Refunds of what an earlier one was charged are not in it.
    current_spent_units bigint NOT NULL DEFAULT 0,
    request_count bigint NOT NULL DEFAULT 0,
    error_count bigint NOT NULL DEFAULT 0,
    -- Kept, and not worked out again: a new edition of the time zones moves no period.
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL CHECK (period_end > period_start),
    -- What was charged before it counts to no period.
    first_period_start timestamptz NOT NULL,
    is_hard_limit boolean NOT NULL DEFAULT false,
    -- Percents of the amount.
    alert_thresholds integer[] NOT NULL DEFAULT '{50,80,100}',
    -- The highest one reached in the running period.
    last_alert_threshold integer,
    is_active boolean NOT NULL DEFAULT true,
    -- What leases of it hold, and what they have used that is not charged yet: as an account's.
    held_units bigint NOT NULL DEFAULT 0 CHECK (held_units >= 0),
    uncharged_units bigint NOT NULL DEFAULT 0 CHECK (uncharged_units >= 0),
    short_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
) WITH (fillfactor = 50);
CREATE INDEX budgets_by_workspace ON budgets (workspace_id, id) WHERE deleted_at IS NULL;
CREATE INDEX budgets_due ON budgets (period_end) WHERE deleted_at IS NULL AND is_active;

-- What each period came to. A charge that comes late amends it.
CREATE TABLE budget_history (
    id bigserial PRIMARY KEY,
    budget_id bigint NOT NULL REFERENCES budgets,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    timezone text NOT NULL,
    budget_amount_cents bigint NOT NULL,
    actual_spent_units bigint NOT NULL,
    request_count bigint NOT NULL,
    error_count bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    amended_at timestamptz,
    UNIQUE (budget_id, period_start)
);

-- Each threshold is told once in a period: this says which were.
CREATE TABLE budget_crossings (
    budget_id bigint NOT NULL REFERENCES budgets,
    period_start timestamptz NOT NULL,
    threshold_percent integer NOT NULL,
    spent_units bigint NOT NULL,
    is_late boolean NOT NULL,
    crossed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (budget_id, period_start, threshold_percent)
);

-- Requests that failed and were not charged have no entry to count them once by.
CREATE TABLE budget_errors (
    event_id uuid PRIMARY KEY,
    completed_at timestamptz NOT NULL
);
CREATE INDEX budget_errors_by_time ON budget_errors (completed_at);
