"""A service's commands can be given beside `make run`, as the runbooks give them."""

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.credentials import load_or_create
from deploy.local.environment import WITH_TABLES
from deploy.local.state_folder import StateFolder


def _as_service(folder: Path, service: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-P", "-m", "deploy.local", "--state-dir", str(folder), "as")
    return subprocess.run(  # noqa: S603  # ours
        [*command, service, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("service", WITH_TABLES)
def test_a_command_has_all_settings_of_its_service(tmp_path: Path, service: str) -> None:
    load_or_create(tmp_path / "secrets.json")
    held = StateFolder(tmp_path)
    held.acquire()  # as the stack beside which it is given does
    settings = f"{service.capitalize()}Settings"
    told = _as_service(
        tmp_path,
        service,
        *("-P", "-c", f"import services.{service}.settings as s; print(s.{settings}().instance)"),
    )
    held.release()
    assert (told.stdout, told.stderr) == (f"{service}-0\n", "")


def test_where_nothing_was_started_nothing_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    told = _as_service(folder, "logging", "-V")
    assert told.returncode == 1
    assert "nothing was ever started" in told.stderr
    assert not folder.exists()
