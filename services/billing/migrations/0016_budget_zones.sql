-- A workspace's new time zone waits for the period that runs to end.
ALTER TABLE budgets ADD COLUMN next_timezone text;
-- How long the period was meant to be: the budget may have another length by now.
ALTER TABLE budget_history ADD COLUMN period text NOT NULL
    CHECK (period IN ('DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY'));
-- One that is switched off goes on counting, so that its history has no gap.
DROP INDEX budgets_due;
CREATE INDEX budgets_due ON budgets (period_end) WHERE deleted_at IS NULL;
