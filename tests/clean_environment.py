"""A clean virtual environment in which `ledgerline-events` is installed from its folder."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

_REPOSITORY: Final = Path(__file__).parents[1]
PACKAGE: Final = _REPOSITORY / "packages" / "ledgerline-events"
_UV: Final = Path(sys.executable).with_name("uv")
_DEADLINE_S: Final = 240
NEEDS_TIME: Final = pytest.mark.timeout(900)
"""For tests that install something and start programs: each of these has its own deadline."""
_GROUP: Final = "events-package"
"""In the project's pyproject.toml: what the package and its tests need, at the locked versions."""


async def run(*command: str | Path, env: dict[str, str] | None = None) -> str:
    """What a program printed. Fails the test, and shows it, where the program failed."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=_REPOSITORY,
        env=_environment() | (env or {}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(_DEADLINE_S):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, printed.decode(errors="replace")[-10_000:]
    return printed.decode()


def _environment() -> dict[str, str]:
    """Nothing that would let the program see this project's own packages."""
    hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"}
    return {name: value for name, value in os.environ.items() if name not in hidden}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def clean_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its interpreter. What is installed comes from uv's cache, where `make install` put it."""
    folder = tmp_path_factory.mktemp("clean")
    locked, venv = folder / "pylock.toml", folder / "venv"
    python = venv / "bin" / "python"
    await run(
        *(_UV, "export", "--quiet", "--frozen", "--only-group", _GROUP),
        *("--format", "pylock.toml", "--output-file", locked),
    )
    await run(_UV, "venv", "--quiet", "--python", sys.executable, venv)
    await run(_UV, "pip", "sync", "--quiet", "--python", python, locked)
    # Its dependencies are there. Whatever else it asks for would be missing, and `check` says so.
    await run(_UV, "pip", "install", "--quiet", "--no-deps", "--python", python, PACKAGE)
    await run(_UV, "pip", "check", "--python", python)
    return python
