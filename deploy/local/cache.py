"""Where what was downloaded stays for every checkout of this user."""

import os
from collections.abc import Mapping
from pathlib import Path


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Ledgerline's folder in the user's cache; it may not exist yet."""
    cache = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "ledgerline"
