"""What each service tells the public of its tables: names and types, never a value."""
