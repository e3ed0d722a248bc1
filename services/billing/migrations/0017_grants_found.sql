-- A workspace's grants are listed by id, and a repeated grant is found by its entry.
CREATE INDEX grants_by_workspace ON grants (workspace_id, grant_id);
CREATE UNIQUE INDEX grants_of_entry ON grants (entry_id);
