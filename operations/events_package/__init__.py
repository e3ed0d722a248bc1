"""Making the typed models of `packages/ledgerline-events` from the public events' schemas."""
