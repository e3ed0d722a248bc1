"""A provider that speaks OpenAI's dialect, counts what it served, and misbehaves on demand."""
