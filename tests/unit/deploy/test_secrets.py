import base64
import hashlib
import json
import stat
from pathlib import Path

import pytest

from deploy.secrets import CALLERS, env_file, main, new_environment, write_new
from tests.unit.deploy.compose_file import REPOSITORY


def test_the_file_is_for_its_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    """An overwritten master key would lock every channel's key for good."""
    path = tmp_path / ".env"
    write_new(path, "A='1'\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write_new(path, "A='2'\n")
    assert path.read_text() == "A='1'\n"


def test_the_command_says_so_where_there_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["deploy.secrets", str(tmp_path / ".env")])
    assert main() == 0
    made = (tmp_path / ".env").read_text()
    assert "MASTER_KEY='" in made
    assert main() == 1
    assert (tmp_path / ".env").read_text() == made
    shown = capsys.readouterr()
    assert not [line for line in made.splitlines() if line in shown.out + shown.err]


def test_callers_are_known_by_the_hash_of_what_they_show() -> None:
    made = new_environment()
    hashes = json.loads(made["INTERNAL_CALLERS"])
    for caller in CALLERS:
        secret = made[f"SERVICE_SECRET_{caller.upper()}"]
        assert hashes[caller] == hashlib.sha256(secret.encode()).hexdigest()


def test_keys_have_the_length_that_the_services_ask_for() -> None:
    made = new_environment()
    assert {len(base64.b64decode(made[key])) for key in ("MASTER_KEY", "SIGNING_SEED")} == {32}


def test_every_value_is_new_each_time() -> None:
    first, second = new_environment(), new_environment()
    assert not [name for name in first if first[name] == second[name]]


def test_a_value_cannot_end_its_quotes() -> None:
    lines = env_file(new_environment()).splitlines()
    assert all(line.count("'") == 2 and line.endswith("'") for line in lines)


def test_git_never_takes_the_file() -> None:
    assert ".env" in (REPOSITORY / ".gitignore").read_text().splitlines()
