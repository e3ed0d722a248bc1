"""How a service speaks to its own schema: pools, migrations, and transactions tried again."""
