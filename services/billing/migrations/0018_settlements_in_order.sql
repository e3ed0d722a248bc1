-- A check also looks at the row that INSERT … ON CONFLICT proposes: what gave back more than the
-- charge was at first was refused, although an adjustment had raised it. The row is made first, with
-- nothing in it, and then moved.
CREATE OR REPLACE FUNCTION settle_charge() RETURNS trigger LANGUAGE plpgsql
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
    INSERT INTO charge_settlements (charge_entry_id, charged_units)
    VALUES (NEW.refers_to_entry_id, -of_charge.amount_units)
    ON CONFLICT DO NOTHING;
    UPDATE charge_settlements
    SET adjusted_units = adjusted_units
            + CASE WHEN NEW.kind = 'adjustment' THEN -NEW.amount_units ELSE 0 END,
        refunded_units = refunded_units
            + CASE WHEN NEW.kind = 'refund' THEN NEW.amount_units ELSE 0 END
    WHERE charge_entry_id = NEW.refers_to_entry_id;
    RETURN NULL;
END
$$;
