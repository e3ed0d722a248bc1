-- What came back of each charge: kept by the database itself, for whoever inserts an entry and by
-- what way, so that refunds never sum above their charge.
CREATE TABLE charge_settlements (
    charge_entry_id bigint PRIMARY KEY REFERENCES ledger_entries,
    charged_units bigint NOT NULL,
    -- What adjustments have added to the charge; below zero where they took off.
    adjusted_units bigint NOT NULL DEFAULT 0,
    refunded_units bigint NOT NULL DEFAULT 0,
    CONSTRAINT refunds_never_exceed_their_charge
        CHECK (refunded_units BETWEEN 0 AND charged_units + adjusted_units)
) WITH (fillfactor = 50);
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON charge_settlements FROM billing;

-- As its owner: the role that runs may not change the sums but by its entries.
CREATE FUNCTION settle_charge() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    of_charge ledger_entries%ROWTYPE;
BEGIN
    SELECT * INTO of_charge FROM ledger_entries WHERE entry_id = NEW.refers_to_entry_id;
    IF of_charge.kind IS DISTINCT FROM 'charge' OR of_charge.workspace_id <> NEW.workspace_id
        OR NEW.kind NOT IN ('refund', 'adjustment')
    THEN
        RAISE EXCEPTION 'only a charge of the same account can be refunded or adjusted'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    INSERT INTO charge_settlements AS settled
        (charge_entry_id, charged_units, adjusted_units, refunded_units)
    VALUES (
        NEW.refers_to_entry_id,
        -of_charge.amount_units,
        CASE WHEN NEW.kind = 'adjustment' THEN -NEW.amount_units ELSE 0 END,
        CASE WHEN NEW.kind = 'refund' THEN NEW.amount_units ELSE 0 END
    )
    ON CONFLICT (charge_entry_id) DO UPDATE
    SET adjusted_units = settled.adjusted_units + EXCLUDED.adjusted_units,
        refunded_units = settled.refunded_units + EXCLUDED.refunded_units;
    RETURN NULL;
END
$$;
-- After, and not before: a trigger before each row would slow COPY down for every charge.
CREATE TRIGGER ledger_entries_settle
    AFTER INSERT ON ledger_entries
    FOR EACH ROW WHEN (NEW.refers_to_entry_id IS NOT NULL) EXECUTE FUNCTION settle_charge();
