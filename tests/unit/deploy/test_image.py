"""What goes into the image, and as whom it runs. There is no Docker here: the file is read."""

import re
import tomllib
from fnmatch import fnmatch

from tests.unit.deploy.compose_file import REPOSITORY

_LINES = (REPOSITORY / "deploy/Dockerfile").read_text().replace("\\\n", " ").splitlines()
_DOCKERFILE = [line for line in _LINES if line and not line.startswith("#")]
_IGNORED = (REPOSITORY / ".dockerignore").read_text().splitlines()


def _instructions(name: str) -> list[str]:
    return [line.removeprefix(name).strip() for line in _DOCKERFILE if line.startswith(f"{name} ")]


def _sources() -> list[str]:
    return [
        source
        for copy in _instructions("COPY")
        if not copy.startswith("--from")
        for source in copy.split()[:-1]
    ]


def test_it_does_not_run_as_root() -> None:
    [user] = _instructions("USER")
    assert user not in {"root", "0"}
    after = _DOCKERFILE[_DOCKERFILE.index(f"USER {user}") :]
    assert not [line for line in after if line.startswith("RUN")]


def test_every_copied_path_exists_and_is_sent_to_the_builder() -> None:
    allowed = {line.removeprefix("!") for line in _IGNORED if line.startswith("!")}
    assert _IGNORED[1] == "*", "everything is left out unless it is named"
    for source in _sources():
        assert (REPOSITORY / source).exists(), source
        assert any(source == name or source.startswith(f"{name}/") for name in allowed), source


def test_neither_state_nor_secrets_nor_tests_go_in() -> None:
    for name in (".env", ".state", ".git", "tests", ".venv", "deploy/local"):
        assert name not in _sources()
        assert f"!{name}" not in _IGNORED
    text = "\n".join(_DOCKERFILE)
    assert not re.search(r"\b(ARG|ENV)\s[^\n]*(SECRET|PASSWORD|MASTER_KEY|SEED|TOKEN)", text)


def test_dependencies_are_those_of_the_lock_file_without_the_development_ones() -> None:
    syncs = [run for run in _instructions("RUN") if "uv sync" in run]
    assert all({"--frozen", "--no-dev"} <= set(sync.split()) for sync in syncs)
    # Whatever else is made elsewhere: what goes into the image has no group beside.
    [sync] = [sync for sync in syncs if "UV_PROJECT_ENVIRONMENT" not in sync]
    assert "--group" not in sync
    [copied] = [one for one in _instructions("COPY") if ".venv" in one]
    assert copied == "--from=build /app/.venv ./.venv"
    [pinned] = re.findall(r"uv==([\d.]+)", "\n".join(_DOCKERFILE))
    assert f"UV_VERSION := {pinned}" in (REPOSITORY / "Makefile").read_text().splitlines()


def test_the_compiler_stays_out_of_the_image() -> None:
    """What is compiled goes in; with what, the stage that made it keeps."""
    made, image = "\n".join(_DOCKERFILE).split("\nFROM ")
    assert "apt-get install" in made
    assert "-m deploy.compiled" in made
    assert "COPY --from=build /app/.compiled ./.compiled" in image
    assert "gcc" not in image
    assert "/tools" not in image
    # Sources that differ from those that were compiled would be interpreted.
    for source in ("COPY shared ./shared", "COPY services ./services"):
        assert source in made
        assert source in image


def test_python_is_pinned_and_one_that_the_project_takes() -> None:
    bases = {line.split()[0] for line in _instructions("FROM")}
    [base] = bases
    assert fnmatch(base, "python:3.11.*-slim-*")
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert project["requires-python"].startswith(">=3.11")


def test_services_cannot_hide_the_standard_library() -> None:
    assert "PYTHONSAFEPATH=1" in " ".join(_instructions("ENV"))


def test_the_journal_s_folder_belongs_to_who_runs() -> None:
    """A new volume takes owner and mode of the folder that it is mounted on."""
    [user] = _instructions("USER")
    [made] = [run for run in _instructions("RUN") if "install -d" in run]
    assert f"-o {user}" in made
    assert made.endswith("/var/lib/ledgerline/journal")
