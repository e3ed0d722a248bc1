"""`ledgerline-events` is installed from its folder, and its tests pass there on real servers."""

from pathlib import Path

from tests.clean_environment import NEEDS_TIME, PACKAGE, run
from tests.stack_fixtures import Database


@NEEDS_TIME
async def test_its_own_tests_pass_where_nothing_else_of_ours_is(
    clean_python: Path, database: Database
) -> None:
    """With warnings as errors, and the package as it was installed: typed, and complete."""
    where = "import ledgerline_events as e; print(e.__file__)"
    installed = Path((await run(clean_python, "-P", "-c", where)).strip())
    assert clean_python.parents[1] in installed.parents
    assert installed.with_name("py.typed").exists()
    printed = await run(
        *(clean_python, "-m", "pytest", "--quiet", "-c", PACKAGE / "pyproject.toml"),
        *("--rootdir", PACKAGE, PACKAGE / "tests"),
        env={
            "LEDGERLINE_EVENTS_KAFKA": database.infrastructure.kafka_bootstrap,
            "LEDGERLINE_EVENTS_POSTGRESQL": database.dsn("superuser"),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )
    assert "skipped" not in printed
    assert "deselected" not in printed
