"""What workspaces mean to spend in a period, and what they have spent in it."""
