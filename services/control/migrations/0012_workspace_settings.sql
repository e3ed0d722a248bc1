-- What a workspace has set: `timezone`, an IANA name, where its budgets' days, weeks and months begin.
ALTER TABLE workspaces ADD COLUMN settings jsonb NOT NULL DEFAULT '{}';
