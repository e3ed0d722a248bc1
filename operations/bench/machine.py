"""What was measured on, and with what: to be read beside the figures."""

import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psutil

from deploy.postgres.server_settings import SERVER_SETTINGS

_PACKAGES: Final = ("aiohttp", "aiokafka", "asyncpg", "orjson", "pydantic", "uvloop")
_BUSY: Final = 0.05


def machine_lines() -> Iterator[str]:
    """Machine, versions and settings, in a few lines."""
    memory_gib = psutil.virtual_memory().total / 2**30
    yield (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {psutil.cpu_count()} cores, {_model()}, "
        f"{memory_gib:.0f} GiB; {platform.system()} {platform.release()}"
    )
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    yield f"Python {platform.python_version()}, {packages}"
    durability = ", ".join(
        f"{name} {SERVER_SETTINGS[name]}" for name in ("fsync", "synchronous_commit")
    )
    yield f"journal fsync every 100 ms; acks=all, idempotent; PostgreSQL {durability}"
    busy = psutil.cpu_percent(interval=1.0) / 100
    if busy > _BUSY:
        yield f"THE MACHINE IS BUSY ({busy:.0%} of it with other things): the figures are too low"


def _model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
